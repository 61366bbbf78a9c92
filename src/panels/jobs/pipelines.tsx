/** The list of pipelines in the view of all jobs. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Page, Pipeline } from '../../types';
import { duration } from '../../widgets/format';
import { Empty } from '../../widgets/feedback';
import { StateBadge } from '../../widgets/state';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { PipelineProgress } from '../pipeline/row';
import { failedNodes, progressWords } from '../pipeline/words';
import { shortId } from './words';

export function PipelineList({ page }: { readonly page: Page<Pipeline> }): JSX.Element {
  const trans = useTrans();
  if (page.items.length === 0) {
    return (
      <Empty title={trans.__('No pipelines yet. A pipeline runs notebooks one after the other, each with what the ones before it left.')}>
        <p className="jp-mlplat-hint">{trans.__('Write which notebook needs which into a YAML file, and run it in a terminal or a cell:')}</p>
        <code className="jp-mlplat-teach">jupyter mlplat pipelines run pipeline.yaml</code>
      </Empty>
    );
  }
  return (
    <div className="jp-mlplat-jobScroll" tabIndex={-1}>
      <table className="jp-mlplat-table jp-mlplat-sweeps" aria-label={trans.__('Pipelines')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('Nodes')}</th>
            <th scope="col">{trans.__('Began')}</th>
            <th scope="col">{trans.__('Took')}</th>
            <th scope="col">{trans.__('Owner')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Actions')}
            </th>
          </tr>
        </thead>
        <tbody>
          {page.items.map(pipeline => (
            <PipelineLine key={pipeline.id} pipeline={pipeline} />
          ))}
        </tbody>
      </table>
      {page.next !== null && <CommandButton command={CommandIDs.morePipelines} />}
    </div>
  );
}

function PipelineLine({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const args = { id: pipeline.id };
  const failed = failedNodes(pipeline);
  const { created_at: began, ended_at: end } = pipeline;
  return (
    <tr data-pipeline={pipeline.id} data-state={pipeline.state}>
      <td>
        <StateBadge state={pipeline.state} />
      </td>
      <th scope="row">
        <button
          type="button"
          className="jp-mlplat-rowName"
          onClick={() => {
            void commands.execute(CommandIDs.openPipeline, args);
          }}
        >
          {pipeline.name} <span className="jp-mlplat-number">{shortId(pipeline.id)}</span>
        </button>
      </th>
      <td>
        <span className="jp-mlplat-cellProgress">
          {pipeline.state === 'running' && <PipelineProgress pipeline={pipeline} />}
          <span>{progressWords(pipeline, trans)}</span>
        </span>
      </td>
      <td>
        <RelativeTime time={began} />
      </td>
      <td>{end === null ? <Elapsed since={began} /> : duration((Date.parse(end) - Date.parse(began)) / 1000)}</td>
      <td>{pipeline.owner}</td>
      <td className="jp-mlplat-rowButtons">
        {pipeline.state === 'running' ? (
          <CommandButton
            command={CommandIDs.cancelPipeline}
            args={args}
            label={trans.__('Cancel the pipeline %1', pipeline.name)}
            iconOnly
            className="jp-mod-cancel"
          />
        ) : (
          failed > 0 && (
            <CommandButton
              command={CommandIDs.rerunPipeline}
              args={args}
              label={trans.__('Run the %1 nodes of %2 again that did not succeed', failed, pipeline.name)}
              iconOnly
            />
          )
        )}
      </td>
    </tr>
  );
}
