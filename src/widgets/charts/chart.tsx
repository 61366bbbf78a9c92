/** A chart in the page: as wide as its room, with what the pointer or the arrow keys are at. */

import type uPlot from 'uplot';
import * as React from 'react';
import { clock, number } from '../format';
import { useInk } from '../theme';
import { useTrans } from '../trans';
import { type Axis, type IFound, type ISeries, light, plotInto } from './plot';

const HEIGHT = 230;

/** Pixels that the cursor goes with one key, and the share of the view that one zoom leaves. */
const STEP = 8;
const ZOOM = 0.6;

interface IChartProps {
  readonly label: string;
  readonly series: ReadonlyArray<ISeries>;
  readonly axis: Axis;
  readonly log: boolean;
  /** The series that stands out. */
  readonly lit: string | null;
  /** What is said of a series beside its value. */
  readonly more?: (id: string) => React.ReactNode;
  /** What a press on a series, or Enter, does. */
  readonly open?: (id: string) => void;
  /** The chart that is drawn, for whoever makes a picture of it. */
  readonly plot: React.MutableRefObject<uPlot | null>;
}

interface IZoom {
  readonly min: number;
  readonly max: number;
}

export function Chart({ label, series, axis, log, lit, more, open, plot }: IChartProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const box = React.useRef<HTMLDivElement>(null);
  const zoom = React.useRef<{ readonly axis: Axis; readonly range: IZoom } | null>(null);
  const [found, setFound] = React.useState<IFound | null>(null);

  React.useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const begin = performance.now();
    const made = plotInto(node, { series, axis, log, ink, width: Math.max(200, node.clientWidth), height: HEIGHT, hovered: setFound });
    plot.current = made;
    // What is seen stays when more points come.
    if (zoom.current?.axis === axis) {
      made.setScale('x', zoom.current.range);
    }
    made.hooks.setScale = [
      (self, key) => {
        if (key === 'x') {
          const { min, max } = self.scales.x;
          const ends = series.map(each => [each.x[0], each.x[each.x.length - 1]]);
          const whole = min === undefined || max === undefined || ends.every(([low, high]) => low >= min && high <= max);
          zoom.current = whole ? null : { axis, range: { min: min as number, max: max as number } };
        }
      }
    ];
    window.queueMicrotask(() => {
      performance.measure('mlplat:chart', { start: begin, end: performance.now() });
    });
    const sizes = new ResizeObserver(() => {
      if (node.clientWidth > 0 && Math.abs(node.clientWidth - made.width) > 1) {
        made.setSize({ width: Math.max(200, node.clientWidth), height: HEIGHT });
      }
    });
    sizes.observe(node);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [series, axis, log, ink, plot]);

  React.useEffect(() => {
    if (plot.current) {
      light(plot.current, series, lit);
    }
  }, [lit, series, plot]);

  const onKey = (event: React.KeyboardEvent): void => {
    const chart = plot.current;
    const { min, max } = chart?.scales.x ?? {};
    if (chart === null || min === undefined || max === undefined) {
      return;
    }
    const width = chart.over.clientWidth;
    const at = Math.max(0, chart.cursor.left ?? 0);
    const go = (left: number): void => {
      const place = Math.max(0, Math.min(width - 1, left));
      const first = series.at(0);
      const near = first && first.x.length > 0 ? first.y[first.y.length - 1] : null;
      chart.setCursor({ left: place, top: found?.top ?? chart.valToPos(near ?? 0, 'y') });
    };
    const middle = chart.posToVal(chart.cursor.left !== undefined && chart.cursor.left >= 0 ? at : width / 2, 'x');
    const scale = (share: number): void => {
      chart.setScale('x', { min: middle - (middle - min) * share, max: middle + (max - middle) * share });
    };
    switch (event.key) {
      case 'ArrowLeft':
        go(at - STEP);
        break;
      case 'ArrowRight':
        go(at + STEP);
        break;
      case '+':
        scale(ZOOM);
        break;
      case '-':
        scale(1 / ZOOM);
        break;
      case 'Enter':
        if (!found || !open) {
          return;
        }
        open(found.series.id);
        break;
      case '0':
      case 'Escape':
        chart.setScale('x', { min: null as unknown as number, max: null as unknown as number });
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={box}
      className="jp-mlplat-chart"
      role="group"
      tabIndex={0}
      aria-label={trans.__('%1; arrows read it, plus and minus zoom, 0 shows all', label)}
      onKeyDown={onKey}
      style={open && found ? { cursor: 'pointer' } : undefined}
      onClick={() => {
        if (found) {
          open?.(found.series.id);
        }
      }}
    >
      {found && open && <Trace found={found} plot={plot} />}
      {found && <Tip found={found} axis={axis} more={more} />}
    </div>
  );
}

/** The whole line of what is found, above the others. */
function Trace({ found, plot }: { readonly found: IFound; readonly plot: React.MutableRefObject<uPlot | null> }): JSX.Element | null {
  const chart = plot.current;
  if (chart === null) {
    return null;
  }
  const { x, y } = found.series;
  const corners = x.flatMap((at, index) => {
    const value = y[index];
    return value === null ? [] : [`${chart.valToPos(at, 'x')},${chart.valToPos(value, 'y')}`];
  });
  return (
    <svg className="jp-mlplat-chartTrace" style={found.plot} width={chart.over.clientWidth} height={chart.over.clientHeight} aria-hidden>
      <polyline points={corners.join(' ')} />
    </svg>
  );
}

function Tip(props: { readonly found: IFound; readonly axis: Axis; readonly more?: (id: string) => React.ReactNode }): JSX.Element {
  const { found, axis, more } = props;
  const trans = useTrans();
  const { series, index } = found;
  const left = found.left + found.plot.left;
  const top = found.top + found.plot.top;
  const x = series.x[index];
  const place =
    axis === 'step' ? trans.__('step %1', number(x)) : axis === 'time' ? new Date(x * 1000).toLocaleString() : trans.__('after %1', clock(x));
  const { band } = series;
  return (
    <>
      <i className="jp-mlplat-chartDot" style={{ left, top, background: series.colour }} aria-hidden />
      <p className="jp-mlplat-chartTip" data-side={left > 180 ? 'left' : 'right'} style={{ left, top }} role="status">
        <bdi>{series.name.slice(0, 80)}</bdi>
        <b>{number(series.y[index])}</b>
        {series.raw && <span>{trans.__('logged %1', number(series.raw[index]))}</span>}
        {band && <span>{trans.__('%1 to %2', number(band.low[index]), number(band.high[index]))}</span>}
        <span>{place}</span>
        {more?.(series.id)}
      </p>
    </>
  );
}
