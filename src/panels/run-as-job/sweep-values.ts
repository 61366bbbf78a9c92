/** What somebody typed to sweep over parameters, and what it means to the server. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject, JSONValue } from '@lumino/coreutils';
import type { ParametersSchema } from '../../api';
import type { JobSpec, Span, SweepSpec } from '../../types';

export const STRATEGIES = ['grid', 'random', 'optuna'] as const;

/** Texts as typed. */
export interface ISweepValues {
  /** Parameter -> its values with commas, or a range; an empty record sweeps over nothing. */
  readonly over: Readonly<Record<string, string>>;
  readonly strategy: (typeof STRATEGIES)[number];
  readonly trials: string;
  readonly metric: string;
  readonly direction: 'minimize' | 'maximize';
  readonly parallel: string;
}

export const NO_SWEEP: ISweepValues = { over: {}, strategy: 'grid', trials: '', metric: '', direction: 'maximize', parallel: '' };

/** A text as values, as a range, or what is wrong with it. */
export type Read =
  | { readonly values: ReadonlyArray<JSONValue> }
  | { readonly span: Span }
  | { readonly wrong: 'empty' | 'number' | 'boolean' | 'choice' | 'json' | 'range' };

const RANGE = /^([^.,\s](?:[^,\s]*?[^.,\s])?)\s*\.\.\s*(\S+?)(\s+log)?$/;

/** Reads `0.1, 0.01`, `a, b`, `[[1], [1, 2]]`, or for numbers `0.0001..1 log`. */
export function readValues(text: string, node: JSONObject): Read {
  const trimmed = text.trim();
  if (trimmed === '') {
    return { wrong: 'empty' };
  }
  const numeric = node.type === 'number' || node.type === 'integer';
  const range = numeric ? RANGE.exec(trimmed) : null;
  if (range) {
    const [low, high] = [Number(range[1]), Number(range[2])];
    const log = range[3] !== undefined;
    return low < high && (!log || low > 0) ? { span: { low, high, log } } : { wrong: 'range' };
  }
  if (trimmed.startsWith('[') || !['number', 'integer', 'boolean', 'string'].includes(String(node.type))) {
    try {
      const list = JSON.parse(trimmed) as JSONValue;
      return Array.isArray(list) && list.length > 0 ? { values: list } : { wrong: 'json' };
    } catch {
      return { wrong: 'json' };
    }
  }
  const words = trimmed.split(',').map(word => word.trim()).filter(Boolean);
  const values = words.map(word => one(word, node));
  if (values.some(value => value === undefined)) {
    return { wrong: numeric ? 'number' : 'boolean' };
  }
  const choices = node.enum;
  return Array.isArray(choices) && values.some(value => !choices.includes(value as JSONValue))
    ? { wrong: 'choice' }
    : { values: values as JSONValue[] };
}

function one(word: string, node: JSONObject): JSONValue | undefined {
  switch (node.type) {
    case 'integer':
      return /^[-+]?\d+$/.test(word) ? Number(word) : undefined;
    case 'number':
      return word !== '' && Number.isFinite(Number(word)) ? Number(word) : undefined;
    case 'boolean':
      return /^(true|false)$/i.test(word) ? word.toLowerCase() === 'true' : undefined;
    default:
      return word;
  }
}

/** The parameters that can be swept over: all but secrets. */
export function sweepable(schema: ParametersSchema): string[] {
  return Object.keys(schema.properties).filter(name => schema.properties[name].writeOnly !== true);
}

/** The space as far as it can be read. */
export function spaceOf(schema: ParametersSchema, sweep: ISweepValues): SweepSpec['space'] {
  const space: Record<string, Span | ReadonlyArray<JSONValue>> = {};
  for (const [name, text] of Object.entries(sweep.over)) {
    const read = readValues(text, schema.properties[name] ?? {});
    if ('values' in read) {
      space[name] = read.values;
    } else if ('span' in read) {
      space[name] = read.span;
    }
  }
  return space;
}

/** How many values each parameter of a grid has: "3 × 2 = 6"; null while something cannot be read. */
export function sizesOf(schema: ParametersSchema, sweep: ISweepValues): ReadonlyArray<number> | null {
  const reads = Object.entries(sweep.over).map(([name, text]) => readValues(text, schema.properties[name] ?? {}));
  const sizes = reads.map(read => ('values' in read ? read.values.length : 'span' in read ? Infinity : NaN));
  return sizes.length > 0 && sizes.every(size => !Number.isNaN(size)) ? sizes : null;
}

/** So many jobs this makes; null while that cannot be said. */
export function countOf(schema: ParametersSchema, sweep: ISweepValues): number | null {
  const all = sizesOf(schema, sweep)?.reduce((product, size) => product * size, 1) ?? null;
  if (all === null || sweep.strategy === 'grid') {
    return all === Infinity ? null : all;
  }
  const trials = Number(sweep.trials);
  return Number.isInteger(trials) && trials > 0 ? (sweep.strategy === 'random' ? Math.min(trials, all) : trials) : null;
}

/** A field of the server -> what is wrong with it. */
export function sweepProblems(schema: ParametersSchema, sweep: ISweepValues, trans: TranslationBundle): Record<string, string> {
  const problems: Record<string, string> = {};
  const words = {
    empty: trans.__('Give at least one value.'),
    number: trans.__('Write numbers with commas, like 0.1, 0.01.'),
    boolean: trans.__('Write true, false.'),
    choice: trans.__('One of these is none of its choices.'),
    json: trans.__('Write a list in JSON, like [[1], [1, 2]].'),
    range: trans.__('Write a range from low to high, like 0.0001..1 log.')
  };
  for (const [name, text] of Object.entries(sweep.over)) {
    const read = readValues(text, schema.properties[name] ?? {});
    if ('wrong' in read) {
      problems[`space.${name}`] = words[read.wrong];
    } else if ('span' in read && sweep.strategy === 'grid') {
      problems[`space.${name}`] = trans.__('Every combination of a range is endless: list its values, or choose points at random.');
    }
  }
  const whole = (text: string): boolean => /^[1-9]\d*$/.test(text.trim());
  if (sweep.strategy !== 'grid' && !whole(sweep.trials)) {
    problems.trials = trans.__('Say how many.');
  }
  if (sweep.strategy === 'optuna' && sweep.metric.trim() === '') {
    problems.metric = trans.__('Name a metric that the notebook logs: Optuna chooses by it.');
  }
  if (sweep.parallel.trim() !== '' && !whole(sweep.parallel)) {
    problems.parallel = trans.__('Write a whole number.');
  }
  return problems;
}

/** The sweep that is asked for: a job's spec, and the space. */
export function sweepSpecOf(job: JobSpec, schema: ParametersSchema, sweep: ISweepValues): SweepSpec {
  const { parameters: all = {}, ...rest } = job;
  const parameters = Object.fromEntries(Object.entries(all).filter(([name]) => !(name in sweep.over)));
  return {
    ...rest,
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    space: spaceOf(schema, sweep),
    ...(sweep.strategy === 'grid' ? {} : { strategy: sweep.strategy, trials: Number(sweep.trials) || null }),
    ...(sweep.metric.trim() ? { metric: sweep.metric.trim() } : {}),
    ...(sweep.direction === 'maximize' ? {} : { direction: sweep.direction }),
    ...(sweep.parallel.trim() ? { parallel: Number(sweep.parallel) } : {})
  };
}
