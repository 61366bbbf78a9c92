/** The chart of some series: uPlot, with lines that each have places of their own, bands, and the theme's colours. */

import uPlot from 'uplot';
import { clock, number } from '../format';
import type { IInk } from '../theme';

/** What stands below the lines. */
export const AXES = ['step', 'time', 'relative'] as const;
export type Axis = (typeof AXES)[number];

export type Values = ReadonlyArray<number | null>;

/** One line, or the mean of a group with its band. */
export interface ISeries {
  readonly id: string;
  readonly name: string;
  readonly colour: string;
  readonly x: ReadonlyArray<number>;
  readonly y: Values;
  /** What was logged, where `y` is smoothed. */
  readonly raw: Values | null;
  readonly band: { readonly low: Values; readonly high: Values } | null;
  /** Thin and dashed: it counts less than the others. */
  readonly pale?: boolean;
}

export interface IPlotOptions {
  readonly series: ReadonlyArray<ISeries>;
  readonly axis: Axis;
  readonly log: boolean;
  readonly ink: IInk;
  readonly width: number;
  readonly height: number;
  /** What is near the pointer; null when it left. */
  readonly hovered: (found: IFound | null) => void;
}

/** A point of a series, where it stands in the plot, and where the plot stands in the chart. */
export interface IFound {
  readonly series: ISeries;
  readonly index: number;
  readonly left: number;
  readonly top: number;
  readonly plot: { readonly left: number; readonly top: number };
}

/** Pixels within which a point is near. */
const NEAR = 40;

const DASH = [4, 3];

const GAP: readonly [number, number] = [0, 1];

/** Values of a logarithmic axis: what is not above 0 has no place there. */
function above(values: Values, log: boolean): Values {
  return log ? values.map(value => (value !== null && value > 0 ? value : null)) : values;
}

/** The index of the place that is next to `x`. */
function nearest(xs: ReadonlyArray<number>, x: number): number {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

/** The point that is nearest to a place of the plot. */
function find(plot: uPlot, series: ReadonlyArray<ISeries>, left: number, top: number): IFound | null {
  const x = plot.posToVal(left, 'x');
  let best: IFound | null = null;
  let least = NEAR;
  for (const one of series) {
    const index = one.x.length > 0 ? nearest(one.x, x) : -1;
    const value = index < 0 ? null : one.y[index];
    if (value === null) {
      continue;
    }
    const [across, up] = [plot.valToPos(one.x[index], 'x'), plot.valToPos(value, 'y')];
    const far = Math.abs(up - top) + Math.max(0, Math.abs(across - left) - NEAR);
    if (Number.isFinite(far) && far < least) {
      least = far;
      best = { series: one, index, left: across, top: up, plot: { left: plot.over.offsetLeft, top: plot.over.offsetTop } };
    }
  }
  return best;
}

function drawBands(plot: uPlot, series: ReadonlyArray<ISeries>): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.18;
  for (const { band, x, colour } of series) {
    if (band !== null) {
      const at = x.flatMap((_, index) => (band.low[index] === null || band.high[index] === null ? [] : [index]));
      const place = (index: number, values: Values): [number, number] => [
        plot.valToPos(x[index], 'x', true),
        plot.valToPos(values[index] ?? 0, 'y', true)
      ];
      ctx.beginPath();
      at.forEach(index => {
        ctx.lineTo(...place(index, band.high));
      });
      at.reverse().forEach(index => {
        ctx.lineTo(...place(index, band.low));
      });
      ctx.fillStyle = colour;
      ctx.fill();
    }
  }
  ctx.restore();
}

