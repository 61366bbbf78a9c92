/** The view of one deployment: its state and address, and a place to try it. */

import type { JSONObject, JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { ApiError, Prediction } from '../api';
import { asApiError, type Resource } from '../resource';
import { CommandIDs } from '../tokens';
import type { Deployment } from '../types';
import { ErrorBox } from '../widgets/feedback';
import { tryIcon } from '../widgets/icons';
import { number, pretty } from '../widgets/format';
import { Copyable, Facts, Tabs, TextButton } from '../widgets/parts';
import { StateBadge, stateTone } from '../widgets/state';
import { RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel } from './context';
import { servedVersions } from './deployments';
import { readTable, type ITable, writeTable } from './example';

export class DeploymentView extends PanelWidget {
  constructor(context: IPanelContext, readonly name: string) {
    super(context);
    this.id = `jp-mlplat-deployment-${name}`;
    this.addClass('jp-mlplat-view');
    this.title.label = name;
    this.title.caption = context.trans.__('Deployment %1', name);
    this.title.icon = tryIcon;
    this.title.closable = true;
    this._deployment = context.model.watchDeployment(name);
    this._deployment.demand();
  }

  override dispose(): void {
    this._deployment.dispose();
    super.dispose();
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page">
        <Show resource={this._deployment} lines={5}>
          {deployment => <Detail deployment={deployment} />}
        </Show>
      </div>
    );
  }

  private readonly _deployment: Resource<Deployment>;
}

function Detail(props: { readonly deployment: Deployment }): JSX.Element {
  const { deployment } = props;
  const trans = useTrans();
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{deployment.name}</h1>
          <span aria-live="polite">
            <StateBadge state={deployment.state} />
          </span>
          <div className="jp-mlplat-actions">
            <CommandButton command={CommandIDs.deleteDeployment} args={{ name: deployment.name }} />
          </div>
        </div>
        {deployment.message && deployment.state !== 'ready' && (
          <p className="jp-mlplat-reason" data-tone={stateTone(deployment.state)}>
            {deployment.message}
          </p>
        )}
        <Facts
          rows={[
            [trans.__('Serves'), servedVersions(deployment)],
            ...(deployment.url ? [[trans.__('Address'), <Copyable key="url" text={deployment.url} label={trans.__('address')} />] as const] : []),
            ...(deployment.token_file
              ? [[trans.__('Token'), <Copyable key="token" text={deployment.token_file} shown={trans.__('file with the token')} label={trans.__('path of the token file')} />] as const]
              : []),
            [trans.__('Owner'), deployment.owner],
            [trans.__('Changed'), <RelativeTime key="t" time={deployment.updated_at} />],
            ...(deployment.restarts ? [[trans.__('Restarts'), String(deployment.restarts)] as const] : [])
          ]}
        />
      </header>
      <TryIt key={deployment.name} deployment={deployment} />
    </>
  );
}

type Mode = 'form' | 'json';

function TryIt(props: { readonly deployment: Deployment }): JSX.Element {
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

/** One field per column, typed as the example is; one row at a time. */
function RowForm(props: { readonly table: ITable; readonly change: (table: ITable) => void }): JSX.Element {
  const { table } = props;
  const trans = useTrans();
  const [chosen, setChosen] = React.useState(0);
  const at = Math.min(chosen, table.rows.length - 1);
  const row = table.rows[at];
  return (
    <>
      {table.rows.length > 1 && (
        <Tabs
          label={trans.__('Rows')}
          tabs={table.rows.map((_, index) => ({ id: String(index), label: trans.__('Row %1', index + 1) }))}
          chosen={String(at)}
          choose={id => {
            setChosen(Number(id));
          }}
        />
      )}
    <div className="jp-mlplat-rowForm">
      {table.columns.map((column, index) => {
        const value = row[index];
        const id = `jp-mlplat-input-${index}`;
        const set = (next: JSONValue): void => {
          const cells = [...row];
          cells[index] = next;
          props.change({ ...table, rows: table.rows.map((each, position) => (position === at ? cells : each)) });
        };
        return (
          <div key={column} className="jp-mlplat-rowField">
            <label htmlFor={id} title={column}>
              {column}
            </label>
            {typeof value === 'boolean' ? (
              <input
                id={id}
                type="checkbox"
                checked={value}
                onChange={event => {
                  set(event.target.checked);
                }}
              />
            ) : typeof value === 'number' ? (
              <input
                id={id}
                type="number"
                step="any"
                value={Number.isNaN(value) ? '' : value}
                onChange={event => {
                  if (event.target.value !== '') {
                    set(event.target.valueAsNumber);
                  }
                }}
              />
            ) : (
              <input
                id={id}
                value={value === null ? '' : String(value)}
                onChange={event => {
                  set(event.target.value);
                }}
              />
            )}
          </div>
        );
      })}
    </div>
    </>
  );
}

function isObject(value: JSONValue): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Parsed = { readonly ok: true; readonly value: JSONValue } | { readonly ok: false; readonly message: string };

function parse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) as JSONValue };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}
