/** A request to a deployment, written in fields or as JSON, and its answer. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { ApiError, Prediction } from '../../api';
import { asApiError } from '../../resource';
import type { Deployment } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { number, pretty } from '../../widgets/format';
import { Tabs, TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { isObject, readTable, writeTable } from './example';
import { RowForm } from './row-form';

type Mode = 'form' | 'json';

export function TryIt(props: { readonly deployment: Deployment }): JSX.Element {
  const { deployment } = props;
  const { model } = usePanel();
  const trans = useTrans();
  const [text, setText] = React.useState<string | null>(null);
  const [mode, setMode] = React.useState<Mode>('form');
  const [busy, setBusy] = React.useState(false);
  const [answer, setAnswer] = React.useState<Prediction | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const shown = text ?? (deployment.example ? pretty(deployment.example) : '{}');
  const parsed = parse(shown);
  const table = parsed.ok ? readTable(parsed.value) : null;
  const chosen: Mode = table === null ? 'json' : mode;
  const send = (): void => {
    if (!parsed.ok || busy) {
      return;
    }
    setBusy(true);
    setError(null);
    model.api.deployments
      .predict(deployment.name, parsed.value)
      .then(setAnswer, (reason: unknown) => {
        setError(asApiError(reason));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <section
      className="jp-mlplat-card jp-mlplat-try"
      aria-label={trans.__('Try it')}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          send();
        }
      }}
    >
      <div className="jp-mlplat-cardHead">
        <h2>{trans.__('Try it')}</h2>
        {table !== null && (
          <Tabs
            label={trans.__('How to write the request')}
            tabs={[
              { id: 'form', label: trans.__('Form') },
              { id: 'json', label: 'JSON' }
            ]}
            chosen={chosen}
            choose={id => {
              setMode(id === 'json' ? 'json' : 'form');
            }}
          />
        )}
      </div>
      {chosen === 'form' && table !== null ? (
        <RowForm
          table={table}
          change={next => {
            setText(pretty(writeTable(next)));
          }}
        />
      ) : (
        <textarea
          className="jp-mlplat-json"
          aria-label={trans.__('Request body as JSON')}
          aria-invalid={!parsed.ok}
          spellCheck={false}
          rows={Math.min(18, Math.max(6, shown.split('\n').length))}
          value={shown}
          onChange={event => {
            setText(event.target.value);
          }}
        />
      )}
      {!parsed.ok && <p className="jp-mlplat-fieldError">{trans.__('Not JSON: %1', parsed.message)}</p>}
      <div className="jp-mlplat-formFoot">
        <p className="jp-mlplat-hint">
          {deployment.state === 'ready' ? trans.__('Ctrl+Enter sends it.') : trans.__('It answers once it is ready.')}
        </p>
        {text !== null && (
          <TextButton
            label={trans.__('Back to the example')}
            onClick={() => {
              setText(null);
            }}
          />
        )}
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          disabled={busy || !parsed.ok || (deployment.state !== 'ready' && deployment.state !== 'degraded')}
          onClick={send}
        >
          {busy ? trans.__('Asking…') : trans.__('Predict')}
        </button>
      </div>
      <div aria-live="polite" aria-busy={busy}>
        {error && <ErrorBox error={error} />}
        {!error && answer && <Answer answer={answer} />}
      </div>
    </section>
  );
}

function Answer(props: { readonly answer: Prediction }): JSX.Element {
  const { body, milliseconds } = props.answer;
  const trans = useTrans();
  const predictions = isObject(body) && Array.isArray(body.predictions) ? body.predictions : null;
  const simple = predictions?.every(each => typeof each !== 'object' || each === null) ?? false;
  return (
    <div className="jp-mlplat-answer">
      <div className="jp-mlplat-answerHead">
        <h3>{predictions && predictions.length > 1 ? trans.__('Predictions, row by row') : trans.__('Prediction')}</h3>
        <span className="jp-mlplat-ms">{trans.__('%1 ms', Number(milliseconds.toPrecision(3)))}</span>
      </div>
      {predictions && simple ? (
        <ul className="jp-mlplat-predictions">
          {predictions.map((each, index) => (
            <li key={index}>{typeof each === 'number' ? number(each) : String(each)}</li>
          ))}
        </ul>
      ) : (
        <pre tabIndex={0} aria-label={trans.__('Answer')}>
          {pretty(body)}
        </pre>
      )}
    </div>
  );
}

type Parsed = { readonly ok: true; readonly value: JSONValue } | { readonly ok: false; readonly message: string };

function parse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) as JSONValue };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}
