/** Sweeps, live as long as somebody looks: their counts move with their jobs. */

import type { Api } from '../api';
import { Resource } from '../resource';
import type { Page, Sweep, SweepStudy } from '../types';
import type { INews, Watching } from '../watching';

/** A key that no job has: such a resource follows the jobs only while it shows something of them. */
const NO_JOB = '';

/** Milliseconds between two readings of a study, which may have a hundred thousand values. */
const STUDY_GAP = 2000;

function runs(sweep: Sweep): boolean {
  return sweep.state === 'running';
}

/** A sweep with its points, live until disposed. */
export function watchSweep(api: Api, watching: Watching, id: string): Resource<Sweep> {
  const sweep = new Resource<Sweep>(signal => api.sweeps.get(id, signal));
  watching.add(['sweeps'], id, sweep);
  return watching.add(['jobs'], NO_JOB, sweep, data => data !== null && runs(data));
}

/** The study of a sweep by Optuna; while `running` says so it follows what jobs and runs do; live until disposed. */
export function watchStudy(api: Api, watching: Watching, id: string, running: () => boolean): Resource<SweepStudy> {
  const study = new Resource<SweepStudy>(signal => api.sweeps.study(id, signal), undefined, STUDY_GAP);
  const heard = (_: unknown, { topic, key }: INews): void => {
    const own = topic === null || (topic === 'sweeps' && (key === null || key === id));
    if (study.isDisposed) {
      watching.news.disconnect(heard);
    } else if (own || ((topic === 'jobs' || topic === 'runs') && running())) {
      study.invalidate();
    }
  };
  watching.news.connect(heard);
  return study;
}

/** Lets a list of sweeps follow them and, while one runs, their jobs. */
export function watchSweeps(watching: Watching, sweeps: Resource<Page<Sweep>>): Resource<Page<Sweep>> {
  watching.add(['sweeps'], null, sweeps);
  return watching.add(['jobs'], NO_JOB, sweeps, data => data?.items.some(runs) ?? false);
}
