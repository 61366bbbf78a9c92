/** Curves as a chart draws them: over steps or time, smoothed, alone or as the band of a group. */

import type { Run, RunCurve } from '../../types';
import type { Axis, ISeries, Values } from '../../widgets/charts/plot';

/** Somebody that has a line: a run, or runs with the same value of a parameter. */
export interface IActor {
  readonly id: string;
  readonly name: string;
  readonly colour: string;
  readonly runs: ReadonlyArray<Run>;
  /** It stands for a group, even of one. */
  readonly group: boolean;
}

/** Points of the mean of a group. */
const GRID = 400;

/** Where a curve's points stand: steps, seconds since the epoch, or seconds since its first point. */
export function placesOf(curve: RunCurve, axis: Axis): number[] {
  if (axis === 'step') {
    return [...curve.step];
  }
  const first = axis === 'relative' ? (curve.time.at(0) ?? 0) : 0;
  return curve.time.map(time => (time - first) / 1000);
}

/** Exponential moving average, corrected for the bias of its start (Kingma and Ba: Adam, 2015, section 3). */
export function smooth(values: Values, weight: number): Values {
  let sum = 0;
  let share = 1;
  return values.map(value => {
    if (value === null) {
      return null;
    }
    sum = sum * weight + (1 - weight) * value;
    share *= weight;
    return sum / (1 - share);
  });
}

/** The value at `x`, on the line between its neighbours; null outside. */
function between(xs: ReadonlyArray<number>, ys: Values, x: number): number | null {
  let [low, high] = [0, xs.length - 1];
  if (high < 0 || x < xs[0] || x > xs[high]) {
    return null;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const [one, other] = [ys[low], ys[high]];
  if (one === null || other === null || xs[high] === xs[low]) {
    return one ?? other;
  }
  return one + ((other - one) * (x - xs[low])) / (xs[high] - xs[low]);
}

/** Mean, least and most of some curves at the same places. */
function spread(parts: ReadonlyArray<{ readonly x: ReadonlyArray<number>; readonly y: Values }>): Pick<ISeries, 'x' | 'y' | 'band'> {
  const all = parts.filter(part => part.x.length > 0);
  const from = Math.min(...all.map(part => part.x[0]));
  const to = Math.max(...all.map(part => part.x[part.x.length - 1]));
  const own = new Set(all.flatMap(part => part.x));
  const x =
    own.size <= GRID
      ? [...own].sort((one, other) => one - other)
      : Array.from({ length: GRID }, (_, index) => from + ((to - from) * index) / (GRID - 1));
  const rows = x.map(at => all.map(part => between(part.x, part.y, at)).filter(value => value !== null));
  const take = (of: (values: ReadonlyArray<number>) => number): Values => rows.map(values => (values.length > 0 ? of(values) : null));
  return {
    x,
    y: take(values => values.reduce((sum, value) => sum + value, 0) / values.length),
    band: { low: take(values => Math.min(...values)), high: take(values => Math.max(...values)) }
  };
}

/** The lines of a chart. */
export function seriesOf(actors: ReadonlyArray<IActor>, curves: ReadonlyArray<RunCurve>, axis: Axis, weight: number): ISeries[] {
  const byRun = new Map(curves.map(curve => [curve.run_id, curve]));
  return actors.flatMap((actor): ISeries[] => {
    const own = actor.runs.flatMap(run => {
      const curve = byRun.get(run.id);
      return curve && curve.value.length > 0 ? [{ x: placesOf(curve, axis), logged: curve.value }] : [];
    });
    if (own.length === 0) {
      return [];
    }
    const { id, name, colour } = actor;
    const parts = own.map(({ x, logged }) => ({ x, y: weight > 0 ? smooth(logged, weight) : logged }));
    return actor.group
      ? [{ id, name, colour, raw: null, ...spread(parts) }]
      : [{ id, name, colour, ...parts[0], raw: weight > 0 ? own[0].logged : null, band: null }];
  });
}

/** True where no run has more than one point: bars say it better. */
export function isSingle(curves: ReadonlyArray<RunCurve>): boolean {
  return curves.every(curve => curve.count <= 1);
}

/** The points of a metric, one per line. */
export function curveRows(curves: ReadonlyArray<RunCurve>, runs: ReadonlyArray<Run>): (string | number | null)[][] {
  const names = new Map(runs.map(run => [run.id, run.name]));
  return [
    ['run_id', 'run_name', 'step', 'time', 'value'],
    ...curves.flatMap(curve =>
      curve.value.map((value, index) => [
        curve.run_id,
        names.get(curve.run_id) ?? '',
        curve.step[index],
        new Date(curve.time[index]).toISOString(),
        value
      ])
    )
  ];
}
