/** How much each parameter of the runs has to do with a metric, as the server weighs it. */

import * as React from 'react';
import { Resource } from '../../resource';
import type { Run, RunImportance } from '../../types';
import { Bars, barsCanvas, type IBar } from '../../widgets/charts/bars';
import { Choose } from '../../widgets/charts/choosers';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import { Empty, Loading } from '../../widgets/feedback';
import { percent } from '../../widgets/format';
import { useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { Show, usePanel } from '../context';
import { metricsOf } from './metrics';

/** Runs that the server weighs at once. */
const MOST = 1000;

/** Milliseconds between two times that runs are weighed which go on: a thousand of them take the server seconds. */
const AGAIN = 5_000;

/** What the server says of these runs and this metric; again when their values change. */
function useImportance(runs: ReadonlyArray<Run>, metric: string): Resource<RunImportance> | null {
  const { model } = usePanel();
  const [found, setFound] = React.useState<Resource<RunImportance> | null>(null);
  const key = JSON.stringify(runs.map(run => run.id));
  React.useEffect(() => {
    if (metric === '') {
      return;
    }
    const made = new Resource<RunImportance>(
      signal => model.api.runs.importance(JSON.parse(key) as string[], metric, signal),
      undefined,
      AGAIN
    );
    made.demand();
    setFound(made);
    return () => {
      made.dispose();
    };
  }, [model, key, metric]);
  const values = JSON.stringify([key, metric, runs.map(run => run.metrics[metric] ?? null)]);
  const weighed = React.useRef(values);
  React.useEffect(() => {
    if (weighed.current !== values) {
      weighed.current = values;
      found?.invalidate();
    }
  }, [found, values]);
  return found;
}

export function Importance({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const [wanted, setWanted] = React.useState('');
  const metrics = React.useMemo(() => metricsOf(runs), [runs]);
  const weighed = React.useMemo(() => runs.slice(0, MOST), [runs]);
  const metric = metrics.includes(wanted) ? wanted : (metrics.at(0) ?? '');
  const found = useImportance(weighed, metric);
  if (metric === '') {
    return <Empty title={trans.__('These runs have no metric yet.')} />;
  }
  return (
    <div className="jp-mlplat-figure">
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('What is weighed')}>
        <Choose label={trans.__('Metric')} choices={metrics.map(id => ({ id, title: id }))} chosen={metric} choose={setWanted} />
        {runs.length > MOST && <span className="jp-mlplat-hint">{trans.__('The first %1 of %2 runs.', MOST, runs.length)}</span>}
      </div>
      <div className="jp-mlplat-importance">
        {found === null ? <Loading lines={4} /> : <Show resource={found} lines={4}>{data => <Weighed found={data} />}</Show>}
      </div>
    </div>
  );
}

/** "↗ +0.82" */
function correlationWords(correlation: number | null): string | undefined {
  return correlation === null ? undefined : `${correlation < 0 ? '↘ −' : '↗ +'}${Math.abs(correlation).toFixed(2)}`;
}

function Weighed({ found }: { readonly found: RunImportance }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const title = trans.__('Importance of the parameters for %1', found.metric.slice(0, 80));
  if (found.parameters.length === 0) {
    return (
      <Figure title={title} picture={null} table={null}>
        <p className="jp-mlplat-hint">{trans.__('Nothing to weigh: %1.', found.message ?? '')}</p>
      </Figure>
    );
  }
  const bars = found.parameters.map(
    ({ name, share, correlation }): IBar => ({ id: name, name, value: share, colour: ink.brand, words: percent(share), note: correlationWords(correlation) })
  );
  const explained = found.explained ?? 0;
  return (
    <Figure
      title={title}
      picture={() => {
        savePicture(barsCanvas(bars, ink), title, ink);
      }}
      table={() => {
        saveTable([['parameter', 'share', 'correlation'], ...found.parameters.map(each => [each.name, each.share, each.correlation])], title);
      }}
    >
      <Bars label={title} bars={bars} />
      <p className="jp-mlplat-hint">
        {explained > 0
          ? trans.__('Of %1 runs. Together the parameters foretell %2 of how they rank by it (random forest).', found.runs, percent(explained))
          : trans.__('Of %1 runs. The parameters foretell nothing of how they rank by it: these shares may be chance.', found.runs)}{' '}
        {trans.__('The arrow is the rank correlation of a number: ↗ more of it, more of the metric; ↘ the other way round.')}
      </p>
    </Figure>
  );
}
