/** Runs by the value of one parameter or tag, among those that are loaded. */

import type { Run } from '../../types';
import { type IColumn, valueOf } from './columns';

export interface IRunLine {
  readonly kind: 'run';
  readonly id: string;
  readonly run: Run;
}

export interface IGroupLine {
  readonly kind: 'group';
  readonly id: string;
  /** Undefined for the runs that have none. */
  readonly value: string | undefined;
  readonly runs: ReadonlyArray<Run>;
  readonly open: boolean;
}

export type Line = IRunLine | IGroupLine;

export interface ISpread {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** The lines of the table: runs as they come, or groups in the order of their first run, each with its runs below. */
export function linesOf(rows: ReadonlyArray<Run>, by: Pick<IColumn, 'kind' | 'key'> | null, folded: ReadonlySet<string>): Line[] {
  if (by === null) {
    return rows.map(run => ({ kind: 'run', id: run.id, run }));
  }
  const groups = new Map<string | undefined, Run[]>();
  for (const run of rows) {
    const value = valueOf(run, by);
    const name = value === undefined ? undefined : String(value);
    const group = groups.get(name);
    if (group) {
      group.push(run);
    } else {
      groups.set(name, [run]);
    }
  }
  return [...groups].flatMap(([value, runs]): Line[] => {
    const id = value === undefined ? 'group' : `group ${value}`;
    const open = !folded.has(id);
    return [{ kind: 'group', id, value, runs, open }, ...(open ? runs.map((run): Line => ({ kind: 'run', id: run.id, run })) : [])];
  });
}

/** What a metric is among some runs; null where none has it. */
export function spreadOf(runs: ReadonlyArray<Run>, key: string): ISpread | null {
  let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
  for (const run of runs) {
    const value = Object.hasOwn(run.metrics, key) ? run.metrics[key] : null;
    if (value !== null) {
      count += 1;
      sum += value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return count === 0 ? null : { mean: sum / count, min, max, count };
}
