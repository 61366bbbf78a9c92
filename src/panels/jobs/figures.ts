/** How many jobs run and wait, those of sweeps and pipelines included. */

import type { PlatformModel } from '../../model';

export interface IFigures {
  readonly running: number;
  readonly queued: number;
}

/** What says so when it changes. */
export function counted(model: PlatformModel): PlatformModel['jobs' | 'sweeps' | 'pipelines'][] {
  return [model.jobs, model.sweeps, model.pipelines];
}

/** The figures as they are known now. */
export function figuresOf(model: PlatformModel): IFigures {
  const jobs = model.jobs.data?.items ?? [];
  const groups = [...(model.sweeps.data?.items ?? []), ...(model.pipelines.data?.items ?? [])];
  const living = groups.filter(group => group.state === 'running');
  const count = (...states: ReadonlyArray<'starting' | 'running' | 'queued'>): number =>
    jobs.filter(job => states.some(state => state === job.state)).length +
    living.reduce((sum, group) => sum + states.reduce((all, state) => all + (group.counts[state] ?? 0), 0), 0);
  return { running: count('starting', 'running'), queued: count('queued') };
}
