/** The view of one pipeline: how far it is, its graph, and a table of its nodes. */

import * as React from 'react';
import type { IIdentity } from '../../links';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { Pipeline } from '../../types';
import { duration, short } from '../../widgets/format';
import { pipelineIcon } from '../../widgets/icons';
import { Facts } from '../../widgets/parts';
import { isState, StateBadge, stateTone, stateWord } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show } from '../context';
import { CopyLink } from '../copy-link';
import { shortId } from '../jobs/words';
import { Graph } from './graph';
import { NodeTable } from './nodes';
import { PipelineProgress } from './row';
import { failedNodes, progressWords } from './words';

export class PipelineView extends PanelWidget {
  constructor(context: IPanelContext, readonly pipelineId: string) {
    super(context);
    this.id = `jp-mlplat-pipeline-${pipelineId}`;
    this.addClass('jp-mlplat-view');
    this.title.label = context.trans.__('Pipeline %1', shortId(pipelineId));
    this.title.icon = pipelineIcon;
    this.title.closable = true;
    this._pipeline = context.model.watchPipeline(pipelineId);
    this._pipeline.changed.connect((_, { data }) => {
      if (data) {
        this.title.label = `${data.name} ${shortId(data.id)}`.trim();
        this.title.caption = context.trans.__('Pipeline %1: %2', data.id, stateWord(data.state, context.trans));
      }
    });
    this._pipeline.demand();
  }

  override dispose(): void {
    this._pipeline.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openPipeline, args: { id: this.pipelineId } };
  }

  protected content(): JSX.Element {
    const { trans } = this.context;
    const graph = `${this.id}-graph`;
    const nodes = `${this.id}-nodes`;
    return (
      <div className="jp-mlplat-page jp-mlplat-pipelinePage">
        <Show resource={this._pipeline} lines={5}>
          {pipeline => (
            <>
              <Head pipeline={pipeline} />
              <section className="jp-mlplat-card" aria-labelledby={graph}>
                <h2 id={graph}>{trans.__('Graph')}</h2>
                <Graph pipeline={pipeline} />
              </section>
              <section className="jp-mlplat-card" aria-labelledby={nodes}>
                <h2 id={nodes}>{trans.__('All nodes')}</h2>
                <NodeTable pipeline={pipeline} />
              </section>
            </>
          )}
        </Show>
      </div>
    );
  }

  private readonly _pipeline: Resource<Pipeline>;
}

function Head({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  const running = pipeline.state === 'running';
  const failed = failedNodes(pipeline);
  const parameters = Object.entries(pipeline.parameters);
  const args = { id: pipeline.id };
  return (
    <header className="jp-mlplat-head">
      <div className="jp-mlplat-headTitle">
        <h1>
          {pipeline.name} <span className="jp-mlplat-number">{trans.__('pipeline %1', shortId(pipeline.id))}</span>
        </h1>
        <span aria-live="polite">
          <StateBadge state={pipeline.state} />
        </span>
        {running && <PipelineProgress pipeline={pipeline} />}
        <span className="jp-mlplat-hint">{progressWords(pipeline, trans)}</span>
        <div className="jp-mlplat-actions">
          <CopyLink />
          <CommandButton command={CommandIDs.openJobs} args={{ list: 'jobs', pipeline: pipeline.id }} label={trans.__('List its jobs')} />
          {running && <CommandButton command={CommandIDs.cancelPipeline} args={args} label={trans.__('Cancel')} />}
          {failed > 0 && (
            <CommandButton
              command={CommandIDs.rerunPipeline}
              args={args}
              label={trans._n('Rerun the %1 that did not succeed', 'Rerun the %1 that did not succeed', failed)}
            />
          )}
        </div>
      </div>
      {pipeline.message && (
        <p className="jp-mlplat-reason" data-tone={stateTone(pipeline.state)} role="status">
          {pipeline.message}
        </p>
      )}
      <Facts rows={factsOf(pipeline, trans)} />
      {parameters.length > 0 && (
        <ul className="jp-mlplat-chips" aria-label={trans.__('Parameters')}>
          {parameters.map(([name, value]) => (
            <li key={name}>
              {name} = <code>{short(value)}</code>
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

function factsOf(pipeline: Pipeline, trans: ReturnType<typeof useTrans>): Array<readonly [string, React.ReactNode]> {
  const counts = Object.entries(pipeline.counts)
    .map(([state, count]) => `${count} ${isState(state) ? stateWord(state, trans).toLocaleLowerCase() : state}`)
    .join(' · ');
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('Nodes'), counts || trans.__('none')],
    [trans.__('Began'), <RelativeTime key="b" time={pipeline.created_at} />],
    pipeline.ended_at !== null && [
      trans.__('Took'),
      duration((Date.parse(pipeline.ended_at) - Date.parse(pipeline.created_at)) / 1000)
    ],
    [trans.__('Owner'), pipeline.owner]
  ];
  return rows.filter(row => row !== false);
}
