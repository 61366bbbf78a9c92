/** Schedules in words: when one is due, and what its policies mean. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CatchUp, Overlap, When } from '../../types';
import { duration, moment, ordinal } from '../../widgets/format';

/** 2023-01-01 was a Sunday, which cron counts as 0. */
function weekday(number: number, style: 'long' | 'short'): string {
  return new Date(2023, 0, 1 + (number % 7)).toLocaleDateString(undefined, { weekday: style });
}

function month(number: number): string {
  return new Date(2023, number - 1, 1).toLocaleDateString(undefined, { month: 'long' });
}

function time(hour: string, minute: string): string {
  return `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
}

const NUMBER = /^\d{1,2}$/;
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

function days(field: string, trans: TranslationBundle): string | null {
  const plain = field.toUpperCase().replace(/[A-Z]{3}/g, name => String(DAYS.indexOf(name)));
  if (plain === '1-5') {
    return trans.__('weekdays');
  }
  if (plain === '0,6' || plain === '6,0' || plain === '6,7' || plain === '6-7') {
    return trans.__('weekends');
  }
  if (/^[0-7]$/.test(plain)) {
    return trans.__('every %1', weekday(Number(plain), 'long'));
  }
  return /^[0-7](,[0-7])+$/.test(plain)
    ? plain
        .split(',')
        .map(each => weekday(Number(each), 'short'))
        .join(', ')
    : null;
}

/** "weekdays at 06:00" for the expressions that most people write; null for the others. */
export function cronWords(cron: string, trans: TranslationBundle): string | null {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) {
    return null;
  }
  const [minute, hour, day, inMonth, onDay] = fields;
  const daily = day === '*' && inMonth === '*';
  const step = /^\*\/(\d{1,2})$/;
  if (daily && onDay === '*' && hour === '*') {
    if (minute === '*' || minute === '*/1') {
      return trans.__('every minute');
    }
    const every = step.exec(minute)?.[1];
    if (every && 60 % Number(every) === 0) {
      return trans.__('every %1 minutes', every);
    }
    return NUMBER.test(minute) ? trans.__('every hour at minute %1', Number(minute)) : null;
  }
  if (!NUMBER.test(minute)) {
    return null;
  }
  const hours = step.exec(hour)?.[1];
  if (daily && onDay === '*' && hours && 24 % Number(hours) === 0) {
    return trans.__('every %1 hours at minute %2', hours, Number(minute));
  }
  if (!/^\d{1,2}(,\d{1,2})*$/.test(hour)) {
    return null;
  }
  const at = hour
    .split(',')
    .map(each => time(each, minute))
    .join(', ');
  if (daily) {
    const on = onDay === '*' ? trans.__('every day') : days(onDay, trans);
    return on === null ? null : trans.__('%1 at %2', on, at);
  }
  if (onDay !== '*' || !NUMBER.test(day)) {
    return null;
  }
  const date = ordinal(Number(day), trans);
  if (inMonth === '*') {
    return trans.__('the %1 of every month at %2', date, at);
  }
  return NUMBER.test(inMonth) ? trans.__('every year on the %1 of %2 at %3', date, month(Number(inMonth)), at) : null;
}

/** When a schedule is due, in words; a cron expression that has none as itself. */
export function whenWords(when: When, trans: TranslationBundle): string {
  if (when.every !== null) {
    return trans.__('every %1', duration(when.every).replace(/\.0 s$/, ' s'));
  }
  if (when.at !== null) {
    return trans.__('once, %1', moment(when.at));
  }
  return cronWords(when.cron ?? '', trans) ?? when.cron ?? '';
}

/** What becomes of a due instant while an earlier job has not ended. */
export function overlapWords(overlap: Overlap, trans: TranslationBundle): string {
  switch (overlap) {
    case 'queue':
      return trans.__('wait for it');
    case 'skip':
      return trans.__('skip this one');
    case 'allow':
      return trans.__('run both');
    case 'replace':
      return trans.__('end the earlier one');
  }
}

/** Which instants still run that were due while nothing could run them. */
export function catchUpWords(catchUp: CatchUp, trans: TranslationBundle): string {
  switch (catchUp) {
    case 'latest':
      return trans.__('run the newest');
    case 'all':
      return trans.__('run all of them');
    case 'skip':
      return trans.__('run none');
  }
}
