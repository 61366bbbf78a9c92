/** One schedule and how its notebook was edited since, live as long as somebody looks. */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { Api } from '../api';
import { Resource } from '../resource';
import type { Schedule } from '../types';
import type { Watching } from '../watching';

/** A schedule with its difference, while somebody looks at it. */
export interface IScheduleView {
  readonly schedule: Resource<Schedule>;
  /** What was edited in the notebook since, as a unified diff. */
  readonly difference: Resource<string>;
}

/** A schedule and how its notebook was edited since, live until disposed; `saved` says that this page saved a file. */
export function watchSchedule(
  api: Api,
  watching: Watching,
  saved: ISignal<unknown, void>,
  id: string
): IScheduleView & IDisposable {
  const schedule = watching.add(['schedules'], id, new Resource(signal => api.schedules.get(id, signal)));
  const difference = watching.add(['schedules'], id, new Resource(signal => api.schedules.difference(id, signal)));
  const look = (): void => {
    schedule.invalidate();
    difference.invalidate();
  };
  saved.connect(look);
  return {
    schedule,
    difference,
    dispose: () => {
      saved.disconnect(look);
      schedule.dispose();
      difference.dispose();
    },
    get isDisposed() {
      return schedule.isDisposed;
    }
  };
}
