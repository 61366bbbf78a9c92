/** The trials of a study as pictures need them: what Optuna knows of each, with what became of its job. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONValue } from '@lumino/coreutils';
import type { Objective, PointState, StudyTrial, Sweep, SweepPoint, SweepStudy } from '../../types';
import { number } from '../../widgets/format';
import { stateWord } from '../../widgets/state';

export interface ITrial {
  readonly number: number;
  readonly jobId: string | null;
  readonly state: PointState;
  /** Of the objectives; of a pruned one what it reported last. */
  readonly values: ReadonlyArray<number | null>;
  readonly params: Readonly<Record<string, JSONValue>>;
  readonly steps: ReadonlyArray<number>;
  /** What it reported at these steps. */
  readonly reported: ReadonlyArray<number | null>;
  readonly prunedAt: number | null;
  /** It breaks a constraint. */
  readonly infeasible: boolean;
  /** The best one, or of several objectives one of the front. */
  readonly best: boolean;
}

const STATES: Readonly<Record<string, PointState>> = { running: 'running', waiting: 'queued', complete: 'succeeded', pruned: 'pruned', fail: 'failed' };

function trialOf(trial: StudyTrial, point: SweepPoint | undefined, front: ReadonlySet<number>): ITrial {
  // A point that ran once more is not told to the study again: its job knows better.
  const state = point?.state ?? STATES[trial.state] ?? 'running';
  const values = trial.values.length > 0 ? trial.values : (point?.values ?? []);
  return {
    number: trial.number,
    jobId: point?.job_id ?? trial.job_id,
    state,
    values: state === 'succeeded' || state === 'pruned' ? values : [],
    params: trial.params,
    steps: trial.intermediate.map(([step]) => step ?? 0),
    reported: trial.intermediate.map(([, value]) => value),
    prunedAt: point?.pruned_at ?? null,
    infeasible: point?.feasible === false,
    best: front.has(trial.number)
  };
}

export function trialsOf(sweep: Sweep, study: SweepStudy): ITrial[] {
  const points = new Map(sweep.points.map(point => [point.job_id, point]));
  const front = new Set(study.front);
  return study.trials.map(trial => trialOf(trial, points.get(trial.job_id ?? ''), front));
}

/** True for one that ran to its end and keeps the constraints. */
export function counts(trial: ITrial): boolean {
  return trial.state === 'succeeded' && !trial.infeasible;
}

/** The best value of an objective up to each trial that made it better. */
export function bestSoFar(trials: ReadonlyArray<ITrial>, at: number, direction: Objective['direction']): ReadonlyArray<readonly [number, number]> {
  const steps: (readonly [number, number])[] = [];
  for (const trial of trials) {
    const value = trial.values[at] ?? null;
    const last = steps.at(-1)?.[1];
    if (value !== null && counts(trial) && (last === undefined || (direction === 'minimize' ? value < last : value > last))) {
      steps.push([trial.number, value]);
    }
  }
  return steps;
}

/** "12 trials: 9 succeeded, 2 pruned, 1 failed". */
export function countWords(trials: ReadonlyArray<ITrial>, trans: TranslationBundle): string {
  const states = new Map<PointState, number>();
  for (const { state } of trials) {
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  const parts = [...states].map(([state, count]) => `${count} ${stateWord(state, trans).toLocaleLowerCase()}`);
  return `${trans._n('%1 trial', '%1 trials', trials.length)}: ${parts.join(', ')}`;
}

/** "best 0.93 in trial 7"; nothing while there is none. */
export function bestWords(trials: ReadonlyArray<ITrial>, at: number, direction: Objective['direction'], trans: TranslationBundle): string {
  const last = bestSoFar(trials, at, direction).at(-1);
  return last ? trans.__('best %1 in trial %2', number(last[1]), last[0]) : '';
}

/** The trials as a table for other programs. */
export function trialRows(sweep: Sweep, trials: ReadonlyArray<ITrial>): (string | number | null)[][] {
  const names = Object.keys(sweep.space);
  const plain = (value: JSONValue | undefined): string | number | null =>
    typeof value === 'number' || typeof value === 'string' ? value : value === undefined || value === null ? null : JSON.stringify(value);
  return [
    ['trial', 'job', 'state', ...sweep.objectives.map(each => each.metric), ...names, 'best', 'breaks_a_constraint'],
    ...trials.map(trial => [
      trial.number,
      trial.jobId,
      trial.state,
      ...sweep.objectives.map((_, at) => trial.values[at] ?? null),
      ...names.map(name => plain(trial.params[name])),
      String(trial.best),
      String(trial.infeasible)
    ])
  ];
}
