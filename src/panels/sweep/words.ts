/** Sweeps in words and figures: how far one is, which points are good, how a point reads. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ENDED_JOB_STATES, type JobState, type Sweep, type SweepPoint } from '../../types';
import { number, valueWords } from '../../widgets/format';

/** So many points have ended, whatever their state. */
export function endedPoints(sweep: Sweep): number {
  return Object.entries(sweep.counts).reduce(
    (sum, [state, count]) => sum + (state === 'pruned' || ENDED_JOB_STATES.has(state as JobState) ? count : 0),
    0
  );
}

/** So many points ended without success: those that run again. */
export function failedPoints(sweep: Sweep): number {
  const { failed = 0, lost = 0, cancelled = 0 } = sweep.counts;
  return failed + lost + cancelled;
}

/** "7 of 12 · best 0.93". */
export function progressWords(sweep: Sweep, trans: TranslationBundle): string {
  const done = trans.__('%1 of %2', endedPoints(sweep), sweep.trials);
  const best = sweep.best?.value ?? null;
  return best === null ? done : trans.__('%1 · best %2', done, number(best));
}

/** "lr 0.1, layers 2". */
export function pointWords(point: SweepPoint['point']): string {
  return Object.entries(point)
    .map(([name, value]) => `${name} ${valueWords(value)}`)
    .join(', ');
}

/** The parameters that vary, in the order of the space. */
export function parametersOf(sweep: Sweep): string[] {
  return Object.keys(sweep.space);
}

/** The name of what is compared. */
export function metricWords(sweep: Sweep, trans: TranslationBundle): string {
  return sweep.metric ?? trans.__('metric');
}

export function strategyWords(sweep: Sweep, trans: TranslationBundle): string {
  switch (sweep.strategy) {
    case 'grid':
      return trans.__('grid: every combination');
    case 'random':
      return trans.__('random points');
    case 'optuna': {
      const chosen = trans.__('chosen by Optuna, sampler %1', sweep.sampler ?? 'tpe');
      return sweep.pruner === null || sweep.pruner === 'none' ? chosen : trans.__('%1, pruner %2', chosen, sweep.pruner);
    }
  }
}

/** What is better, of each metric. */
export function objectiveWords(sweep: Sweep, trans: TranslationBundle): string {
  const words = (metric: string, direction: Sweep['direction']): string =>
    direction === 'minimize' ? trans.__('%1, smaller is better', metric) : trans.__('%1, larger is better', metric);
  return sweep.objectives.length > 0
    ? sweep.objectives.map(each => words(each.metric, each.direction)).join('; ')
    : words(sweep.metric ?? trans.__('the notebook’s own'), sweep.direction);
}

/** The better of two points: one with a value before one without. */
export function better(sweep: Sweep, one: SweepPoint, other: SweepPoint): SweepPoint {
  if (one.value === null || other.value === null) {
    return one.value === null ? other : one;
  }
  const first = sweep.direction === 'minimize' ? one.value <= other.value : one.value >= other.value;
  return first ? one : other;
}

/** From 0, the worst, to 1, the best: how good a value is among all of the sweep. */
export function goodness(sweep: Sweep): (value: number) => number {
  const values = sweep.points.flatMap(each => (each.value === null ? [] : [each.value]));
  const low = Math.min(...values);
  const high = Math.max(...values);
  return value => {
    const share = high > low ? (value - low) / (high - low) : 1;
    return sweep.direction === 'minimize' ? (high > low ? 1 - share : 1) : share;
  };
}
