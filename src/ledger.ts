/** What became of the instants of every schedule, and which come next: what the Schedules view draws. */

import type { ISignal } from '@lumino/signaling';
import { type Api, ApiError } from './api';
import type { IJobMove } from './followed';
import { Resource } from './resource';
import type { Job, Occurrence, Page, Schedule } from './types';

/** Past occurrences and jobs of one schedule that are kept, the newest. */
export const PAST = 200;

/** Instants to come of one schedule that are known, the nearest. */
export const COMING = 100;

/** One schedule with its ledger. */
export interface IPlan {
  readonly schedule: Schedule;
  /** Newest first. */
  readonly past: ReadonlyArray<Occurrence>;
  /** Its newest jobs, by id. */
  readonly jobs: ReadonlyMap<string, Job>;
  /** Nearest first; empty unless it is active. */
  readonly coming: ReadonlyArray<string>;
}

/** Plans by the id of their schedule, in the order of the list. */
export type Ledger = ReadonlyMap<string, IPlan>;

/** The plans of `schedules`, read again when the list changes or a job of one of them moves; live until disposed. */
export function watchLedger(
  api: Api,
  schedules: Resource<Page<Schedule>>,
  jobMoved: ISignal<unknown, IJobMove>
): Resource<Ledger> {
  const stale = new Set<string>();
  const ledger = new Resource<Ledger>(async (signal, last) => {
    if (schedules.data === null) {
      await schedules.refresh();
    }
    const { data, error } = schedules.snapshot;
    if (data === null) {
      throw error ?? new ApiError('The schedules could not be read.', 0, 'offline', 'Try again.', {});
    }
    const wanted = new Set(stale);
    stale.clear();
    return readLedger(api, data.items, last, wanted, signal);
  });
  const disposed = (): boolean => {
    if (ledger.isDisposed) {
      schedules.changed.disconnect(listed);
      jobMoved.disconnect(moved);
    }
    return ledger.isDisposed;
  };
  const listed = (): void => {
    if (!disposed()) {
      ledger.invalidate();
    }
  };
  const moved = (_: unknown, { job }: IJobMove): void => {
    if (!disposed() && job.schedule_id !== null) {
      stale.add(job.schedule_id);
      ledger.invalidate();
    }
  };
  schedules.changed.connect(listed);
  jobMoved.connect(moved);
  return ledger;
}

/**
 * Reads the plans of `schedules`; one of `last` is kept where nothing of it changed.
 * `stale` names schedules of which a job ended since.
 */
async function readLedger(
  api: Api,
  schedules: ReadonlyArray<Schedule>,
  last: Ledger | null,
  stale: ReadonlySet<string>,
  signal: AbortSignal
): Promise<Ledger> {
  const plans = await Promise.all(
    schedules.map(async (schedule): Promise<[string, IPlan]> => {
      const before = last?.get(schedule.id);
      if (before && !stale.has(schedule.id) && before.schedule.updated_at === schedule.updated_at && sameInstants(before.schedule, schedule)) {
        return [schedule.id, { ...before, schedule }];
      }
      const [past, jobs, coming] = await Promise.all([
        api.schedules.occurrences(schedule.id, PAST, signal),
        api.jobs.ofSchedule(schedule.id, PAST, signal),
        instantsOf(api, schedule, signal)
      ]);
      return [schedule.id, { schedule, past: past.items, jobs: new Map(jobs.items.map(job => [job.id, job])), coming }];
    })
  );
  return new Map(plans);
}

function sameInstants(before: Schedule, after: Schedule): boolean {
  return (
    before.state === after.state &&
    before.next_at === after.next_at &&
    before.last?.scheduled_for === after.last?.scheduled_for
  );
}

async function instantsOf(api: Api, schedule: Schedule, signal: AbortSignal): Promise<ReadonlyArray<string>> {
  const { next_at: next, when } = schedule;
  if (schedule.state !== 'active' || next === null) {
    return [];
  }
  const first = Date.parse(next);
  if (when.every !== null) {
    // A preview would count from now; the schedule counts from its beginning.
    const period = when.every * 1000;
    return Array.from({ length: COMING }, (_, index) => new Date(first + index * period).toISOString());
  }
  if (when.cron === null) {
    return [next];
  }
  const before = new Date(first - 1000).toISOString();
  const page = await api.schedules.preview({ cron: when.cron, timezone: when.timezone }, COMING, signal, before);
  return page.items.map(each => each.utc);
}
