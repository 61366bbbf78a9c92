/** Where a value stands on an axis: by its size, by its order of magnitude, or by its place among others. */

import type { JSONValue } from '@lumino/coreutils';
import { number, valueWords } from '../format';

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

/** A key by which equal values are equal. */
export function keyOf(value: JSONValue | undefined): string {
  return JSON.stringify(value ?? null);
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

/** The axis of whole numbers. */
export function wholeAxis(name: string, low: number, high: number): IAxis {
  const axis = linear(name, low, high);
  const whole = round(low, Math.max(high, low + 1)).filter(value => Number.isInteger(value) && value <= high);
  return { ...axis, ticks: whole.map(value => ({ at: axis.place(value) ?? 0, label: number(value) })) };
}

/** The axis of a few values, as far from each other as they have room. */
export function placesAxis(name: string, values: ReadonlyArray<JSONValue>): IAxis {
  const order = new Map(values.map((value, index) => [keyOf(value), (index + 0.5) / values.length]));
  return {
    name,
    scale: 'places',
    place: value => order.get(keyOf(value)) ?? null,
    ticks: values.map(value => ({ at: order.get(keyOf(value)) ?? 0, label: valueWords(value) }))
  };
}

/** The axis of numbers from the least to the most of some. */
export function numberAxis(name: string, values: ReadonlyArray<number>, log = false): IAxis {
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  return log && low > 0 && high > low ? logarithmic(name, low, high) : linear(name, low, high);
}
