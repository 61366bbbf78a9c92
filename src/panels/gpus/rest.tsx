/** Claims whose devices do nothing, in words that stay true while one looks at them. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Lease } from '../../types';
import { until } from '../../widgets/format';
import { useNow } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';

/** Shorter rests are between two cells, in milliseconds. */
const WORTH_SAYING = 60_000;

/** "idle 35 min"; empty while it works or has just stopped. */
export function restWords(lease: Lease, trans: TranslationBundle, now = Date.now()): string {
  if (lease.idle_since === null) {
    return '';
  }
  const since = Date.parse(lease.idle_since);
  return now - since < WORTH_SAYING && lease.asked_at === null ? '' : trans.__('idle %1', until(new Date(now), since, trans));
}

/** The same with when its kernel ends: "idle 35 min, shut down in 9 min". */
function wholeWords(lease: Lease, trans: TranslationBundle, now: number): string {
  const left =
    lease.reclaim_at === null
      ? ''
      : Date.parse(lease.reclaim_at) <= now
        ? trans.__('shut down at any moment')
        : trans.__('shut down in %1', until(new Date(lease.reclaim_at), now, trans));
  return [restWords(lease, trans, now), left].filter(Boolean).join(', ');
}

/** How long it rests, after the name of its owner where there are several. */
export function Rest(props: { readonly lease: Lease; readonly named: boolean }): JSX.Element | null {
  const { lease } = props;
  const trans = useTrans();
  const words = wholeWords(lease, trans, useNow());
  if (words === '') {
    return null;
  }
  return (
    <div className="jp-mlplat-rowDetail">
      <span className="jp-mlplat-word" data-tone={lease.asked_at === null ? 'quiet' : 'warn'}>
        {props.named ? `${lease.owner}: ${words}` : words}
      </span>
    </div>
  );
}
