/** The axes of the pictures of a study. */

import { type IAxis, numberAxis } from '../../widgets/charts/axis';
import type { ITrial } from './trials';

/** So many times as far as the values of whole trials reach, others have a place of their own. */
const REACH = 1;

/** The axis of an objective over the values that some trials have; logarithmic where that is wanted and possible. */
export function valueAxis(name: string, trials: ReadonlyArray<ITrial>, at: number, log: boolean): IAxis {
  const valuesOf = (some: ReadonlyArray<ITrial>): number[] => some.flatMap(trial => trial.values[at] ?? []);
  const values = valuesOf(trials);
  const whole = valuesOf(trials.filter(trial => trial.state === 'succeeded'));
  const [low, high] = whole.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const room = (high - low) * REACH;
  // One that was pruned for being far worse than all others must not press these together.
  const near = !log && room > 0 ? values.filter(value => value >= low - room && value <= high + room) : values;
  return numberAxis(name, near.length > 0 ? near : [0, 1], log);
}

/** Where a trial stands by an objective: far ones at the edge; at the foot without a value, or with one that has no logarithm. */
export function heightOf(axis: IAxis, trial: ITrial, at: number): number {
  return Math.max(0, Math.min(1, axis.place(trial.values[at] ?? undefined) ?? 0));
}
