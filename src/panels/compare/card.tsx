/** One metric of all runs: a chart, or bars where there is one point of each. */

import type uPlot from 'uplot';
import * as React from 'react';
import { downloadIcon } from '@jupyterlab/ui-components';
import type { Run, RunCurves } from '../../types';
import { ErrorBox, Loading } from '../../widgets/feedback';
import { IconButton } from '../../widgets/parts';
import { useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { usePanel, useResource } from '../context';
import type { Resource } from '../../resource';
import { pictureIcon } from '../../widgets/icons';
import { Bars, type IBar } from '../../widgets/charts/bars';
import { Chart } from '../../widgets/charts/chart';
import { savePicture, saveTable } from '../../widgets/charts/files';
import type { Axis, ISeries } from '../../widgets/charts/plot';
import { number } from '../../widgets/format';
import { curveRows, type IActor, isSingle, seriesOf } from './series';

/** How all charts of a view are drawn. */
export interface IDrawing {
  readonly axis: Axis;
  readonly log: boolean;
  /** Weight of what was before, from 0 to less than 1. */
  readonly weight: number;
}

interface ICardProps {
  readonly metric: string;
  readonly runs: ReadonlyArray<Run>;
  /** Those that are drawn. */
  readonly actors: ReadonlyArray<IActor>;
  readonly drawing: IDrawing;
  readonly lit: string | null;
  /** Told whether there is only one value of each run; where that is nothing to draw, the card hides. */
  readonly single?: (metric: string, single: boolean) => void;
}

/** Letters of a title; a key may have hundreds. */
const TITLE = 120;

export function Card(props: ICardProps): JSX.Element {
  const trans = useTrans();
  const box = React.useRef<HTMLElement>(null);
  const seen = useSeen(box);
  const curves = useCurves(props.runs, props.metric, seen);
  const [single, setSingle] = React.useState(false);
  const { metric, single: tell } = props;
  React.useEffect(() => {
    tell?.(metric, single);
  }, [tell, metric, single]);
  return (
    <section ref={box} hidden={single && tell !== undefined} className="jp-mlplat-card jp-mlplat-curveCard" aria-label={trans.__('Metric %1', props.metric.slice(0, TITLE))} data-metric={props.metric}>
      {curves === null ? (
        <>
          <h3>
            <bdi>{props.metric.slice(0, TITLE)}</bdi>
          </h3>
          <Loading lines={4} />
        </>
      ) : (
        <Drawn {...props} curves={curves} alone={setSingle} />
      )}
    </section>
  );
}

/** True from the first time that an element is near what is seen. */
function useSeen(box: React.RefObject<HTMLElement>): boolean {
  const [seen, setSeen] = React.useState(false);
  React.useEffect(() => {
    const node = box.current;
    if (node === null || seen) {
      return;
    }
    const watcher = new IntersectionObserver(
      entries => {
        if (entries.some(entry => entry.isIntersecting)) {
          setSeen(true);
        }
      },
      { rootMargin: '300px' }
    );
    watcher.observe(node);
    return () => {
      watcher.disconnect();
    };
  }, [box, seen]);
  return seen;
}

/** The curves of a metric, once they are wanted; live while a run lives. */
function useCurves(runs: ReadonlyArray<Run>, metric: string, wanted: boolean): Resource<RunCurves> | null {
  const { model } = usePanel();
  const [curves, setCurves] = React.useState<Resource<RunCurves> | null>(null);
  const latest = React.useRef(runs);
  // One that was just seen to end has perhaps points that were not read yet.
  const before = React.useRef(runs);
  before.current = latest.current;
  latest.current = runs;
  const ids = runs.map(run => run.id);
  const key = JSON.stringify([metric, ids]);
  React.useEffect(() => {
    if (!wanted) {
      return;
    }
    const made = model.watchCurves(ids, metric, () => [...latest.current, ...before.current].some(run => run.status === 'RUNNING'));
    made.demand();
    setCurves(made);
    return () => {
      made.dispose();
    };
  }, [model, key, wanted]);
  return curves;
}

/** The one value that a run has, or the mean of a group. */
function barOf({ id, name, colour, y, band }: ISeries, lit: string | null): IBar {
  const note = band && band.low[0] !== band.high[0] ? `${number(band.low[0])} … ${number(band.high[0])}` : undefined;
  return { id, name, colour, value: y.find(value => value !== null) ?? null, note, dim: lit !== null && lit !== id };
}

interface IDrawnProps extends ICardProps {
  readonly curves: Resource<RunCurves>;
  readonly alone: (single: boolean) => void;
}

function Drawn({ metric, runs, actors, drawing, lit, curves, alone }: IDrawnProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const plot = React.useRef<uPlot | null>(null);
  const snapshot = useResource(curves);
  const { data } = snapshot;
  const { axis, log, weight } = drawing;
  const series = React.useMemo(() => (data === null ? [] : seriesOf(actors, data.curves, axis, weight)), [data, actors, axis, weight]);
  const single = data !== null && isSingle(data.curves);
  React.useEffect(() => {
    alone(single);
  }, [alone, single]);
  const title = metric.slice(0, TITLE);
  return (
    <>
      <div className="jp-mlplat-cardHead">
        <h3 title={metric.slice(0, 1000)}>
          <bdi>{title}</bdi>
        </h3>
        <span className="jp-mlplat-cardTools">
          {!single && (
            <IconButton
              icon={pictureIcon}
              label={trans.__('Save the chart of %1 as a picture', title)}
              onClick={() => {
                if (plot.current) {
                  savePicture(plot.current.ctx.canvas, metric, ink, series);
                }
              }}
            />
          )}
          <IconButton
            icon={downloadIcon}
            label={trans.__('Save the points of %1 as CSV', title)}
            onClick={() => {
              saveTable(curveRows(data?.curves ?? [], runs), metric);
            }}
          />
        </span>
      </div>
      {data === null ? (
        snapshot.error ? (
          <ErrorBox
            error={snapshot.error}
            retry={() => {
              void curves.refresh();
            }}
          />
        ) : (
          <Loading lines={4} />
        )
      ) : series.length === 0 ? (
        <p className="jp-mlplat-hint">{trans.__('No run that is shown has it.')}</p>
      ) : single ? (
        <Bars label={title} bars={series.map(each => barOf(each, lit))} />
      ) : (
        <Chart label={title} series={series} axis={axis} log={log} lit={lit} plot={plot} />
      )}
    </>
  );
}
