/** The ledger as entries: what happened when, what comes, each with the words and the look that it has everywhere. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPlan } from '../../model';
import type { Job, Occurrence } from '../../types';
import { type Tone, stateTone, stateWord } from '../../widgets/state';

/** How an instant is drawn; `coming` has not come yet. */
export type Mark = Occurrence['state'] | 'coming';

/** The marks in the order of their weight: of several in one place, the last one is drawn. */
export const MARKS: ReadonlyArray<Mark> = ['coming', 'skipped', 'ran', 'caught_up', 'missed'];

/** The marks in the order in which one reads of them. */
export const READ: ReadonlyArray<Mark> = ['ran', 'caught_up', 'skipped', 'missed', 'coming'];

/** One instant of one schedule. */
export interface IEntry {
  readonly schedule: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly mark: Mark;
  readonly reason: string | null;
  readonly jobId: string | null;
  /** The job as far as it is known. */
  readonly job: Job | null;
}

/** The instants of a schedule between two moments, oldest first; `live` are jobs that are known more recently. */
export function entriesOf(plan: IPlan, from: number, to: number, live: ReadonlyMap<string, Job>): IEntry[] {
  const { id, name } = plan.schedule;
  const past = plan.past.map((each): IEntry => {
    const job = each.job_id === null ? null : (live.get(each.job_id) ?? plan.jobs.get(each.job_id) ?? null);
    const time = Date.parse(each.scheduled_for);
    return { schedule: id, name, time, mark: each.state, reason: each.reason, jobId: each.job_id, job };
  });
  // What was read a moment later may already have decided what was still to come.
  const decided = past.at(0)?.time ?? 0;
  const coming = plan.coming
    .map((time): IEntry => {
      return { schedule: id, name, time: Date.parse(time), mark: 'coming', reason: null, jobId: null, job: null };
    })
    .filter(each => each.time > decided);
  return [...past.reverse(), ...coming].filter(each => each.time >= from && each.time <= to);
}

/** True when its job ended badly. */
export function wentWrong(entry: IEntry): boolean {
  return entry.job?.state === 'failed' || entry.job?.state === 'lost';
}

export function markWord(mark: Mark, trans: TranslationBundle): string {
  return mark === 'coming' ? trans.__('To come') : stateWord(mark, trans);
}

export function markTone(mark: Mark): Tone {
  return mark === 'coming' ? 'brand' : stateTone(mark);
}

/** "2 ran, 1 of them failed; 1 skipped (job 7 had not ended)". */
export function countWords(entries: ReadonlyArray<IEntry>, trans: TranslationBundle): string {
  return READ.flatMap(mark => {
    const some = entries.filter(each => each.mark === mark);
    if (some.length === 0) {
      return [];
    }
    const bad = some.filter(wentWrong).length;
    const reasons = [...new Set(some.map(each => each.reason ?? ''))].filter(Boolean);
    const why = reasons.length > 0 ? ` (${reasons.slice(0, 2).join('; ')}${reasons.length > 2 ? '; …' : ''})` : '';
    const words = `${some.length} ${markWord(mark, trans).toLocaleLowerCase()}${why}`;
    return [bad > 0 ? trans.__('%1, %2 of them failed', words, bad) : words];
  }).join('; ');
}
