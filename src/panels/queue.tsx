/** How long a queued job still waits, and for what: its GPUs, its place, its next attempt. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Job, Lease } from '../types';
import { ordinal, until } from '../widgets/format';
import { useNow } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { usePanel, useResource } from './context';
import { asked, leaseNow, placeAndTime } from './gpus/words';

/**
 * "2nd in queue, ~4 min", "waits for 1 × A100, 3rd in the queue, ~6 min" or "retry 1 of 2 in 25 s"; empty when
 * nothing is known. `lease` is the job's as it is now.
 */
export function waitingWords(job: Job, lease: Lease | null, now: number, trans: TranslationBundle): string {
  const retry = job.failures > 0 && job.retries > 0 ? trans.__('retry %1 of %2', job.failures, job.retries) : '';
  if (retry && job.not_before !== null && Date.parse(job.not_before) > now) {
    return trans.__('%1 in %2', retry, until(new Date(job.not_before), now, trans));
  }
  if (lease?.state === 'queued') {
    const waits = trans.__('waits for %1, %2', asked(lease, trans), placeAndTime(lease, trans, now));
    return [retry, waits].filter(Boolean).join(', ');
  }
  // One that never failed says why it does not start: there is no such device, the cluster is away.
  if (job.failures === 0 && job.message) {
    return job.message.split('\n')[0];
  }
  const place = job.position === null ? '' : trans.__('%1 in queue', ordinal(job.position, trans));
  const start = job.expected_start === null ? null : new Date(job.expected_start);
  const wait = place && start !== null && start.getTime() - now > 1000 ? `~${until(start, now, trans)}` : '';
  return [retry, place, wait].filter(Boolean).join(', ');
}

/** The words, true while one looks at them; `otherwise` where nothing is known. */
export function Waiting({ job, otherwise }: { readonly job: Job; readonly otherwise?: string }): JSX.Element | null {
  const trans = useTrans();
  const now = useNow();
  const { model } = usePanel();
  const lease = leaseNow(job, useResource(model.gpus).data);
  const words = waitingWords(job, lease, now, trans);
  const claim = lease?.state === 'queued' ? lease : null;
  const start = job.not_before ?? (claim === null ? job.expected_start : claim.expected_start);
  const title = [words, claim?.held_up, claim?.cause, start && new Date(start).toLocaleString()].filter(Boolean).join('\n');
  return words ? <span title={title}>{words}</span> : <>{otherwise}</>;
}
