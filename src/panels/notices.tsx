/** Who is told of what when something ends, and whether it reached them. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Notice, NoticeEvent, Notify } from '../types';
import { duration } from '../widgets/format';
import { StateBadge } from '../widgets/state';
import { RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';

/** What somebody is told of, as it is asked for. */
export function eventWords(event: NoticeEvent, trans: TranslationBundle): string {
  switch (event) {
    case 'failure':
      return trans.__('failure');
    case 'recovery':
      return trans.__('recovery');
    case 'too_long':
      return trans.__('takes too long');
    case 'success':
      return trans.__('success');
  }
}

/** "@team: failure, recovery"; several with semicolons. */
export function notifyWords(notify: ReadonlyArray<Notify>, trans: TranslationBundle): string {
  return notify
    .map(one => {
      const events = one.on.map(event =>
        event === 'too_long' && one.after !== null
          ? trans.__('takes longer than %1', duration(one.after))
          : eventWords(event, trans)
      );
      return `${target(one.to)}: ${events.join(', ')}`;
    })
    .join('; ');
}

/** An address without what says that it is one. */
function target(to: string): string {
  return to.replace(/^mailto:/, '');
}

/** The messages of a job: to whom, of what, and whether they arrived. */
export function Notices({ notices }: { readonly notices: ReadonlyArray<Notice> }): JSX.Element {
  const trans = useTrans();
  return (
    <ul className="jp-mlplat-notices" aria-label={trans.__('Notices')}>
      {notices.map(notice => (
        <li key={notice.id} data-notice={notice.id} data-state={notice.state}>
          <StateBadge state={notice.state} word={notice.state === 'failed' ? trans.__('Not delivered') : undefined} />
          <span>
            {trans.__('%1 to %2', eventWords(notice.event, trans), target(notice.to))}{' '}
            <span className="jp-mlplat-number">
              <RelativeTime time={notice.sent_at ?? notice.created_at} />
              {notice.state !== 'sent' && notice.tries > 0 && ` · ${trans._n('%1 try', '%1 tries', notice.tries)}`}
            </span>
          </span>
          {notice.message && <span className="jp-mlplat-noticeWhy">{notice.message}</span>}
        </li>
      ))}
    </ul>
  );
}
