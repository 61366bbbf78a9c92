/** What somebody typed about whom to tell, and what it means to the server. */

import type { NoticeEvent, Notify } from '../../types';
import { durationText, parseDuration } from '../../widgets/format';

export const EVENTS: ReadonlyArray<NoticeEvent> = ['failure', 'recovery', 'too_long', 'success'];

/** Events of a target that says nothing else. */
const USUAL: ReadonlyArray<NoticeEvent> = ['failure', 'recovery'];

/** One target as typed. */
export interface INotifyValues {
  readonly to: string;
  readonly on: ReadonlyArray<NoticeEvent>;
  /** What is too long; empty for what the server takes. */
  readonly after: string;
}

export const NO_NOTIFY: INotifyValues = { to: '', on: USUAL, after: '' };

/** What the form shows of what was asked for. */
export function notifyValuesOf(notify: ReadonlyArray<Notify>): INotifyValues[] {
  return notify.map(one => ({ to: one.to, on: one.on, after: durationText(one.after) }));
}

/** Targets as the server takes them; a line without a target asks for nothing. */
export function notifyOf(values: ReadonlyArray<INotifyValues>): Notify[] {
  return values
    .filter(one => one.to.trim() !== '')
    .map(one => ({
      to: one.to.trim(),
      on: EVENTS.filter(event => one.on.includes(event)),
      after: bounded(one) ? parseDuration(one.after) : null
    }));
}

function bounded(one: INotifyValues): boolean {
  return one.on.includes('too_long') && one.after.trim() !== '';
}

/** Where what the server says of its target number n is shown: the line that it was typed into. */
export function lineOf(values: ReadonlyArray<INotifyValues>, index: number): number {
  const given = values.flatMap((one, line) => (one.to.trim() === '' ? [] : [line]));
  return given.at(index) ?? 0;
}

/** Fields of the targets that cannot be sent: without an event, or with a time that cannot be read. */
export function wrongNotify(values: ReadonlyArray<INotifyValues>): { readonly events: string[]; readonly times: string[] } {
  const given = values.filter(one => one.to.trim() !== '');
  return {
    events: given.flatMap((one, index) => (one.on.length === 0 ? [`notify.${index}.on`] : [])),
    times: given.flatMap((one, index) => (bounded(one) && parseDuration(one.after) === null ? [`notify.${index}.after`] : []))
  };
}
