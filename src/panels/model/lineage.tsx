/** Where a version comes from and where it is served, left to right: a box for each thing, which opens it. */

import * as React from 'react';
import type { Lineage, LineageNode, ModelVersion } from '../../types';
import { Empty } from '../../widgets/feedback';
import { TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { layoutOf } from '../pipeline/layout';
import { EDGE, useRoom } from '../pipeline/room';
import { tip } from '../runs/cells';
import { type IShown, ordered, SHOWN, shownOf } from './lineage-order';
import { KINDS, kindWord, useOpener } from './lineage-words';
import { LineageTable } from './lineage-table';

/** Pixels of a box. */
const BOX = { least: 150, most: 230, height: 46 };

interface ILineageProps {
  readonly lineage: Lineage;
  /** The version whose lineage it is. */
  readonly of: ModelVersion;
  /** Shows the data of the version. */
  readonly showData: () => void;
}

export function LineageGraph({ lineage, of, showData }: ILineageProps): JSX.Element {
  const trans = useTrans();
  const [whole, setWhole] = React.useState(false);
  const all = React.useMemo(() => ordered(lineage), [lineage]);
  const shown = React.useMemo(() => shownOf(all, whole), [all, whole]);
  if (all.length < 2) {
    return (
      <Empty title={trans.__('Nothing is known of where it comes from.')}>
        <p className="jp-mlplat-hint">{trans.__('A version that a run registered knows its run, and with it the notebook and the data.')}</p>
      </Empty>
    );
  }
  return (
    <div className="jp-mlplat-lineage">
      {shown.some(each => each.kind === 'rest') || whole ? (
        <div className="jp-mlplat-curveTools">
          <TextButton
            label={whole ? trans.__('Draw fewer') : trans.__('Draw all %1', all.length)}
            onClick={() => {
              setWhole(!whole);
            }}
          />
          {!whole && <span className="jp-mlplat-hint">{trans.__('Of each kind the first %1 are drawn; the table below has all.', SHOWN)}</span>}
        </div>
      ) : null}
      <Drawing
        shown={shown}
        of={of}
        showData={showData}
        more={() => {
          setWhole(true);
        }}
      />
      <LineageTable nodes={all} showData={showData} />
    </div>
  );
}

interface IDrawingProps {
  readonly shown: ReadonlyArray<IShown>;
  readonly of: ModelVersion;
  /** Shows the data of the version. */
  readonly showData: () => void;
  readonly more: () => void;
}

function Drawing({ shown, of, showData, more }: IDrawingProps): JSX.Element {
  const trans = useTrans();
  const frame = React.useRef<HTMLDivElement>(null);
  const room = useRoom(frame);
  const layout = React.useMemo(() => layoutOf(shown, room, BOX), [shown, room]);
  const [lit, setLit] = React.useState<string | null>(null);
  const [width, height] = [layout.width + 2 * EDGE, layout.height + 2 * EDGE];
  return (
    <div className="jp-mlplat-graph" ref={frame}>
      <div style={{ width, height }}>
        <svg width={width} height={height} viewBox={`${-EDGE} ${-EDGE} ${width} ${height}`} aria-hidden>
          {layout.edges.map(edge => (
            <path key={`${edge.from} ${edge.to}`} d={edge.path} data-lit={edge.from === lit || edge.to === lit || undefined} />
          ))}
        </svg>
        <ol aria-label={trans.__('Lineage of version %1, from data to endpoints', of.version)}>
          {shown.map(each => {
            const at = layout.nodes.get(each.name);
            return (
              at && (
                <li
                  key={each.name}
                  style={{ left: at.x + EDGE, top: at.y + EDGE, width: layout.box, height: BOX.height }}
                  onPointerEnter={() => {
                    setLit(each.name);
                  }}
                  onPointerLeave={() => {
                    setLit(null);
                  }}
                  onFocus={() => {
                    setLit(each.name);
                  }}
                  onBlur={() => {
                    setLit(null);
                  }}
                >
                  {each.kind === 'rest' ? (
                    <button type="button" className="jp-mlplat-node jp-mlplat-lineageRest" data-tone="quiet" onClick={more}>
                      {trans.__('%1 more', each.count)} · {kindWord(each.of, trans)}
                    </button>
                  ) : (
                    <Box node={each.node} from={each.from} of={of} showData={showData} />
                  )}
                </li>
              )
            );
          })}
        </ol>
      </div>
    </div>
  );
}

interface IBoxProps {
  readonly node: LineageNode;
  readonly from: ReadonlyArray<LineageNode>;
  readonly of: ModelVersion;
  /** Shows the data of the version. */
  readonly showData: () => void;
}

function Box({ node, from, of, showData }: IBoxProps): JSX.Element {
  const trans = useTrans();
  const opener = useOpener(node, showData);
  const { icon: Icon, tone } = KINDS[node.kind];
  const word = kindWord(node.kind, trans);
  const own = node.kind === 'version' && node.target === `${of.name}/${of.version}`;
  const before = from.length > 0 ? trans.__('made from %1', from.slice(0, 5).map(each => each.label.slice(0, 60)).join(', ')) : '';
  const label = [`${word}: ${tip(node.label)}`, node.detail.slice(0, 120), before, own ? trans.__('this version') : '', opener?.words ?? trans.__('there is nothing to open')]
    .filter(Boolean)
    .join(', ');
  return (
    <button
      type="button"
      className="jp-mlplat-node"
      data-lineage={node.kind}
      data-tone={tone}
      data-own={own || undefined}
      aria-label={label}
      aria-disabled={opener === null}
      title={[`${word}: ${tip(node.label)}`, tip(node.detail), opener?.words].filter(Boolean).join('\n')}
      onClick={() => {
        opener?.open();
      }}
    >
      <span className="jp-mlplat-lineageName">
        <Icon.react tag="span" width="14px" height="14px" />
        <bdi className="jp-mlplat-nodeName">{node.label.slice(0, 80)}</bdi>
      </span>
      <span className="jp-mlplat-nodeState">
        <span>{word}</span>
        {node.detail && (
          <span>
            · <bdi>{node.detail.slice(0, 80)}</bdi>
          </span>
        )}
      </span>
    </button>
  );
}
