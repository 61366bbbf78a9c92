/** The axes of the pictures of a study. */

import { type IAxis, numberAxis } from '../../widgets/charts/axis';
import type { ITrial } from './trials';

/** The axis of an objective over the values that some trials have; logarithmic where that is wanted and possible. */
export function valueAxis(name: string, trials: ReadonlyArray<ITrial>, at: number, log: boolean): IAxis {
  const values = trials.flatMap(trial => trial.values[at] ?? []);
  return numberAxis(name, values.length > 0 ? values : [0, 1], log);
}

/** Where a trial stands by an objective; at the foot without a value, or with one that a logarithmic axis cannot show. */
export function heightOf(axis: IAxis, trial: ITrial, at: number): number {
  return axis.place(trial.values[at] ?? undefined) ?? 0;
}
