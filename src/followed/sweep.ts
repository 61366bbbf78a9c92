/** Sweeps, live as long as somebody looks: their counts move with their jobs. */

import type { Api } from '../api';
import { Resource } from '../resource';
import type { Page, Sweep } from '../types';
import type { Watching } from '../watching';

/** A key that no job has: such a resource follows the jobs only while it shows something of them. */
const NO_JOB = '';

function runs(sweep: Sweep): boolean {
  return sweep.state === 'running';
}

/** A sweep with its points, live until disposed. */
export function watchSweep(api: Api, watching: Watching, id: string): Resource<Sweep> {
  const sweep = new Resource<Sweep>(signal => api.sweeps.get(id, signal));
  watching.add(['sweeps'], id, sweep);
  return watching.add(['jobs'], NO_JOB, sweep, data => data !== null && runs(data));
}

/** Lets a list of sweeps follow them and, while one runs, their jobs. */
export function watchSweeps(watching: Watching, sweeps: Resource<Page<Sweep>>): Resource<Page<Sweep>> {
  watching.add(['sweeps'], null, sweeps);
  return watching.add(['jobs'], NO_JOB, sweeps, data => data?.items.some(runs) ?? false);
}
