/** The graph of a pipeline, left to right: a box for each node, which opens its job, and a line for each need. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Pipeline, PipelineNodeRun } from '../../types';
import { StateIcon, stateTone, stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { BOX, type IPlaced, layoutOf } from './layout';
import { EDGE, useRoom } from './room';
import { Took } from './took';
import { nodeState, runIfWords } from './words';

export function Graph({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  const { nodes } = pipeline;
  const shape = JSON.stringify(nodes.map(node => [node.name, node.needs]));
  const frame = React.useRef<HTMLDivElement>(null);
  const room = useRoom(frame);
  const layout = React.useMemo(() => layoutOf(nodes, room), [shape, room]);
  useRunningInSight(frame, room);
  const states = new Map(nodes.map(node => [node.name, nodeState(node)]));
  const [width, height] = [layout.width + 2 * EDGE, layout.height + 2 * EDGE];
  return (
    <div className="jp-mlplat-graph" ref={frame}>
      <div style={{ width, height }}>
        <svg width={width} height={height} viewBox={`${-EDGE} ${-EDGE} ${width} ${height}`} aria-hidden>
          {layout.edges.map(edge => (
            <path key={`${edge.from} ${edge.to}`} d={edge.path} data-from={states.get(edge.from)} data-to={states.get(edge.to)} />
          ))}
        </svg>
        <ol aria-label={trans.__('Nodes of %1, in the order in which they may run', pipeline.name)}>
          {nodes.map(node => {
            const at = layout.nodes.get(node.name);
            return at && <Box key={node.name} node={node} at={at} width={layout.box} />;
          })}
        </ol>
      </div>
    </div>
  );
}

/** What runs is in sight when the graph is opened, also where it is wider than what one sees. */
function useRunningInSight(frame: React.RefObject<HTMLElement>, room: number): void {
  const done = React.useRef(false);
  React.useEffect(() => {
    const running = frame.current?.querySelector<HTMLElement>('[data-state="running"]')?.parentElement;
    if (frame.current && running && room > 0 && !done.current) {
      done.current = true;
      frame.current.scrollLeft = running.offsetLeft + running.offsetWidth - room;
    }
  }, [frame, room]);
}

interface IBoxProps {
  readonly node: PipelineNodeRun;
  readonly at: IPlaced;
  readonly width: number;
}

function Box({ node, at, width }: IBoxProps): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const state = nodeState(node);
  const rule = runIfWords(node.run_if, trans);
  const id = node.job_id;
  const needs = node.needs.length > 0 ? trans.__('after %1', node.needs.join(', ')) : '';
  const label = [node.name, stateWord(state, trans), rule, needs].filter(Boolean).join(', ');
  return (
    <li style={{ left: at.x + EDGE, top: at.y + EDGE, width, height: BOX.height }}>
      <button
        type="button"
        className="jp-mlplat-node"
        data-node={node.name}
        data-state={state}
        data-tone={stateTone(state)}
        aria-label={label}
        aria-disabled={id === null}
        title={[label, node.message].filter(Boolean).join('\n')}
        onClick={() => {
          if (id !== null) {
            void commands.execute(CommandIDs.openJob, { id });
          }
        }}
      >
        <span className="jp-mlplat-nodeName">{node.name}</span>
        <span className="jp-mlplat-nodeState">
          <StateIcon state={state} />
          <span className="jp-mlplat-word">{stateWord(state, trans)}</span>
          <Took node={node} />
        </span>
        {rule && <span className="jp-mlplat-nodeRule">{rule}</span>}
      </button>
    </li>
  );
}
