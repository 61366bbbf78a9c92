/** How numbers, sizes, times and durations read; every number carries its unit. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONValue } from '@lumino/coreutils';

/** Seconds as people say them: "41 s", "3 min 12 s", "2 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 0.001) {
    return '0 s';
  }
  if (seconds < 1) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  }
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Like duration, without the part after the first unit and whole seconds only: for ticking clocks. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const rest = String(whole % 60).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return `${minutes}:${rest}`;
  }
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

/** "2h", "90s", "1h30m" or plain seconds; null when it cannot be read. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    return Number(trimmed);
  }
  const match = /^(?:(\d+(?:\.\d+)?)\s*d)?\s*(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d+)?)\s*s)?$/.exec(
    trimmed
  );
  if (trimmed === '' || match === null) {
    return null;
  }
  const [, days, hours, minutes, seconds] = match;
  return (
    Number(days ?? 0) * 86400 + Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)
  );
}

/** Seconds as `parseDuration` reads them back: "1h30m"; empty for null. */
export function durationText(seconds: number | null): string {
  if (seconds === null) {
    return '';
  }
  const units = [['d', 86400], ['h', 3600], ['m', 60]] as const;
  let left = seconds;
  let text = '';
  for (const [unit, size] of units) {
    const whole = Math.floor(left / size);
    if (whole > 0) {
      text += `${whole}${unit}`;
      left -= whole * size;
    }
  }
  return left > 0 || text === '' ? `${text}${Number(left.toFixed(3))}s` : text;
}

/** A metric: four significant digits, never an exponent where none is needed. */
export function number(value: number | null): string {
  if (value === null || !Number.isFinite(value)) {
    return '–';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return value.toLocaleString();
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** Bytes in binary units: "16.0 GiB". */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** "16G", "500M" or plain bytes, in binary units; null when it cannot be read. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  return match === null ? null : Math.floor(Number(match[1]) * 1024 ** ' kmgt'.indexOf(match[2].toLowerCase() || ' '));
}

/** Bytes as `parseBytes` reads them back: "16G"; empty for null. */
export function bytesText(value: number | null): string {
  if (value === null) {
    return '';
  }
  const power = [4, 3, 2, 1].find(each => value >= 1024 ** each && value % 1024 ** each === 0) ?? 0;
  return `${value / 1024 ** power}${' KMGT'[power].trim()}`;
}

/** A share from 0 to 1 as a percentage. */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

/** How long ago a moment was, in one unit. */
export function ago(then: Date, now: number, trans: TranslationBundle): string {
  const seconds = (now - then.getTime()) / 1000;
  if (seconds < 5) {
    return trans.__('just now');
  }
  if (seconds < 60) {
    return trans.__('%1s ago', Math.floor(seconds));
  }
  if (seconds < 3600) {
    return trans.__('%1m ago', Math.floor(seconds / 60));
  }
  if (seconds < 86400) {
    return trans.__('%1h ago', Math.floor(seconds / 3600));
  }
  return trans.__('%1d ago', Math.floor(seconds / 86400));
}

/** How far ahead a moment is, in one unit: "25 s", "4 min", "3 h". */
export function until(then: Date, now: number, trans: TranslationBundle): string {
  const seconds = (then.getTime() - now) / 1000;
  if (seconds < 60) {
    return trans.__('%1 s', Math.max(0, Math.ceil(seconds)));
  }
  if (seconds < 3600) {
    return trans.__('%1 min', Math.round(seconds / 60));
  }
  if (seconds < 86400) {
    return trans.__('%1 h', Math.round(seconds / 3600));
  }
  return trans.__('%1 d', Math.round(seconds / 86400));
}

/** A place in a row: "1st", "2nd". */
export function ordinal(place: number, trans: TranslationBundle): string {
  switch (new Intl.PluralRules('en', { type: 'ordinal' }).select(place)) {
    case 'one':
      return trans.__('%1st', place);
    case 'two':
      return trans.__('%1nd', place);
    case 'few':
      return trans.__('%1rd', place);
    default:
      return trans.__('%1th', place);
  }
}

/** "Mon 23 Nov, 06:00" in a zone; with the year when it is another one, with seconds where it has some. */
export function moment(time: string | Date, timeZone?: string): string {
  const then = new Date(time);
  const year = then.getFullYear() === new Date().getFullYear() ? undefined : ('numeric' as const);
  const options: Intl.DateTimeFormatOptions = {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year,
    hour: '2-digit',
    minute: '2-digit',
    second: then.getSeconds() ? '2-digit' : undefined,
    hourCycle: 'h23'
  };
  try {
    return then.toLocaleString(undefined, { ...options, timeZone });
  } catch {
    // A zone that the server knows and the browser does not.
    return then.toLocaleString(undefined, options);
  }
}

/** JSON over several lines, with a list of plain values on one. */
export function pretty(value: unknown): string {
  return (JSON.stringify(value, null, 2) ?? '').replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner: string) =>
    `[${inner.split(/,\s*\n\s*/).join(', ')}]`
  );
}

/** One value of a parameter. */
export function valueWords(value: JSONValue | undefined): string {
  return typeof value === 'number' ? number(value) : short(value ?? null);
}

/** A JSON value in one short line. */
export function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
