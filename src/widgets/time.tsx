/** Times that stay true while one looks at them. */

import * as React from 'react';
import { ago, clock, until } from './format';
import { useTrans } from './trans';

const listeners = new Set<() => void>();
let timer: number | null = null;

/** One clock for all: it ticks only while somebody listens and the page is visible. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    if (!document.hidden) {
      listeners.forEach(each => {
        each();
      });
    }
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      window.clearInterval(timer);
      timer = null;
    }
  };
}

/** Milliseconds since the epoch, renewed every second, or every `step` milliseconds. */
export function useNow(step = 1000): number {
  const [now, setNow] = React.useState(() => Date.now());
  React.useEffect(
    () =>
      subscribe(() => {
        setNow(last => (step <= 1000 || Date.now() - last >= step ? Date.now() : last));
      }),
    [step]
  );
  return now;
}

/** "in 3 h", with the absolute time on hover; "now" once it has come. */
export function Ahead(props: { readonly time: string }): JSX.Element {
  const trans = useTrans();
  const now = useNow();
  const then = new Date(props.time);
  return (
    <time dateTime={props.time} title={then.toLocaleString()}>
      {then.getTime() - now < 500 ? trans.__('now') : trans.__('in %1', until(then, now, trans))}
    </time>
  );
}

/** "6 min ago", with the absolute time on hover. */
export function RelativeTime(props: { readonly time: string }): JSX.Element {
  const trans = useTrans();
  const now = useNow();
  const then = new Date(props.time);
  return (
    <time dateTime={props.time} title={then.toLocaleString()}>
      {ago(then, now, trans)}
    </time>
  );
}

/** How long something has been going on: "3:07". */
export function Elapsed(props: { readonly since: string }): JSX.Element {
  const now = useNow();
  const since = new Date(props.since);
  return (
    <span className="jp-mlplat-elapsed" title={since.toLocaleString()}>
      {clock((now - since.getTime()) / 1000)}
    </span>
  );
}
