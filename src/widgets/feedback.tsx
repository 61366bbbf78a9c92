/** What a place shows when it has nothing to show: loading, empty, error, offline. */

import { Button } from '@jupyterlab/ui-components';
import * as React from 'react';
import { stateIcons } from './icons';
import { useTrans } from './trans';

/** Grey lines where the rows will be; said once to screen readers. */
export function Loading(props: { readonly lines?: number }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-mlplat-loading" role="status">
      <span className="jp-mlplat-sr">{trans.__('Loading…')}</span>
      {Array.from({ length: props.lines ?? 2 }, (_, index) => (
        <span key={index} className="jp-mlplat-skeleton" style={{ width: `${82 - index * 17}%` }} aria-hidden />
      ))}
    </div>
  );
}

/** Teaches what would be here, and how it gets here. */
export function Empty(props: { readonly title: string; readonly children?: React.ReactNode }): JSX.Element {
  return (
    <div className="jp-mlplat-empty">
      <p>{props.title}</p>
      {props.children}
    </div>
  );
}

export interface IProblem {
  readonly message: string;
  readonly hint: string;
}

/** What happened, to what, and what to do. */
export function ErrorBox(props: { readonly error: IProblem; readonly retry?: () => void }): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-mlplat-error" role="alert">
      <span className="jp-mlplat-stateIcon" data-tone="error" aria-hidden>
        <stateIcons.failed.react tag={null} />
      </span>
      <div>
        <p>{props.error.message}</p>
        {props.error.hint && <p className="jp-mlplat-hint">{props.error.hint}</p>}
        {props.retry && (
          <Button className="jp-mlplat-link" onClick={props.retry} minimal small>
            {trans.__('Try again')}
          </Button>
        )}
      </div>
    </div>
  );
}

/** Shown above what was last known. */
export function Offline(): JSX.Element {
  const trans = useTrans();
  return (
    <p className="jp-mlplat-offline" role="status">
      {trans.__('Offline: this is what was last known.')}
    </p>
  );
}
