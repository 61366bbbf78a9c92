/** The view of one run: its curves, parameters, metrics, tags, note, data, models and artifacts. */

import * as React from 'react';
import type { IIdentity } from '../../links';
import { CommandIDs } from '../../tokens';
import type { ModelVersion, Page, RegisteredModel, RunDetail } from '../../types';
import type { Resource } from '../../resource';
import { number } from '../../widgets/format';
import { platformIcon } from '../../widgets/icons';
import { Copyable, Facts } from '../../widgets/parts';
import { isState, StateBadge } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { Curves } from '../compare/curves';
import { CommandButton, type IPanelContext, Link, PanelWidget, Show, usePanel, useResource } from '../context';
import { CopyLink } from '../copy-link';
import type { INotebookParts } from '../job/executed';
import { tip } from '../runs/cells';
import { Artifacts } from './artifacts';
import { dataWords } from './data-words';
import { NOTEBOOK } from './kinds';
import { Note } from './note';
import { Pairs } from './pairs';
import { Provenance } from './provenance';
import { Tags } from './tags';
import { Title } from './title';

export class RunView extends PanelWidget {
  constructor(
    context: IPanelContext,
    readonly runId: string,
    private readonly _parts: INotebookParts
  ) {
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

  override get identity(): IIdentity {
    return { command: CommandIDs.openRun, args: { id: this.runId } };
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page">
        <Show resource={this._run} lines={5}>
          {run => <Detail run={run} parts={this._parts} />}
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

function Detail({ run, parts }: { readonly run: RunDetail; readonly parts: INotebookParts }): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const models = useResource<Page<RegisteredModel>>(model.models).data?.items ?? [];
  const versions = versionsOf(models, run.id);
  const jobId = run.job_id;
  const alone = React.useMemo(() => [run], [run]);
  const curved = Object.keys(run.metrics).length > 0;
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <Title run={run} />
          {isState(run.status) && <StateBadge state={run.status} />}
          <div className="jp-mlplat-actions">
            <CopyLink />
            {run.artifacts.includes(NOTEBOOK) && <CommandButton command={CommandIDs.openRunNotebook} args={{ id: run.id }} />}
            {run.status !== 'RUNNING' && (jobId || run.artifacts.includes(NOTEBOOK)) && <CommandButton command={CommandIDs.rerunRun} args={{ id: run.id }} />}
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
      {curved && (
        <section className="jp-mlplat-card" aria-label={trans.__('Curves')}>
          <h2>{trans.__('Curves')}</h2>
          <Curves runs={alone} />
        </section>
      )}
      <div className="jp-mlplat-columns">
        <Pairs title={trans.__('Metrics')} rows={Object.entries(run.metrics).map(([name, value]) => [name, number(value)])} numbers />
        <Pairs title={trans.__('Parameters')} rows={Object.entries(run.parameters)} />
      </div>
      <div className="jp-mlplat-columns">
        <Note run={run} />
        <Tags run={run} />
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
                  <th scope="row" title={tip(version.name)}>
                    <Link command={CommandIDs.openModel} args={{ name: version.name, version: version.version }} words={version.name.slice(0, 120)} />
                  </th>
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
        <Provenance run={run} />
        <Pairs title={trans.__('Data')} rows={run.datasets.map((dataset, index) => [String(dataset.name ?? index + 1), dataWords(dataset)])} />
      </div>
      <Artifacts run={run} parts={parts} />
    </>
  );
}
