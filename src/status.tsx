/** The status bar item: what runs, what waits, what needs a look. Hidden when there is nothing to say. */

import { ReactWidget } from '@jupyterlab/apputils';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';
import type { IPanelContext } from './panels/context';
import { timeLeft } from './panels/gpus/words';
import { counted, figuresOf, type IFigures as IJobFigures } from './panels/jobs/figures';
import { CommandIDs, type SectionName } from './tokens';
import type { Lease } from './types';
import { ordinal } from './widgets/format';
import { stateIcons } from './widgets/icons';

interface IFigures extends IJobFigures {
  readonly trouble: number;
  readonly gpus: { readonly used: number; readonly of: number; readonly waiting: number; readonly own: Lease | null };
}

export class StatusItem extends ReactWidget {
  constructor(private readonly _context: IPanelContext) {
    super();
    this.addClass('jp-mlplat');
    this.addClass('jp-mlplat-statusItem');
    const { model } = _context;
    for (const resource of [...counted(model), model.deployments, model.gpus, model.status]) {
      (resource.changed as ISignal<unknown, unknown>).connect(() => {
        this.update();
        this._activeChanged.emit();
      });
    }
  }

  /** True when there is something to say. */
  get isActive(): boolean {
    const { running, queued, trouble, gpus } = this._figures;
    return running + queued + trouble + gpus.used + gpus.waiting > 0;
  }

  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  protected render(): JSX.Element {
    const { trans } = this._context;
    const { running, queued, trouble, gpus } = this._figures;
    const waiting = this._waitingWords;
    return (
      <>
        {running > 0 && this._part('jobs', stateIcons.running, 'brand', String(running), trans._n('%1 job running', '%1 jobs running', running))}
        {queued > 0 && this._part('jobs', stateIcons.queued, 'quiet', String(queued), trans._n('%1 job queued', '%1 jobs queued', queued))}
        {gpus.of > 0 &&
          this._part(
            'gpus',
            null,
            'quiet',
            [`GPU ${gpus.used}/${gpus.of}`, waiting].filter(Boolean).join(' · '),
            [trans.__('%1 of %2 GPUs in use', gpus.used, gpus.of), waiting].filter(Boolean).join(', ')
          )}
        {trouble > 0 &&
          this._part('deployments', stateIcons.warning, 'warn', String(trouble), trans._n('%1 deployment in trouble', '%1 deployments in trouble', trouble))}
      </>
    );
  }

  /** "you are 3rd, ~6 min" for who waits for GPUs, "1 waiting" for all others; empty where nobody waits. */
  private get _waitingWords(): string {
    const { trans } = this._context;
    const { own, waiting } = this._figures.gpus;
    if (own === null) {
      return waiting > 0 ? trans.__('%1 waiting', waiting) : '';
    }
    return [trans.__('you are %1', ordinal(own.position ?? 0, trans)), timeLeft(own, trans)].filter(Boolean).join(', ');
  }

  private _part(
    section: SectionName,
    icon: (typeof stateIcons)[keyof typeof stateIcons] | null,
    tone: string,
    words: string,
    label: string
  ): JSX.Element {
    return (
      <button
        type="button"
        title={label}
        aria-label={label}
        onClick={() => {
          void this._context.commands.execute(CommandIDs.openPanel, { section });
        }}
      >
        {icon && (
          <span className="jp-mlplat-stateIcon" data-tone={tone} aria-hidden>
            <icon.react tag={null} />
          </span>
        )}
        {words}
      </button>
    );
  }

  private get _figures(): IFigures {
    const { model } = this._context;
    const devices = model.gpus.data?.devices ?? [];
    const queue = model.gpus.data?.queue ?? [];
    const user = model.status.data?.owner;
    return {
      ...figuresOf(model),
      trouble: (model.deployments.data?.items ?? []).filter(each => each.state === 'failed' || each.state === 'degraded').length,
      gpus: {
        used: devices.filter(device => device.lease !== null || device.shares.length > 0).length,
        of: devices.length,
        waiting: queue.length,
        own: queue.find(lease => lease.owner === user) ?? null
      }
    };
  }

  private readonly _activeChanged = new Signal<this, void>(this);
}
