/** Drift: a section with the outcome of the last check, and a view that runs one and shows every column. */

import * as React from 'react';
import type { ApiError } from '../api';
import type { IIdentity } from '../links';
import { asApiError } from '../resource';
import { CommandIDs } from '../tokens';
import type { DriftReport } from '../types';
import { Empty, ErrorBox } from '../widgets/feedback';
import { number, percent } from '../widgets/format';
import { driftIcon, stateIcons } from '../widgets/icons';
import { Facts, Field, TextButton } from '../widgets/parts';
import { RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, usePanel, useResource } from './context';
import { Section } from './section';

export class DriftSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'drift', label: context.trans.__('Drift') });
    this.follow(context.model.drift);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const report = model.drift.data;
    if (report === null) {
      return '';
    }
    return report.drift ? trans._n('%1 column drifted', '%1 columns drifted', report.drifted_columns.length) : trans.__('no drift');
  }

  demand(): void {
    // The last report comes from the state that the model recalls.
  }

  protected content(): JSX.Element {
    return <LastCheck />;
  }
}

function LastCheck(): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const report = useResource<DriftReport>(model.drift).data;
  if (report === null) {
    return (
      <Empty title={trans.__('Nothing was checked yet. A check compares new data with what a model was trained on.')}>
        <CommandButton command={CommandIDs.checkDrift} />
      </Empty>
    );
  }
  return (
    <div className="jp-mlplat-driftCard">
      <Outcome report={report} />
      <p className="jp-mlplat-rowDetail">
        <span title={report.current}>{fileName(report.current)}</span>
        <span title={report.reference}>{trans.__('against %1', fileName(report.reference))}</span>
        <RelativeTime time={report.checked_at} />
      </p>
      {report.drift && (
        <ul className="jp-mlplat-chips" aria-label={trans.__('Drifted columns')}>
          {report.drifted_columns.map(column => (
            <li key={column}>{column}</li>
          ))}
        </ul>
      )}
      <CommandButton command={CommandIDs.checkDrift} label={trans.__('Show or check again')} />
    </div>
  );
}

function fileName(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? path;
}

function Outcome(props: { readonly report: DriftReport }): JSX.Element {
  const { report } = props;
  const trans = useTrans();
  const icon = report.drift ? stateIcons.warning : stateIcons.succeeded;
  return (
    <p className="jp-mlplat-state jp-mlplat-outcome" data-tone={report.drift ? 'warn' : 'success'}>
      <span className="jp-mlplat-stateIcon" data-tone={report.drift ? 'warn' : 'success'} aria-hidden>
        <icon.react tag={null} />
      </span>
      <span>
        {report.drift
          ? trans.__('Drift in %1 of %2 columns', report.drifted_columns.length, report.columns.length)
          : trans.__('No drift in %1 columns', report.columns.length)}
      </span>
    </p>
  );
}

/** The view in the main area: two files in, a table of columns out. */
export class DriftView extends PanelWidget {
  constructor(context: IPanelContext, private readonly _initial: { reference?: string; current?: string }) {
    super(context);
    this.id = 'jp-mlplat-drift';
    this.addClass('jp-mlplat-view');
    this.title.label = context.trans.__('Drift check');
    this.title.icon = driftIcon;
    this.title.closable = true;
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.checkDrift, args: {} };
  }

  protected content(): JSX.Element {
    return <Check initial={this._initial} />;
  }
}

