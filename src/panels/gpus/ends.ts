/** Says in good time that the GPUs of a notebook's kernel are others' soon, and the kernel is shut down then. */

import { Notification } from '@jupyterlab/apputils';
import type { ServiceManager } from '@jupyterlab/services';
import type { Lease } from '../../types';
import { moment, until } from '../../widgets/format';
import type { IPanelContext } from '../context';
import { holdsKernelOf, leasesOf, reservedFrom } from './words';

/** So long before the end it is said, in milliseconds. */
const SOON = 600_000;

/** A timer cannot wait for longer than 24 days. */
const LOOK = 3600_000;

export class EndNotices {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _services: ServiceManager.IManager
  ) {
    _context.model.gpus.changed.connect(this._renew, this);
    // After a reload the sessions may be known later than the leases.
    _services.sessions.runningChanged.connect(this._renew, this);
  }

  private _renew(): void {
    window.clearTimeout(this._timer);
    const now = Date.now();
    const { data } = this._context.model.gpus;
    const ending = leasesOf(data).filter(
      lease => lease.state === 'granted' && reservedFrom(data, lease) !== null && holdsKernelOf(this._services, lease)
    );
    for (const [id, notice] of this._said) {
      if (!ending.some(lease => lease.id === id)) {
        this._said.delete(id);
        Notification.dismiss(notice);
      }
    }
    let next = LOOK;
    for (const lease of ending.filter(each => !this._said.has(each.id))) {
      const left = Date.parse(lease.ends_at ?? '') - now;
      if (left <= SOON) {
        this._said.set(lease.id, Notification.emit(this._words(lease, now), 'warning', { autoClose: false }));
      } else {
        next = Math.min(next, left - SOON);
      }
    }
    if (ending.length > 0) {
      this._timer = window.setTimeout(() => {
        this._renew();
      }, next);
    }
  }

  private _words(lease: Lease, now: number): string {
    const { trans } = this._context;
    const ends = new Date(lease.ends_at ?? '');
    return trans.__(
      'Others have reserved the GPUs of %1 from %2: its kernel is shut down in %3. Save what you need.',
      lease.label,
      moment(ends),
      until(ends, now, trans)
    );
  }

  private readonly _said = new Map<string, string>();
  private _timer: number | undefined;
}
