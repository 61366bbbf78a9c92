/** How long a queued job still waits, and for what: its place, its next attempt. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Job } from '../types';
import { ordinal, until } from '../widgets/format';
import { useNow } from '../widgets/time';
import { useTrans } from '../widgets/trans';

/** "2nd in queue, ~4 min" or "retry 1 of 2 in 25 s"; empty when nothing is known. */
export function waitingWords(job: Job, now: number, trans: TranslationBundle): string {
  const retry = job.failures > 0 && job.retries > 0 ? trans.__('retry %1 of %2', job.failures, job.retries) : '';
  if (retry && job.not_before !== null && Date.parse(job.not_before) > now) {
    return trans.__('%1 in %2', retry, until(new Date(job.not_before), now, trans));
  }
  const place = job.position === null ? '' : trans.__('%1 in queue', ordinal(job.position, trans));
  const start = job.expected_start === null ? null : new Date(job.expected_start);
  const wait = place && start !== null && start.getTime() - now > 1000 ? `~${until(start, now, trans)}` : '';
  return [retry, place, wait].filter(Boolean).join(', ');
}

/** The words, true while one looks at them. */
export function Waiting({ job }: { readonly job: Job }): JSX.Element | null {
  const trans = useTrans();
  const now = useNow();
  const words = waitingWords(job, now, trans);
  const start = job.not_before ?? job.expected_start;
  return words ? <span title={start ? new Date(start).toLocaleString() : undefined}>{words}</span> : null;
}