/** A single point has no line: it is a dot. */
function drawDots(plot: uPlot, series: ReadonlyArray<ISeries>): void {
  const { ctx } = plot;
  for (const { x, y, colour } of series) {
    const at = y.findIndex(value => value !== null);
    const value = at < 0 ? null : y[at];
    if (value !== null && y.findLastIndex(each => each !== null) === at) {
      ctx.beginPath();
      ctx.arc(plot.valToPos(x[at], 'x', true), plot.valToPos(value, 'y', true), 4 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fillStyle = colour;
      ctx.fill();
    }
  }
}

function rangeX(_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null || !Number.isFinite(low + high)) {
    return [...GAP];
  }
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function rangeY(log: boolean): uPlot.Range.Function {
  return (_, low, high) => {
    if (low === null || high === null || !Number.isFinite(low + high)) {
      return log ? [1, 10] : [...GAP];
    }
    if (log) {
      const [from, to] = [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
      return [from, to === from ? from * 10 : to];
    }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [low - room, high + room];
  };
}

/** Seconds between two marks of a clock. */
const SPANS: ReadonlyArray<number> = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
  172_800, 432_000, 864_000, 1_728_000, 4_320_000
];

type Words = (plot: uPlot, values: ReadonlyArray<number>, axis: number, space: number, span: number) => string[];

const sinceWords: Words = (_plot, values, _axis, _space, span) => values.map(value => (span < 1 ? `${number(value)} s` : clock(value)));

const timeWords: Words = (_plot, values, _axis, _space, span) =>
  values.map(value => {
    const then = new Date(value * 1000);
    return span >= 86_400
      ? then.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
      : then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: span < 60 ? '2-digit' : undefined, hourCycle: 'h23' });
  });

/** Puts a chart into `node`. */
export function plotInto(node: HTMLElement, options: IPlotOptions): uPlot {
  const { series, axis, log, ink, width, height, hovered } = options;
  const line = uPlot.paths.linear?.();
  const lines: uPlot.Series[] = [];
  const data: unknown[] = [];
  const facets = [
    { scale: 'x', auto: true, sorted: 1 as const },
    { scale: 'y', auto: true }
  ];
  const add = (x: ReadonlyArray<number>, y: Values, stroke: string, thick: number, dash?: number[]): void => {
    lines.push({ facets, stroke, width: thick, dash, paths: line, points: { show: false } });
    data.push([x, above(y, log)]);
  };
  for (const { x, raw, colour } of series) {
    if (raw !== null) {
      add(x, raw, colour.replace(')', ' / 0.28)'), 1);
    }
  }
  for (const { x, y, colour, band, pale } of series) {
    add(x, y, colour, pale ? 1 : band === null ? 1.5 : 2, pale ? DASH : undefined);
  }
  if (lines.length === 0) {
    add([], [], ink.faint, 1);
  }
  const draw = { stroke: ink.faint, font: ink.font, grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1, size: 4 } };
  const words = (_: uPlot, values: ReadonlyArray<number | null>): string[] => values.map(value => (value === null ? '' : number(value)));
  return new uPlot(
    {
      mode: 2,
      width,
      height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      focus: { alpha: 0.15 },
      cursor: { drag: { x: true, y: false, setScale: true }, points: { show: false }, y: false },
      scales: {
        x: { time: axis === 'time', auto: true, range: rangeX },
        y: { distr: log ? 3 : 1, auto: true, range: rangeY(log) }
      },
      axes: [
        {
          ...draw,
          scale: 'x',
          size: 30,
          values: axis === 'step' ? words : axis === 'relative' ? sinceWords : timeWords,
          ...(axis === 'relative' ? { incrs: [...SPANS] } : {})
        },
        { ...draw, scale: 'y', size: 62, values: words }
      ],
      series: [null as unknown as uPlot.Series, ...lines],
      hooks: {
        drawAxes: [
          plot => {
            drawBands(plot, series);
          }
        ],
        draw: [
          plot => {
            drawDots(plot, series);
          }
        ],
        setCursor: [
          plot => {
            const { left = -1, top = -1 } = plot.cursor;
            hovered(left < 0 ? null : find(plot, series, left, top));
          }
        ]
      }
    },
    [null, ...data] as unknown as uPlot.AlignedData,
    node
  );
}

/** Weakens all lines but the one of `id`; null draws all alike. */
export function light(plot: uPlot, series: ReadonlyArray<ISeries>, id: string | null): void {
  const raws = series.filter(each => each.raw !== null).length;
  const at = id === null ? -1 : series.findIndex(each => each.id === id);
  plot.setSeries(at < 0 ? null : 1 + raws + at, { focus: true });
}
