/** Which metrics some runs have. */

import type { Run } from '../../types';

/** Every metric that one of `runs` has; what the machine measured comes last. */
export function metricsOf(runs: ReadonlyArray<Run>): string[] {
  const machine = (key: string): number => Number(key.startsWith('system/'));
  return [...new Set(runs.flatMap(run => Object.keys(run.metrics)))].sort(
    (one, other) => machine(one) - machine(other) || one.localeCompare(other, undefined, { numeric: true })
  );
}
