/** The view of one run: parameters, metrics, data, models and artifacts as tables. */

import * as React from 'react';
import { CommandIDs } from '../tokens';
import type { ModelVersion, Page, RegisteredModel, RunDetail } from '../types';
import type { Resource } from '../resource';
import { number, short } from '../widgets/format';
import { platformIcon } from '../widgets/icons';
import { Copyable, Facts } from '../widgets/parts';
import { isState, StateBadge } from '../widgets/state';
import { RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel, useResource } from './context';

export class RunView extends PanelWidget {
  constructor(context: IPanelContext, readonly runId: string) {
    super(context);
    this.id = `jp-mlplat-run-${runId}`;
    this.addClass('jp-mlplat-view');
    this.title.label = context.trans.__('Run');
    this.title.icon = platformIcon;
    this.title.closable = true;
    this._run = context.model.watchRun(runId);
    this._run.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this.title.label = snapshot.data.name;
      }
    });
    this._run.demand();
    context.model.models.demand();
  }

  override dispose(): void {
    this._run.dispose();
    super.dispose();
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page">
        <Show resource={this._run} lines={5}>
          {run => <Detail run={run} />}
        </Show>
      </div>
    );
  }

  private readonly _run: Resource<RunDetail>;
}

/** The registered versions that came out of a run. */
export function versionsOf(models: ReadonlyArray<RegisteredModel>, runId: string): ReadonlyArray<ModelVersion> {
  return models.flatMap(model => model.versions.filter(version => version.run_id === runId));
}

function Detail(props: { readonly run: RunDetail }): JSX.Element {
  const { run } = props;
  const { model } = usePanel();
  const trans = useTrans();
  const models = useResource<Page<RegisteredModel>>(model.models).data?.items ?? [];
  const versions = versionsOf(models, run.id);
  const jobId = run.job_id;
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{run.name}</h1>
          {isState(run.status) && <StateBadge state={run.status} />}
          <div className="jp-mlplat-actions">
            {jobId && <CommandButton command={CommandIDs.openJob} args={{ id: jobId }} />}
            {versions.length > 0 && <CommandButton command={CommandIDs.deployModel} args={{ run_id: run.id }} primary />}
          </div>
        </div>
        <Facts
          rows={[
            [trans.__('Experiment'), run.experiment],
            ...(run.owner ? [[trans.__('Owner'), run.owner] as const] : []),
            ...(run.started_at ? [[trans.__('Started'), <RelativeTime key="t" time={run.started_at} />] as const] : []),
            [trans.__('Run'), <Copyable key="id" text={run.id} shown={run.id.slice(0, 12)} label={trans.__('run id')} />]
          ]}
        />
      </header>
      <div className="jp-mlplat-columns">
        <Pairs title={trans.__('Metrics')} rows={Object.entries(run.metrics).map(([name, value]) => [name, number(value)])} numbers />
        <Pairs title={trans.__('Parameters')} rows={Object.entries(run.parameters)} />
      </div>
      {versions.length > 0 && (
        <section className="jp-mlplat-card" aria-label={trans.__('Models')}>
          <h2>{trans.__('Models')}</h2>
          <table className="jp-mlplat-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('Model')}</th>
                <th scope="col">{trans.__('Version')}</th>
                <th scope="col">{trans.__('Aliases')}</th>
                <th scope="col">{trans.__('Address')}</th>
              </tr>
            </thead>
            <tbody>
              {versions.map(version => (
                <tr key={version.uri}>
                  <th scope="row">{version.name}</th>
                  <td>{version.version}</td>
                  <td>{version.aliases.join(', ') || '–'}</td>
                  <td>
                    <Copyable text={version.uri} label={trans.__('address')} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <div className="jp-mlplat-columns">
        <Pairs
          title={trans.__('Data')}
          rows={run.datasets.map((dataset, index) => [String(dataset.name ?? index + 1), short(dataset.context ?? dataset.source ?? dataset)])}
        />
        <section className="jp-mlplat-card" aria-label={trans.__('Artifacts')}>
          <h2>{trans.__('Artifacts')}</h2>
          {run.artifacts.length === 0 ? (
            <p className="jp-mlplat-hint">{trans.__('None.')}</p>
          ) : (
            <ul className="jp-mlplat-plain">
              {run.artifacts.map(path => (
                <li key={path}>
                  <code>{path}</code>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
    </>
  );
}

function Pairs(props: {
  readonly title: string;
  readonly rows: ReadonlyArray<readonly [string, string]>;
  readonly numbers?: boolean;
}): JSX.Element {
  const trans = useTrans();
  return (
    <section className="jp-mlplat-card" aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.rows.length === 0 ? (
        <p className="jp-mlplat-hint">{trans.__('None.')}</p>
      ) : (
        <table className="jp-mlplat-table">
          <tbody>
            {props.rows.map(([name, value], index) => (
              <tr key={index}>
                <th scope="row">{name}</th>
                <td className={props.numbers ? 'jp-mod-number' : ''} title={value}>
                  {value}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
