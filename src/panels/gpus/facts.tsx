/** The GPUs of a job or a deployment, among its facts. */

import * as React from 'react';
import type { Deployment, Job } from '../../types';
import { useTrans } from '../../widgets/trans';
import { usePanel, useResource } from '../context';
import { askedWhole, deviceNames, leaseNow, placeAndTime, wishOf } from './words';

/** What it asked for, and which devices it has or had; a deployment's place in the queue, too. */
export function GPUFacts({ work }: { readonly work: Job | Deployment }): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const gpus = useResource(model.gpus).data;
  React.useEffect(() => {
    model.gpus.demand();
  }, [model]);
  const lease = leaseNow(work, gpus);
  const job = 'attempt' in work ? work : null;
  // A queued one may have had others before.
  const granted = lease !== null && lease.granted_at !== null && (job?.state !== 'queued' || lease.state === 'granted');
  const parts = [
    askedWhole(wishOf(work), trans),
    job !== null && job.interruptible && job.ended_at === null && trans.__('may be interrupted'),
    granted && <span title={lease.devices.join('\n')}>{deviceNames(lease.devices, gpus)}</span>,
    job === null && lease?.state === 'queued' && placeAndTime(lease, trans),
    granted && lease.state === 'granted' && lease.wanted_by !== null && (
      <b>{trans.__('being taken back for one that ranks higher; it goes on later')}</b>
    )
  ].filter(part => part !== false);
  return (
    <span>
      {parts.map((part, place) => (
        <React.Fragment key={place}>
          {place > 0 && ' · '}
          {part}
        </React.Fragment>
      ))}
    </span>
  );
}
