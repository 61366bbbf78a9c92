/** How numbers, sizes, times and durations read; every number carries its unit. */

import type { TranslationBundle } from '@jupyterlab/translation';

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

/** JSON over several lines, with a list of plain values on one. */
export function pretty(value: unknown): string {
  return (JSON.stringify(value, null, 2) ?? '').replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner: string) =>
    `[${inner.split(/,\s*\n\s*/).join(', ')}]`
  );
}

/** A JSON value in one short line. */
export function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
