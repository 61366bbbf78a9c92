/** Where a value of a parameter stands on an axis: by its size, by its order of magnitude, or by its place. */

import type { JSONValue } from '@lumino/coreutils';
import type { Span, Sweep } from '../../types';
import { number } from '../../widgets/format';
import { valueWords } from './words';

export interface ITick {
  /** From 0 to 1. */
  readonly at: number;
  readonly label: string;
}

export interface IAxis {
  readonly name: string;
  readonly scale: 'linear' | 'log' | 'places';
  /** From 0 to 1; null for a value that has no place. */
  readonly place: (value: JSONValue | undefined) => number | null;
  readonly ticks: ReadonlyArray<ITick>;
}

/** True for a range of numbers. */
export function isSpan(values: Sweep['space'][string] | undefined): values is Span {
  return values !== undefined && 'low' in values;
}

/** A key by which equal values are equal. */
export function keyOf(value: JSONValue | undefined): string {
  return JSON.stringify(value ?? null);
}

/** The different values that a parameter takes, numbers by size, others as they come. */
export function valuesOf(sweep: Sweep, name: string): JSONValue[] {
  const listed = sweep.space[name];
  const all = isSpan(listed) ? [] : [...listed];
  const values = [...new Map([...all, ...sweep.points.map(each => each.point[name])].map(value => [keyOf(value), value])).values()];
  return values.every(value => typeof value === 'number') ? values.sort((one, other) => Number(one) - Number(other)) : values;
}

/** Steps of 1, 2 or 5 times a power of ten within a range, about five of them. */
function round(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find(each => each * size >= rough) ?? 10) * size;
  const ticks: number[] = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) {
    ticks.push(Number((at * step).toPrecision(12)));
  }
  return ticks;
}

function linear(name: string, low: number, high: number): IAxis {
  const room = (high - low) * 0.05 || Math.abs(low) * 0.05 || 1;
  const [from, to] = [low - room, high + room];
  const place = (value: JSONValue | undefined): number | null => (typeof value === 'number' ? (value - from) / (to - from) : null);
  return { name, scale: 'linear', place, ticks: round(from, to).map(value => ({ at: place(value) ?? 0, label: number(value) })) };
}

function logarithmic(name: string, low: number, high: number): IAxis {
  const inner = linear(name, Math.log10(low), Math.log10(high));
  const place = (value: JSONValue | undefined): number | null =>
    typeof value === 'number' && value > 0 ? inner.place(Math.log10(value)) : null;
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const decades = Array.from({ length: Math.max(0, Math.floor(Math.log10(high) + 1e-9) - first + 1) }, (_, index) => 10 ** (first + index));
  const values = decades.length > 1 ? decades : [low, high];
  return { name, scale: 'log', place, ticks: values.map(value => ({ at: place(value) ?? 0, label: number(value) })) };
}

function places(name: string, values: ReadonlyArray<JSONValue>): IAxis {
  const order = new Map(values.map((value, index) => [keyOf(value), (index + 0.5) / values.length]));
  return {
    name,
    scale: 'places',
    place: value => order.get(keyOf(value)) ?? null,
    ticks: values.map(value => ({ at: order.get(keyOf(value)) ?? 0, label: valueWords(value) }))
  };
}

/** The axis of numbers between two. */
export function numberAxis(name: string, values: ReadonlyArray<number>, log = false): IAxis {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return log && low > 0 && high > low ? logarithmic(name, low, high) : linear(name, low, high);
}

/** The axis of a parameter, as its space says. */
export function axisOf(sweep: Sweep, name: string): IAxis {
  const space = sweep.space[name];
  if (isSpan(space)) {
    return numberAxis(name, [space.low, space.high], space.log);
  }
  const values = valuesOf(sweep, name);
  const numbers = values.filter(value => typeof value === 'number');
  if (numbers.length < values.length || numbers.length < 2) {
    return places(name, values);
  }
  return numberAxis(name, numbers, Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 50);
}
