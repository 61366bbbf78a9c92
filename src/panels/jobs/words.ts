/** Jobs in words: what matters most about one, and why it ended. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ended } from '../../followed';
import type { Job } from '../../types';
import { duration, number } from '../../widgets/format';

/** "#41" for the short ids that people can say; nothing for long ones. */
export function shortId(id: string): string {
  return id.length <= 8 ? `#${id}` : '';
}

/** What matters most about a job that has ended: its metric, or what went wrong. */
export function jobHeadline(job: Job, trans: TranslationBundle): string {
  if (job.state === 'failed' || job.state === 'lost') {
    return (job.message ?? reasonWords(job, trans)).split('\n')[0];
  }
  return Object.entries(job.metric)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(' · ');
}

/** What a living job that somebody wants to end does; undefined for any other. */
export function leavingWord(job: Job, trans: TranslationBundle): string | undefined {
  if (!job.cancel_requested || ended(job)) {
    return undefined;
  }
  return job.lease?.wanted_by ? trans.__('Giving way') : trans.__('Cancelling');
}

/** The reason of a job in words. */
export function reasonWords(job: Pick<Job, 'reason' | 'timeout'>, trans: TranslationBundle): string {
  switch (job.reason) {
    case 'cell_error':
      return trans.__('A cell raised an error.');
    case 'kernel_died':
      return trans.__('The kernel died.');
    case 'out_of_memory':
      return trans.__('It ran out of memory.');
    case 'timeout':
      return job.timeout ? trans.__('It took longer than %1.', duration(job.timeout)) : trans.__('It took too long.');
    case 'deadline':
      return trans.__('Its deadline passed.');
    case 'cancelled':
      return trans.__('It was cancelled.');
    case 'replaced':
      return trans.__('A newer one replaced it.');
    case 'preempted':
      return trans.__('Something more important took its place.');
    case 'pruned':
      return trans.__('It was pruned as not promising.');
    case 'worker_lost':
      return trans.__('The process that ran it disappeared.');
    case 'bad_input':
      return trans.__('Its input could not be used.');
    case 'backend_unavailable':
      return trans.__('No backend could run it.');
    case null:
      return '';
  }
}

/**
 * A job's notebook relative to the server's root, as `POST /jobs` takes it; null when it is outside.
 * `root` may be written with a leading "~", as the page's configuration does.
 */
export function relativeNotebook(notebook: string, root: string): string | null {
  const clean = root.replace(/\/+$/, '');
  if (clean.startsWith('~')) {
    const tail = `${clean.slice(1)}/`;
    const home = /^(\/root|\/home\/[^/]+|\/Users\/[^/]+)(?=\/)/.exec(notebook)?.[0];
    return home !== undefined && notebook.startsWith(home + tail) ? notebook.slice(home.length + tail.length) : null;
  }
  return notebook.startsWith(`${clean}/`) ? notebook.slice(clean.length + 1) : null;
}
