/** One notification per job that was started here, updated in place until the job has ended. */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import { ended, type PlatformModel } from './model';
import { asked } from './panels/gpus/words';
import { jobHeadline } from './panels/jobs/words';
import { CommandIDs } from './tokens';
import type { Job } from './types';

export class JobNotifications implements IDisposable {
  constructor(
    private readonly _model: PlatformModel,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Follows a job from now on. */
  follow(job: Job): void {
    const id = Notification.emit(this._message(job), 'in-progress', { autoClose: false, actions: this._actions(job) });
    const view = this._model.watchJob(job.id);
    this._views.add(view);
    view.job.changed.connect((_, { data }) => {
      if (data !== null) {
        this._update(id, data);
        if (ended(data)) {
          this._views.delete(view);
          view.dispose();
        }
      }
    });
    view.job.demand();
    this._model.jobs.demand();
    this._model.jobs.invalidate();
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._views.forEach(view => {
        view.dispose();
      });
    }
  }

  private _update(id: string, job: Job): void {
    const done = ended(job);
    const type = !done ? 'in-progress' : job.state === 'succeeded' ? 'success' : job.state === 'cancelled' ? 'info' : 'error';
    Notification.update({
      id,
      message: this._message(job),
      type,
      actions: this._actions(job),
      autoClose: done ? (type === 'error' ? false : 6000) : false,
      ...(done || job.cells_total === 0 ? {} : { progress: job.cells_done / job.cells_total })
    });
  }

  private _message(job: Job): string {
    const t = this._trans;
    const end = jobHeadline(job, t);
    switch (job.state) {
      case 'queued':
        if (job.lease?.state === 'queued') {
          return t.__('%1 waits for %2', job.name, asked(job.lease, t));
        }
        return job.failures > 0
          ? t.__('%1 failed and waits for retry %2 of %3', job.name, job.failures, job.retries)
          : t.__('%1 is queued', job.name);
      case 'starting':
        return t.__('%1 is starting', job.name);
      case 'running':
        return t.__('%1 is running: cell %2 of %3', job.name, Math.min(job.cells_done + 1, job.cells_total), job.cells_total);
      case 'succeeded':
        return end ? t.__('%1 succeeded: %2', job.name, end) : t.__('%1 succeeded', job.name);
      case 'failed':
        return t.__('%1 failed: %2', job.name, end);
      case 'lost':
        return t.__('%1 was lost: %2', job.name, end);
      case 'cancelled':
        return t.__('%1 was cancelled', job.name);
      case 'skipped':
        return t.__('%1 was skipped', job.name);
    }
  }

  private _actions(job: Job): Notification.IAction[] {
    return [
      {
        label: ended(job) ? this._trans.__('Open notebook') : this._trans.__('Watch'),
        displayType: 'link',
        callback: event => {
          event.preventDefault();
          void this._commands.execute(CommandIDs.openJob, { id: job.id });
        }
      }
    ];
  }

  private readonly _views = new Set<IDisposable>();
  private _disposed = false;
}