function Check(props: { readonly initial: { reference?: string; current?: string } }): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const report = useResource<DriftReport>(model.drift).data;
  const [reference, setReference] = React.useState(props.initial.reference ?? model.lastCheck?.reference ?? '');
  const [current, setCurrent] = React.useState(props.initial.current ?? model.lastCheck?.current ?? '');
  const [columns, setColumns] = React.useState(model.lastCheck?.columns?.join(', ') ?? '');
  const [withReport, setWithReport] = React.useState(false);
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState<ApiError | null>(null);
  const run = (): void => {
    setBusy(true);
    setError(null);
    const names = columns.split(',').map(each => each.trim()).filter(Boolean);
    model
      .checkDrift({ reference, current, ...(names.length ? { columns: names } : {}), report: withReport })
      .catch((reason: unknown) => {
        setError(asApiError(reason));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <div className="jp-mlplat-page">
      <header className="jp-mlplat-head">
        <h1>{trans.__('Drift check')}</h1>
        <p className="jp-mlplat-hint">
          {trans.__('Compares two tables column by column. Files are parquet, csv or Delta, relative to the folder Jupyter was started in.')}
        </p>
      </header>
      <form
        className="jp-mlplat-card jp-mlplat-driftForm"
        onSubmit={event => {
          event.preventDefault();
          run();
        }}
      >
        <Field id="jp-mlplat-reference" label={trans.__('Reference')} help={trans.__('what the model was trained on')} error={error?.fields.reference}>
          <input
            id="jp-mlplat-reference"
            value={reference}
            placeholder="data/train.parquet"
            required
            spellCheck={false}
            onChange={event => {
              setReference(event.target.value);
            }}
          />
        </Field>
        <Field id="jp-mlplat-current" label={trans.__('Current')} help={trans.__('what it sees now')} error={error?.fields.current}>
          <input
            id="jp-mlplat-current"
            value={current}
            placeholder="data/served.parquet"
            required
            spellCheck={false}
            onChange={event => {
              setCurrent(event.target.value);
            }}
          />
        </Field>
        <Field id="jp-mlplat-columns" label={trans.__('Columns')} help={trans.__('separated by commas; all that both tables have when empty')} error={error?.fields.columns}>
          <input
            id="jp-mlplat-columns"
            value={columns}
            spellCheck={false}
            onChange={event => {
              setColumns(event.target.value);
            }}
          />
        </Field>
        <div className="jp-mlplat-formFoot">
          <label className="jp-mlplat-check">
            <input
              type="checkbox"
              checked={withReport}
              onChange={event => {
                setWithReport(event.target.checked);
              }}
            />
            {trans.__('Keep Evidently’s report as an MLflow artifact (takes longer)')}
          </label>
          <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={busy || !reference || !current}>
            {busy ? trans.__('Checking…') : trans.__('Check')}
          </button>
        </div>
        {error && Object.keys(error.fields).length === 0 && <ErrorBox error={error} />}
      </form>
      <div aria-live="polite" aria-busy={busy}>
        {report && <ReportTable report={report} />}
      </div>
    </div>
  );
}

function ReportTable(props: { readonly report: DriftReport }): JSX.Element {
  const { report } = props;
  const trans = useTrans();
  const asked = usePanel().model.lastCheck;
  const [onlyDrifted, setOnlyDrifted] = React.useState(false);
  const scale = Math.max(2, ...report.columns.map(column => (column.score ?? 0) / column.threshold));
  const rows = [...report.columns]
    .filter(column => !onlyDrifted || column.drifted)
    .sort((a, b) => Number(b.drifted) - Number(a.drifted) || (b.score ?? 0) / b.threshold - (a.score ?? 0) / a.threshold);
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Outcome')}>
      <div className="jp-mlplat-cardHead">
        <h2>
          <Outcome report={report} />
        </h2>
        {report.drift && (
          <TextButton
            label={onlyDrifted ? trans.__('Show all columns') : trans.__('Show drifted only')}
            onClick={() => {
              setOnlyDrifted(!onlyDrifted);
            }}
          />
        )}
      </div>
      <Facts
        rows={[
          [trans.__('Reference'), `${asked?.reference ?? report.reference} · ${trans.__('%1 rows', report.reference_rows.toLocaleString())}`],
          [trans.__('Current'), `${asked?.current ?? report.current} · ${trans.__('%1 rows', report.current_rows.toLocaleString())}`],
          [trans.__('Checked'), <RelativeTime key="time" time={report.checked_at} />],
          ...(report.report_uri ? [[trans.__('Report'), <code key="uri">{report.report_uri}</code>] as const] : [])
        ]}
      />
      <table className="jp-mlplat-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Column')}</th>
            <th scope="col">{trans.__('Outcome')}</th>
            <th scope="col">{trans.__('Score against threshold')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Score')}
            </th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Threshold')}
            </th>
            <th scope="col">{trans.__('Method')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Missing')}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(column => (
            <tr key={column.column} data-drifted={column.drifted}>
              <th scope="row">{column.column}</th>
              <td>
                <span className="jp-mlplat-word" data-tone={column.drifted ? 'warn' : 'success'}>
                  {column.drifted ? trans.__('Drifted') : trans.__('Stable')}
                </span>
                {column.note && <span className="jp-mlplat-hint"> {column.note}</span>}
              </td>
              <td>
                <ScoreBar ratio={(column.score ?? 0) / column.threshold} scale={scale} drifted={column.drifted} />
              </td>
              <td className="jp-mod-number">{number(column.score)}</td>
              <td className="jp-mod-number">{number(column.threshold)}</td>
              <td>{column.method.replaceAll('_', ' ')}</td>
              <td className="jp-mod-number">
                {percent(column.reference_missing)} → {percent(column.current_missing)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A bar with a mark at the threshold; all bars of a table share a scale. */
function ScoreBar(props: { readonly ratio: number; readonly scale: number; readonly drifted: boolean }): JSX.Element {
  const share = Math.max(0, Math.min(1, props.ratio / props.scale));
  return (
    <span className="jp-mlplat-scoreBar" data-tone={props.drifted ? 'warn' : 'success'} aria-hidden>
      <span style={{ transform: `scaleX(${share})` }} />
      <i style={{ left: `${100 / props.scale}%` }} />
    </span>
  );
}
