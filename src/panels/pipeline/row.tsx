/** One line of the side panel for a pipeline: how far it is and what runs, instead of its jobs one by one. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Pipeline } from '../../types';
import { Progress } from '../../widgets/parts';
import { StateIcon, stateTone, stateWord } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { shortId } from '../jobs/words';
import { allNodes, endedNodes, progressWords } from './words';

export function PipelineRow({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const running = pipeline.state === 'running';
  const args = { id: pipeline.id };
  const words = progressWords(pipeline, trans);
  return (
    <li className="jp-mlplat-row" data-state={pipeline.state} data-pipeline={pipeline.id}>
      <StateIcon state={pipeline.state} />
      <div className="jp-mlplat-rowMain">
        <button
          type="button"
          className="jp-mlplat-rowName"
          title={trans.__('Open the pipeline %1', pipeline.name)}
          onClick={() => {
            void commands.execute(CommandIDs.openPipeline, args);
          }}
        >
          {pipeline.name} <span className="jp-mlplat-number">{trans.__('pipeline %1', shortId(pipeline.id))}</span>
        </button>
        <div className="jp-mlplat-rowDetail">
          {!running && (
            <span className="jp-mlplat-word" data-tone={stateTone(pipeline.state)}>
              {stateWord(pipeline.state, trans)}
            </span>
          )}
          <span className="jp-mlplat-rowMetric" title={words}>
            {words}
          </span>
          {!running && <RelativeTime time={pipeline.ended_at ?? pipeline.created_at} />}
        </div>
      </div>
      {running && (
        <CommandButton
          command={CommandIDs.cancelPipeline}
          args={args}
          label={trans.__('Cancel the pipeline %1', pipeline.name)}
          iconOnly
          className="jp-mod-cancel"
        />
      )}
    </li>
  );
}

/** How many of its nodes have ended. */
export function PipelineProgress({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  const [done, all] = [endedNodes(pipeline), allNodes(pipeline)];
  return <Progress value={done} of={all} label={trans.__('%1 of %2 nodes of %3', done, all, pipeline.name)} />;
}
