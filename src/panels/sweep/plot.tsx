/** Points of a sweep between two axes: two parameters with the metric as colour, or one parameter with the metric as height. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Sweep, SweepPoint } from '../../types';
import { type IAxis, numberAxis } from '../../widgets/charts/axis';
import { number } from '../../widgets/format';
import { stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { axisOf } from './space';
import { goodness, metricWords, pointWords } from './words';

const HEIGHT = 320;
const LEFT = 64;
const RIGHT = 20;
const TOP = 14;
const BOTTOM = 46;

/** How strong the colour of the worst and of the best value is, in percent. */
const WEAK = 12;
const STRONG = 100;

interface IPlotProps {
  readonly sweep: Sweep;
  readonly x: string;
  /** Another parameter; null for the metric. */
  readonly y: string | null;
}

/** The width of an element, as it is now. */
function useWidth(): readonly [React.RefObject<HTMLDivElement>, number] {
  const box = React.useRef<HTMLDivElement>(null);
  const [width, setWidth] = React.useState(720);
  React.useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const sizes = new ResizeObserver(() => {
      setWidth(Math.max(240, node.clientWidth));
    });
    sizes.observe(node);
    return () => {
      sizes.disconnect();
    };
  }, []);
  return [box, width];
}

export function Plot({ sweep, x, y }: IPlotProps): JSX.Element {
  const trans = useTrans();
  const [box, width] = useWidth();
  const metric = metricWords(sweep, trans);
  const values = sweep.points.flatMap(each => (each.value === null ? [] : [each.value]));
  const across = axisOf(sweep, x);
  const up = y === null ? numberAxis(metric, values.length > 0 ? values : [0, 1]) : axisOf(sweep, y);
  const good = goodness(sweep);
  const inner = { width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  const placed = sweep.points.flatMap(point => {
    const left = across.place(point.point[x]);
    const bottom = y === null ? (point.value === null ? 0 : up.place(point.value)) : up.place(point.point[y]);
    return left === null || bottom === null
      ? []
      : [{ point, left: LEFT + left * inner.width, top: TOP + (1 - bottom) * inner.height }];
  });
  const line =
    y === null && across.scale !== 'places'
      ? placed
          .filter(each => each.point.value !== null)
          .sort((one, other) => one.left - other.left)
          .map(each => `${each.left},${each.top}`)
          .join(' ')
      : '';
  const words =
    y === null
      ? trans.__('%1 by %2 of %3 points; the table below has the figures', metric, x, values.length)
      : trans.__('%1 by %2 and %3 of %4 points, as colour; the table below has the figures', metric, x, y, values.length);
  return (
    <div ref={box} className="jp-mlplat-plot">
      <svg role="img" aria-label={words} width={width} height={HEIGHT}>
        <Grid across={across} up={up} width={width} />
        {line && <polyline className="jp-mlplat-plotLine" points={line} />}
        {placed.map(({ point, left, top }) => (
          <Mark
            key={point.job_id}
            sweep={sweep}
            point={point}
            left={left}
            top={top}
            share={point.value === null ? null : good(point.value)}
          />
        ))}
      </svg>
    </div>
  );
}

function Grid({ across, up, width }: { readonly across: IAxis; readonly up: IAxis; readonly width: number }): JSX.Element {
  const inner = { width: width - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };
  const base = TOP + inner.height;
  return (
    <g className="jp-mlplat-plotGrid" aria-hidden>
      {across.ticks.map(tick => (
        <React.Fragment key={tick.label}>
          <line x1={LEFT + tick.at * inner.width} x2={LEFT + tick.at * inner.width} y1={TOP} y2={base} />
          <text x={LEFT + tick.at * inner.width} y={base + 16} textAnchor="middle">
            {tick.label}
          </text>
        </React.Fragment>
      ))}
      {up.ticks.map(tick => (
        <React.Fragment key={tick.label}>
          <line x1={LEFT} x2={LEFT + inner.width} y1={base - tick.at * inner.height} y2={base - tick.at * inner.height} />
          <text x={LEFT - 8} y={base - tick.at * inner.height + 4} textAnchor="end">
            {tick.label}
          </text>
        </React.Fragment>
      ))}
      <text className="jp-mlplat-plotName" x={LEFT + inner.width / 2} y={HEIGHT - 8} textAnchor="middle">
        {across.name}
        {across.scale === 'log' ? ' (log)' : ''}
      </text>
      <text
        className="jp-mlplat-plotName"
        x={-(TOP + inner.height / 2)}
        y={14}
        textAnchor="middle"
        transform="rotate(-90)"
      >
        {up.name}
        {up.scale === 'log' ? ' (log)' : ''}
      </text>
    </g>
  );
}

interface IMarkProps {
  readonly sweep: Sweep;
  readonly point: SweepPoint;
  readonly left: number;
  readonly top: number;
  readonly share: number | null;
}

/** A dot with a value, a cross that failed, a ring that has not ended; the best one is a star. */
function Mark({ sweep, point, left, top, share }: IMarkProps): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const best = point.job_id === sweep.best?.job_id;
  const said = point.value === null ? stateWord(point.state, trans) : number(point.value);
  const kind = best ? 'best' : point.value !== null ? 'value' : point.state === 'failed' || point.state === 'lost' ? 'failed' : 'open';
  return (
    <g
      className="jp-mlplat-plotMark"
      data-kind={kind}
      data-point={point.job_id}
      transform={`translate(${left} ${top})`}
      style={share === null ? undefined : ({ '--jp-mlplat-share': `${WEAK + share * (STRONG - WEAK)}%` } as React.CSSProperties)}
      onClick={() => {
        void commands.execute(CommandIDs.openJob, { id: point.job_id });
      }}
    >
      <title>{`${pointWords(point.point)}: ${best ? trans.__('%1, the best', said) : said}`}</title>
      {kind === 'best' ? (
        <path d="M0-10 2.9-3.6 9.6-2.9 4.6 1.7 6 8.3 0 4.9-6 8.3-4.6 1.7-9.6-2.9-2.9-3.6z" />
      ) : kind === 'failed' ? (
        <path d="m-5-5 10 10m0-10-10 10" />
      ) : (
        <circle r={6} />
      )}
    </g>
  );
}
