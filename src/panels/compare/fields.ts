/** What runs can be placed by: parameters and metrics, as numbers or as one of a few words. */

import type { Run } from '../../types';
import { type ITick, numberAxis } from '../../widgets/charts/axis';
import { number } from '../../widgets/format';
import { metricsOf } from './metrics';

export interface IField {
  /** "metrics.auc" */
  readonly id: string;
  readonly title: string;
  readonly metric: boolean;
  /** From 0 to 1 by run; null for one that has no place. */
  readonly places: ReadonlyArray<number | null>;
  readonly values: ReadonlyArray<string | number | null>;
  readonly ticks: ReadonlyArray<ITick>;
  /** The least and the most there is. */
  readonly ends: readonly [string, string];
}

/** More words than this are no axis. */
const WORDS = 40;

/** Numbers stand by their order of magnitude where the middle one is this many times the least, and the most this many times it. */
const ORDERS = 5;

/** True for numbers such as rates of learning: as many of each order of magnitude. */
function magnitudes(values: ReadonlyArray<number>): boolean {
  const sorted = [...values].sort((one, other) => one - other);
  const [low, middle, high] = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]];
  return low > 0 && high / low >= ORDERS ** 3 && middle / low >= ORDERS && high / middle >= ORDERS;
}

function numeric(name: string, values: ReadonlyArray<number | null>): Pick<IField, 'places' | 'ticks' | 'ends'> {
  const known = values.filter(value => value !== null);
  const [low, high] = known.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  if (known.length === 0) {
    return { places: values.map(() => null), ticks: [], ends: ['', ''] };
  }
  const axis = numberAxis(name, [low, high], magnitudes(known));
  return { places: values.map(value => (value === null ? null : axis.place(value))), ticks: axis.ticks, ends: [number(low), number(high)] };
}

function words(values: ReadonlyArray<string | null>): Pick<IField, 'places' | 'ticks' | 'ends'> | null {
  const all = [...new Set(values.filter(value => value !== null))].sort((one, other) => one.localeCompare(other, undefined, { numeric: true }));
  if (all.length > WORDS) {
    return null;
  }
  const at = new Map(all.map((value, index) => [value, all.length === 1 ? 0.5 : 0.04 + (0.92 * index) / (all.length - 1)]));
  return {
    places: values.map(value => (value === null ? null : (at.get(value) ?? null))),
    ticks: [...at].map(([label, place]) => ({ at: place, label: label.slice(0, 24) })),
    ends: [all.at(0)?.slice(0, 24) ?? '', all.at(-1)?.slice(0, 24) ?? '']
  };
}

/** Everything that some runs can be placed by; what is the same for all of them comes last. */
export function fieldsOf(runs: ReadonlyArray<Run>): IField[] {
  const parameters = [...new Set(runs.flatMap(run => Object.keys(run.parameters)))].sort().flatMap((key): IField[] => {
    const texts = runs.map(run => (Object.hasOwn(run.parameters, key) ? run.parameters[key] : null));
    const numbers = texts.map(text => (text !== null && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : null));
    const alike = texts.every((text, index) => text === null || numbers[index] !== null);
    const placed = alike ? numeric(key, numbers) : words(texts);
    return placed === null ? [] : [{ id: `params.${key}`, title: key, metric: false, values: alike ? numbers : texts, ...placed }];
  });
  const metrics = metricsOf(runs).map((key): IField => {
    const values = runs.map(run => (Object.hasOwn(run.metrics, key) ? run.metrics[key] : null));
    return { id: `metrics.${key}`, title: key, metric: true, values, ...numeric(key, values) };
  });
  return [...parameters, ...metrics].filter(field => field.places.some(place => place !== null));
}

/** True where not all runs stand at one place. */
export function spreads(field: IField): boolean {
  return field.places.some(place => place !== field.places[0]);
}
