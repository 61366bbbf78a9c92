/** Requests for protected aliases: who asks for what, and why; a second person says yes or no. */

import * as React from 'react';
import type { Verdict } from '../../api';
import type { AliasRequest, RegisteredModel } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { lockIcon } from '../../widgets/icons';
import { TextButton } from '../../widgets/parts';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { problemOf } from '../run/editing';
import { useActing } from './acting';
import { openRequests, wishOf } from './words';

/** Letters of a reason. */
const LONGEST = 500;

interface IRequestsProps {
  readonly model: RegisteredModel;
  /** Shows a version. */
  readonly show: (version: string) => void;
}

export function Requests({ model, show }: IRequestsProps): JSX.Element | null {
  const trans = useTrans();
  const id = React.useId();
  const open = openRequests(model);
  if (open.length === 0) {
    return null;
  }
  return (
    <section className="jp-mlplat-card jp-mlplat-requests" aria-labelledby={id}>
      <h2 id={id}>
        <lockIcon.react tag="span" width="14px" height="14px" />
        {trans._n('%1 request waits for a second person', '%1 requests wait for a second person', open.length)}
      </h2>
      <ul>
        {open.map(request => (
          <Request key={request.id} request={request} show={show} />
        ))}
      </ul>
    </section>
  );
}

function Request({ request, show }: { readonly request: AliasRequest; readonly show: (version: string) => void }): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const { act, busy, error, forget } = useActing();
  const [why, setWhy] = React.useState('');
  const [missing, setMissing] = React.useState(false);
  const field = React.useRef<HTMLInputElement>(null);
  const id = React.useId();
  const decide = (verdict: Verdict): void => {
    if (verdict === 'reject' && why.trim() === '') {
      setMissing(true);
      field.current?.focus();
      return;
    }
    setMissing(false);
    void act(() => model.api.models.decide(request.model, request.id, verdict, why.trim()));
  };
  const version = request.version;
  return (
    <li className="jp-mlplat-request" data-request={request.id} aria-busy={busy}>
      <p className="jp-mlplat-requestWish">{wishOf(request, trans)}</p>
      <p className="jp-mlplat-hint">
        {trans.__('%1 asks', request.by)} · <RelativeTime time={request.at} />
        {version !== null && request.kind === 'alias' && (
          <>
            {' · '}
            <button
              type="button"
              className="jp-mlplat-link"
              onClick={() => {
                show(version);
              }}
            >
              {trans.__('look at version %1', version)}
            </button>
          </>
        )}
      </p>
      {request.why && (
        <blockquote className="jp-mlplat-why" dir="auto">
          {request.why}
        </blockquote>
      )}
      <div className="jp-mlplat-requestActs">
        <input
          ref={field}
          className="jp-mlplat-search"
          value={why}
          maxLength={LONGEST}
          dir="auto"
          aria-label={trans.__('Why you approve, reject or withdraw it')}
          aria-invalid={missing}
          aria-describedby={missing ? id : undefined}
          placeholder={trans.__('Why (needed to reject)')}
          onChange={event => {
            setWhy(event.target.value);
            setMissing(false);
            forget();
          }}
        />
        <TextButton
          label={trans.__('Approve')}
          primary
          disabled={busy}
          onClick={() => {
            decide('approve');
          }}
        />
        <TextButton
          label={trans.__('Reject')}
          disabled={busy}
          onClick={() => {
            decide('reject');
          }}
        />
        <TextButton
          label={trans.__('Withdraw')}
          disabled={busy}
          title={trans.__('For whoever asked: it is no longer wanted')}
          onClick={() => {
            decide('withdraw');
          }}
        />
      </div>
      {missing && (
        <p className="jp-mlplat-fieldError" id={id} role="alert">
          {trans.__('Say why it is rejected: whoever asked reads it.')}
        </p>
      )}
      {error && <ErrorBox error={problemOf(error)} />}
    </li>
  );
}
