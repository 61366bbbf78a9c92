/** One job with its executed notebook and its log, live as long as somebody looks. */

import type * as nbformat from '@jupyterlab/nbformat';
import type { IDisposable } from '@lumino/disposable';
import type { Api } from '../api';
import { Resource } from '../resource';
import { ENDED_JOB_STATES, type Job, type JobChanges, type JobLog } from '../types';
import type { Watching } from '../watching';

/** Milliseconds between two fetches of an executed notebook, which may be large. */
const NOTEBOOK_GAP = 1000;

/** Milliseconds after which a cell that prints is looked at again: what it prints is no event. */
const PRINTS = 2000;

/** The same between two comparisons, which read two runs. */
const CHANGES_GAP = 3000;

/** A fetch takes at most one part in so many of the time. */
const SHARE = 8;

/** A job with its executed notebook, while somebody looks at it. */
export interface IJobView {
  readonly job: Resource<Job>;
  readonly notebook: Resource<nbformat.INotebookContent>;
  readonly log: Resource<JobLog>;
  /** What is different from the last time that it succeeded. */
  readonly changes: Resource<JobChanges>;
  /** Somebody sees it: while the job runs, what its cells print is followed. */
  seen: boolean;
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
  let took = 0;
  const notebook = watching.add(
    ['jobs'],
    id,
    new Resource(
      async signal => {
        const began = performance.now();
        const content = await api.jobs.notebook(id, signal);
        took = performance.now() - began;
        return content;
      },
      undefined,
      NOTEBOOK_GAP
    )
  );
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
  const changes = watching.add(['jobs'], id, new Resource(signal => api.jobs.changes(id, signal), undefined, CHANGES_GAP));
  let seen = false;
  let timer = 0;
  const look = (): void => {
    window.clearTimeout(timer);
    timer = 0;
    if (seen && !job.isDisposed && job.data?.state === 'running') {
      timer = window.setTimeout(
        () => {
          if (!document.hidden) {
            notebook.invalidate();
            log.invalidate();
          }
          look();
        },
        Math.max(PRINTS, SHARE * took)
      );
    }
  };
  let running = false;
  job.changed.connect((_, { data }) => {
    if (running !== (data?.state === 'running')) {
      running = !running;
      look();
    }
  });
  return {
    job,
    notebook,
    log,
    changes,
    get seen() {
      return seen;
    },
    set seen(value: boolean) {
      if (seen !== value) {
        seen = value;
        look();
      }
    },
    dispose: () => {
      window.clearTimeout(timer);
      [job, notebook, log, changes].forEach(each => {
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
