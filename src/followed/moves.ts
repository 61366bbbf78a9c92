/** Jobs that entered a state since one last looked, for those who tell people. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Job } from '../types';

/** A job that changed its state. */
export interface IJobMove {
  readonly job: Job;
  readonly from: Job['state'] | null;
}

export class JobMoves {
  /** A job entered a state; what was there at the first look is no news. */
  get moved(): ISignal<this, IJobMove> {
    return this._moved;
  }

  /** Takes the jobs as they are now. */
  note(jobs: ReadonlyArray<Job>): void {
    const first = this._states === null;
    const states = (this._states ??= new Map());
    for (const job of jobs) {
      const from = states.get(job.id) ?? null;
      if (from !== job.state) {
        states.set(job.id, job.state);
        if (!first) {
          this._moved.emit({ job, from });
        }
      }
    }
  }

  private readonly _moved = new Signal<this, IJobMove>(this);
  private _states: Map<string, Job['state']> | null = null;
}
