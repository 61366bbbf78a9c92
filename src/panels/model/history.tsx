/** What became of the aliases of a model: every move with who, when and why, and the requests that ended. */

import * as React from 'react';
import type { AliasChange, AliasRequest } from '../../types';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { Cut, tip } from '../runs/cells';
import { requestWord, wishOf } from './words';

interface IHistoryProps {
  readonly changes: ReadonlyArray<AliasChange>;
  /** Shows a version. */
  readonly show: (version: string) => void;
}

export function History({ changes, show }: IHistoryProps): JSX.Element | null {
  const trans = useTrans();
  const id = React.useId();
  if (changes.length === 0) {
    return null;
  }
  return (
    <>
      <h3 id={id}>{trans.__('History of the aliases')}</h3>
      <div className="jp-mlplat-fieldScroll" tabIndex={0} role="region" aria-labelledby={id}>
        <table className="jp-mlplat-table" aria-labelledby={id}>
          <thead>
            <tr>
              <th scope="col">{trans.__('When')}</th>
              <th scope="col">{trans.__('Alias')}</th>
              <th scope="col">{trans.__('From → to')}</th>
              <th scope="col">{trans.__('By')}</th>
              <th scope="col">{trans.__('Approved by')}</th>
              <th scope="col">{trans.__('Why')}</th>
            </tr>
          </thead>
          <tbody>
            {changes.map((change, index) => (
              <tr key={index}>
                <td>
                  <RelativeTime time={change.at} />
                </td>
                <th scope="row" title={change.alias}>
                  <Cut text={change.alias} />
                </th>
                <td>
                  <Version version={change.before} absent={trans.__('new')} show={show} />
                  {' → '}
                  <Version version={change.version} absent={trans.__('deleted')} show={show} />
                </td>
                <td title={tip(change.by)}>
                  <Cut text={change.by} />
                </td>
                <td title={tip(change.approved_by ?? '')}>
                  <Cut text={change.approved_by ?? '–'} />
                </td>
                <td dir="auto">{change.why || '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Version(props: { readonly version: string | null; readonly absent: string; readonly show: (version: string) => void }): JSX.Element {
  const { version, absent, show } = props;
  const trans = useTrans();
  return version === null ? (
    <span className="jp-mlplat-hint">{absent}</span>
  ) : (
    <button
      type="button"
      className="jp-mlplat-link"
      aria-label={trans.__('Version %1', version)}
      onClick={() => {
        show(version);
      }}
    >
      {version}
    </button>
  );
}

export function EndedRequests({ requests }: { readonly requests: ReadonlyArray<AliasRequest> }): JSX.Element | null {
  const trans = useTrans();
  const ended = requests.filter(request => request.state !== 'open');
  if (ended.length === 0) {
    return null;
  }
  return (
    <details className="jp-mlplat-folded">
      <summary>{trans._n('%1 request that ended', '%1 requests that ended', ended.length)}</summary>
      <table className="jp-mlplat-table" aria-label={trans.__('Requests that ended')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Asked for')}</th>
            <th scope="col">{trans.__('By')}</th>
            <th scope="col">{trans.__('Outcome')}</th>
            <th scope="col">{trans.__('When')}</th>
            <th scope="col">{trans.__('Why')}</th>
          </tr>
        </thead>
        <tbody>
          {ended.map(request => (
            <tr key={request.id}>
              <th scope="row">{wishOf(request, trans)}</th>
              <td title={tip(request.by)}>
                <Cut text={request.by} />
              </td>
              <td>{request.decided_by === null ? requestWord(request, trans) : trans.__('%1 by %2', requestWord(request, trans), request.decided_by.slice(0, 60))}</td>
              <td>{request.decided_at === null ? '–' : <RelativeTime time={request.decided_at} />}</td>
              <td dir="auto">{request.decision_why || '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
