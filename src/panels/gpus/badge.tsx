/** In a notebook's toolbar: which GPUs its kernel has, or its place in the queue. Nothing where it has none. */

import { ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { GPUs, Lease } from '../../types';
import { moment } from '../../widgets/format';
import { useNow } from '../../widgets/time';
import type { IPanelContext } from '../context';
import { restWords } from './rest';
import { leaseOf, placeAndTime, reservedFrom } from './words';

export class GPUBadge extends ReactWidget {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _notebook: NotebookPanel
  ) {
    super();
    this.addClass('jp-mlplat');
    this.addClass('jp-mlplat-gpuBadge');
    _context.model.gpus.changed.connect(this._renew, this);
    _notebook.context.pathChanged.connect(this._renew, this);
  }

  override dispose(): void {
    this._context.model.gpus.changed.disconnect(this._renew, this);
    super.dispose();
  }

  protected render(): JSX.Element | null {
    const gpus = this._context.model.gpus.data;
    const lease = leaseOf(gpus, this._notebook.context.localPath);
    return gpus === null || !lease ? null : <Badge context={this._context} gpus={gpus} lease={lease} />;
  }

  private _renew(): void {
    this.update();
  }
}

function Badge(props: { readonly context: IPanelContext; readonly gpus: GPUs; readonly lease: Lease }): JSX.Element {
  const { gpus, lease } = props;
  const { trans, commands } = props.context;
  const held = gpus.devices.filter(device => lease.devices.includes(device.uuid));
  const words = lease.state === 'queued' ? placeAndTime(lease, trans) : held.map(device => device.index).join(', ');
  const rest = restWords(lease, trans, useNow());
  const title =
    lease.state === 'queued'
      ? trans.__('The kernel of this notebook waits for a GPU: %1', words)
      : trans.__('The kernel of this notebook has %1', held.map(device => `${device.name} (${device.index})`).join(', '));
  const reserved = reservedFrom(gpus, lease);
  const ends = reserved === null ? '' : trans.__('until %1', moment(reserved));
  const whole = [title, ends, rest].filter(Boolean).join('; ');
  return (
    <button
      type="button"
      className="jp-mlplat-badge"
      data-tone={lease.state === 'queued' ? 'quiet' : lease.asked_at === null ? 'brand' : 'warn'}
      title={whole}
      aria-label={whole}
      onClick={() => {
        void commands.execute(CommandIDs.openPanel, { section: 'gpus' });
      }}
    >
      {[trans.__('GPU %1', words), ends, rest].filter(Boolean).join(' · ')}
    </button>
  );
}
