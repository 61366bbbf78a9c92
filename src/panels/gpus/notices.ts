/** Asks whether a kernel whose GPUs rest still wants them, in a notification that goes away with the question. */

import { Notification } from '@jupyterlab/apputils';
import type { ServiceManager } from '@jupyterlab/services';
import { CommandIDs } from '../../tokens';
import type { Lease } from '../../types';
import { until } from '../../widgets/format';
import type { IPanelContext } from '../context';
import { sayEnded } from './saved';
import { heldWords, holdsKernelOf, leasesOf } from './words';

/** So often the times in the words are renewed, in milliseconds. */
const TICK = 15_000;

interface INotice {
  readonly id: string;
  readonly asked: string;
  readonly since: string;
  words: string;
}

export class RestNotices {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _services: ServiceManager.IManager
  ) {
    _context.model.gpus.changed.connect(this._renew, this);
    // After a reload the sessions may be known later than the leases.
    _services.sessions.runningChanged.connect(this._renew, this);
  }

  private _renew(): void {
    const { data } = this._context.model.gpus;
    if (data === null) {
      return;
    }
    const asked = new Map(leasesOf(data).filter(lease => lease.asked_at !== null).map(lease => [lease.id, lease]));
    for (const [lease, notice] of this._notices) {
      if (asked.get(lease)?.asked_at !== notice.asked) {
        this._notices.delete(lease);
        Notification.dismiss(notice.id);
        if (!asked.has(lease)) {
          void this._sayEnd(lease, notice);
        }
      }
    }
    for (const lease of asked.values()) {
      this._show(lease);
    }
    this._tick();
  }

  private _show(lease: Lease): void {
    const words = this._words(lease);
    const shown = this._notices.get(lease.id);
    if (shown) {
      if (shown.words !== words) {
        shown.words = words;
        Notification.update({ id: shown.id, message: words });
      }
      return;
    }
    if (lease.asked_at === null || lease.idle_since === null || !holdsKernelOf(this._services, lease)) {
      return;
    }
    const { trans } = this._context;
    const id = Notification.emit(words, 'warning', {
      autoClose: false,
      actions: [
        { label: trans.__('Keep 30 minutes'), displayType: 'accent', callback: this._run(CommandIDs.keepLease, lease) },
        { label: trans.__('Release now'), callback: this._run(CommandIDs.releaseLease, lease) }
      ]
    });
    this._notices.set(lease.id, { id, asked: lease.asked_at, since: lease.idle_since, words });
  }

  /** "train.ipynb holds 1 × A100 (12.0 GiB in use) and has done nothing for 31 min. It is shut down in 9 min." */
  private _words(lease: Lease): string {
    const { model, trans } = this._context;
    const now = Date.now();
    const rest = until(new Date(now), Date.parse(lease.idle_since ?? ''), trans);
    const said = trans.__('%1 holds %2 and has done nothing for %3.', lease.label, heldWords(lease, model.gpus.data, trans), rest);
    if (lease.reclaim_at === null) {
      return said;
    }
    const end =
      Date.parse(lease.reclaim_at) <= now
        ? trans.__('It is shut down at any moment.')
        : trans.__('It is shut down in %1.', until(new Date(lease.reclaim_at), now, trans));
    return `${said} ${end}`;
  }

  /** The notice itself goes away with the question, not with the click. */
  private _run(command: string, lease: Lease): (event: MouseEvent) => void {
    return event => {
      event.preventDefault();
      void this._context.commands.execute(command, { id: lease.id });
    };
  }

  /** Whoever comes back to a notebook without a kernel shall know why. */
  private async _sayEnd(id: string, notice: INotice): Promise<void> {
    const { model, trans } = this._context;
    const lease = await model.api.gpus.lease(id).catch(() => null);
    if (lease?.reason === 'idle' && lease.ended_at !== null) {
      const rest = until(new Date(lease.ended_at), Date.parse(notice.since), trans);
      const words = trans.__('The kernel of %1 was shut down: its GPUs rested for %2.', lease.label, rest);
      await sayEnded(model.api, id, words, trans);
    }
  }

  private _tick(): void {
    if (this._notices.size === 0) {
      window.clearInterval(this._timer);
      this._timer = undefined;
    } else {
      this._timer ??= window.setInterval(() => {
        if (!document.hidden) {
          this._renew();
        }
      }, TICK);
    }
  }

  private readonly _notices = new Map<string, INotice>();
  private _timer: number | undefined;
}
