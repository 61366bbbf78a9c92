/** The run that a job left, and the models that are registered of it. */

import type { Api } from '../api';
import { Resource } from '../resource';
import type { RunDetail } from '../types';
import type { Watching } from '../watching';

export interface IJobRun {
  /** null for a job that left none. */
  readonly run: RunDetail | null;
}

/** The run of a job, live until disposed: a model may be registered later. */
export function watchRunOfJob(api: Api, watching: Watching, id: string): Resource<IJobRun> {
  const found = new Resource<IJobRun>(async signal => {
    const { run_id } = await api.jobs.get(id, signal);
    return { run: run_id === null ? null : await api.runs.get(run_id, signal) };
  });
  watching.add(['jobs'], id, found);
  return watching.add(['models'], null, found);
}
