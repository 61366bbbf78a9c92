/** The section GPUs: devices as bars of memory, and who waits for one; or why there are none. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { GPU, GPUs, Lease, Reservation } from '../../types';
import { Empty } from '../../widgets/feedback';
import { bytes, moment, percent } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, Link, Show } from '../context';
import { shortId } from '../jobs/words';
import { Section } from '../section';
import { isFree, keptFor } from './fitting';
import { Reservations } from './reservations';
import { Rest } from './rest';
import { Week } from './week';
import { asked, holder, holders, placeAndTime } from './words';

export class GPUsSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'gpus', label: context.trans.__('GPUs') });
    this.follow(context.model.gpus);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const { data } = model.gpus;
    if (data === null) {
      return '';
    }
    if (data.devices.length === 0) {
      return trans.__('none');
    }
    const free = data.devices.filter(device => isFree(device) && keptFor(device, data) === null).length;
    return trans.__('%1 of %2 free', free, data.devices.length);
  }

  demand(): void {
    this.context.model.gpus.demand();
  }

  protected content(): JSX.Element {
    return <Show resource={this.context.model.gpus}>{gpus => <Devices gpus={gpus} />}</Show>;
  }
}

function Devices(props: { readonly gpus: GPUs }): JSX.Element {
  const { gpus } = props;
  const trans = useTrans();
  if (gpus.devices.length === 0) {
    return (
      <Empty title={gpus.message ?? trans.__('No GPU was found on this machine.')}>
        <p className="jp-mlplat-hint">{trans.__('Jobs run on the processor; nothing else changes.')}</p>
      </Empty>
    );
  }
  return (
    <>
      <div className="jp-mlplat-gpuButtons">
        <CommandButton command={CommandIDs.newGPUNotebook} label={trans.__('Notebook…')} />
        <CommandButton command={CommandIDs.reserveGPUs} label={trans.__('Reserve…')} />
      </div>
      <ul className="jp-mlplat-list" aria-label={trans.__('GPUs')}>
        {gpus.devices.map(device => (
          <DeviceRow key={device.uuid} device={device} kept={keptFor(device, gpus)} />
        ))}
      </ul>
      {gpus.queue.length > 0 && (
        <>
          <p className="jp-mlplat-hint">{trans._n('%1 waits for a device', '%1 wait for a device', gpus.queue.length)}</p>
          <ol className="jp-mlplat-list" aria-label={trans.__('Queue for GPUs')}>
            {gpus.queue.map(lease => (
              <QueueRow key={lease.id} lease={lease} />
            ))}
          </ol>
        </>
      )}
      <Reservations gpus={gpus} />
      <Week />
    </>
  );
}

function QueueRow(props: { readonly lease: Lease }): JSX.Element {
  const { lease } = props;
  const trans = useTrans();
  const why = [lease.held_up, lease.cause].filter(reason => reason !== null);
  return (
    <li className="jp-mlplat-device">
      <div className="jp-mlplat-deviceHead">
        <span className="jp-mlplat-rowName" title={lease.label}>
          {lease.position} · {holder(lease)}
        </span>
        <span className="jp-mlplat-word" data-tone="quiet">
          {asked(lease, trans)}
        </span>
        <EndButton lease={lease} label={trans.__('Leave the queue: %1', holder(lease))} />
      </div>
      <div className="jp-mlplat-rowDetail">
        <span>{placeAndTime(lease, trans)}</span>
        <WorkLink lease={lease} />
        {why.length > 0 && <span>{why.join('; ')}</span>}
      </div>
    </li>
  );
}

function DeviceRow(props: { readonly device: GPU; readonly kept: Reservation | null }): JSX.Element {
  const { device, kept } = props;
  const trans = useTrans();
  const share = device.memory_total_bytes ? device.memory_used_bytes / device.memory_total_bytes : 0;
  const memory = trans.__('%1 of %2', bytes(device.memory_used_bytes), bytes(device.memory_total_bytes));
  return (
    <li className="jp-mlplat-device">
      <div className="jp-mlplat-deviceHead">
        <span className="jp-mlplat-rowName" title={device.uuid}>
          {device.index} · {device.name}
        </span>
        <span className="jp-mlplat-word" data-tone={device.note ? 'warn' : !isFree(device) ? 'brand' : kept ? 'quiet' : 'success'}>
          {isFree(device) && kept ? trans.__('Reserved for %1', kept.whose) : holders(device, trans)}
        </span>
        {device.lease?.asked_at && (
          <CommandButton
            command={CommandIDs.keepLease}
            args={{ id: device.lease.id }}
            label={trans.__('Keep device %1 for 30 minutes', device.index)}
            iconOnly
          />
        )}
        {device.lease && <EndButton lease={device.lease} label={trans.__('Give device %1 back', device.index)} />}
      </div>
      <div
        className="jp-mlplat-meter"
        role="meter"
        aria-label={trans.__('Memory of device %1', device.index)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={memory}
      >
        <span style={{ transform: `scaleX(${share})` }} />
      </div>
      <div className="jp-mlplat-rowDetail">
        <span>{memory}</span>
        {device.utilization !== null && <span>{trans.__('%1 busy', percent(device.utilization))}</span>}
        {device.note !== null && <span>{device.note}</span>}
        {device.lease && <WorkLink lease={device.lease} />}
        {device.lease?.ends_at && <span>{trans.__('until %1', moment(device.lease.ends_at))}</span>}
        {device.lease?.wanted_by && <span>{trans.__('being taken back')}</span>}
      </div>
      {device.lease && <Rest lease={device.lease} named={false} />}
      {device.shares.map(lease => (
        <Rest key={lease.id} lease={lease} named />
      ))}
    </li>
  );
}

/** Ends a claim: a job's and a deployment's end with these, any other one is given back. */
function EndButton(props: { readonly lease: Lease; readonly label: string }): JSX.Element {
  const { lease } = props;
  const trans = useTrans();
  if (lease.deployment !== null) {
    return (
      <CommandButton
        command={CommandIDs.deleteDeployment}
        args={{ name: lease.deployment }}
        label={trans.__('Delete deployment %1', lease.deployment)}
        iconOnly
      />
    );
  }
  return lease.job_id === null ? (
    <CommandButton command={CommandIDs.releaseLease} args={{ id: lease.id }} label={props.label} iconOnly />
  ) : (
    <CommandButton
      command={CommandIDs.cancelJob}
      args={{ id: lease.job_id, name: lease.label }}
      label={trans.__('Cancel job %1', [lease.label, shortId(lease.job_id)].filter(Boolean).join(' '))}
      iconOnly
    />
  );
}

/** Leads to the job or the deployment that has it. */
function WorkLink(props: { readonly lease: Lease }): JSX.Element | null {
  const { job_id, deployment } = props.lease;
  const trans = useTrans();
  if (deployment !== null) {
    return <Link command={CommandIDs.openDeployment} field="name" id={deployment} words={trans.__('deployment')} />;
  }
  return job_id === null ? null : (
    <Link command={CommandIDs.openJob} id={job_id} words={[trans.__('job'), shortId(job_id)].filter(Boolean).join(' ')} />
  );
}
