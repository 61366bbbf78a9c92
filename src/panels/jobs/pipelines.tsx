/** The list of pipelines in the view of all jobs. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Page, Pipeline } from '../../types';
import { duration } from '../../widgets/format';
import { Empty } from '../../widgets/feedback';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { PipelineProgress } from '../pipeline/row';
import { failedNodes, progressWords } from '../pipeline/words';
import { GroupTable } from './group-table';

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
    <GroupTable
      kind="pipeline"
      label={trans.__('Pipelines')}
      page={page}
      open={CommandIDs.openPipeline}
      more={CommandIDs.morePipelines}
      columns={[
        {
          title: trans.__('Nodes'),
          cell: pipeline => (
            <span className="jp-mlplat-cellProgress">
              {pipeline.state === 'running' && <PipelineProgress pipeline={pipeline} />}
              <span>{progressWords(pipeline, trans)}</span>
            </span>
          )
        },
        { title: trans.__('Began'), cell: pipeline => <RelativeTime time={pipeline.created_at} /> },
        { title: trans.__('Took'), cell: pipeline => <Took began={pipeline.created_at} end={pipeline.ended_at} /> }
      ]}
      cancel={pipeline => ({ command: CommandIDs.cancelPipeline, label: trans.__('Cancel the pipeline %1', pipeline.name) })}
      again={pipeline => {
        const failed = failedNodes(pipeline);
        const label = trans.__('Run the %1 nodes of %2 again that did not succeed', failed, pipeline.name);
        return failed > 0 ? { command: CommandIDs.rerunPipeline, label } : null;
      }}
    />
  );
}

function Took({ began, end }: { readonly began: string; readonly end: string | null }): JSX.Element {
  return end === null ? <Elapsed since={began} /> : <>{duration((Date.parse(end) - Date.parse(began)) / 1000)}</>;
}
