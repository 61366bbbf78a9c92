/** One job with its executed notebook and its log, live as long as somebody looks. */

import type * as nbformat from '@jupyterlab/nbformat';
import type { IDisposable } from '@lumino/disposable';
import type { Api } from '../api';
import { Resource } from '../resource';
import { ENDED_JOB_STATES, type Job, type JobLog } from '../types';
import type { Watching } from '../watching';

/** A job with its executed notebook, while somebody looks at it. */
export interface IJobView {
  readonly job: Resource<Job>;
  readonly notebook: Resource<nbformat.INotebookContent>;
  readonly log: Resource<JobLog>;
}

/** A job, its notebook and its log, live until disposed. */
export function watchJob(api: Api, watching: Watching, id: string): IJobView & IDisposable {
  // Others that start or end move a queued one up.
  const job = watching.add(
    ['jobs'],
    id,
    new Resource(signal => api.jobs.get(id, signal)),
    data => data?.state === 'queued'
  );
  const notebook = watching.add(['jobs'], id, new Resource(signal => api.jobs.notebook(id, signal)));
  let attempt: number | undefined;
  const log = watching.add(
    ['jobs'],
    id,
    new Resource<JobLog>(async (signal, last) => {
      // Every attempt has a log of its own.
      const same = attempt === job.data?.attempt;
      attempt = job.data?.attempt;
      const next = await api.jobs.log(id, same ? (last?.offset ?? 0) : 0, signal);
      return last && same ? { ...next, text: last.text + next.text } : next;
    })
  );
  return {
    job,
    notebook,
    log,
    dispose: () => {
      [job, notebook, log].forEach(each => {
        each.dispose();
      });
    },
    get isDisposed() {
      return job.isDisposed;
    }
  };
}

/** True when no further change is to be expected. */
export function ended(job: Pick<Job, 'state'>): boolean {
  return ENDED_JOB_STATES.has(job.state);
}

/** Index of the cell where a job failed, in the submitted notebook; null when it did not fail in one. */
export function failedCell(job: Job): number | null {
  const failed = new Set<string>(['error', 'timeout', 'kernel_died']);
  return job.cells.find(cell => failed.has(cell.state))?.index ?? null;
}
