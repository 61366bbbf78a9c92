/** The metrics of some runs: a card per metric, drawn the same way, with one legend. */

import * as React from 'react';
import type { Run } from '../../types';
import { AXES, type Axis } from '../../widgets/charts/plot';
import { Switch } from '../../widgets/charts/choosers';
import { Chips } from '../../widgets/chips';
import { Empty } from '../../widgets/feedback';
import { hueOf, type IInk, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { Card, type IDrawing } from './card';
import { Legend } from './legend';
import { metricsOf } from './metrics';
import type { IActor } from './series';

/** Runs of which curves are drawn. */
export const MOST = 100;

/** Cards that are made at once; the search finds the others. */
const CARDS = 60;

/** The most that smoothing keeps of what was before. */
const SMOOTHEST = 0.99;

/** Parameters by which some runs can be grouped: those that differ, and not in every run. */
function groupsOf(runs: ReadonlyArray<Run>): string[] {
  const names = [...new Set(runs.flatMap(run => Object.keys(run.parameters)))];
  return names
    .filter(name => {
      const values = new Set(runs.map(run => run.parameters[name]));
      return values.size > 1 && values.size < runs.length;
    })
    .sort();
}

/** Who has a line: each run, or each value of a parameter. */
function actorsOf(runs: ReadonlyArray<Run>, by: string | null, ink: IInk, none: string): IActor[] {
  if (by === null) {
    return runs.map((run, index) => ({ id: run.id, name: run.name, colour: hueOf(index, ink), runs: [run], group: false }));
  }
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const value = Object.hasOwn(run.parameters, by) ? run.parameters[by] : none;
    groups.set(value, [...(groups.get(value) ?? []), run]);
  }
  return [...groups]
    .sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }))
    .map(([value, own], index) => ({ id: `group ${value}`, name: `${by} ${value}`, colour: hueOf(index, ink), runs: own, group: true }));
}

export function Curves({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const drawn = React.useMemo(() => runs.slice(0, MOST), [runs]);
  const [drawing, setDrawing] = React.useState<IDrawing>({ axis: 'step', log: false, weight: 0 });
  const [by, setBy] = React.useState<string | null>(null);
  const [sought, setSought] = React.useState('');
  const [hidden, setHidden] = React.useState<ReadonlySet<string>>(new Set());
  const [lit, setLit] = React.useState<string | null>(null);
  const [singles, setSingles] = React.useState<ReadonlySet<string>>(new Set());
  const note = React.useCallback((metric: string, single: boolean) => {
    setSingles(last => {
      if (single === last.has(metric)) {
        return last;
      }
      const others = [...last].filter(each => each !== metric);
      return new Set(single ? [...others, metric] : others);
    });
  }, []);
  const groups = React.useMemo(() => groupsOf(drawn), [drawn]);
  const actors = React.useMemo(() => actorsOf(drawn, by, ink, trans.__('none')), [drawn, by, ink, trans]);
  const shown = React.useMemo(() => actors.filter(actor => !hidden.has(actor.id)), [actors, hidden]);
  const all = React.useMemo(() => metricsOf(drawn), [drawn]);
  const metrics = all.filter(key => key.toLowerCase().includes(sought.toLowerCase()));
  if (all.length === 0) {
    return (
      <Empty title={trans.__('No metric yet.')}>
        <code className="jp-mlplat-teach">mlflow.log_metric(&quot;loss&quot;, 0.1, step=1)</code>
      </Empty>
    );
  }
  return (
    <div className="jp-mlplat-curves">
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('How the curves are drawn')}>
        <Axes
          axis={drawing.axis}
          change={axis => {
            setDrawing({ ...drawing, axis });
          }}
        />
        <Switch
          label={trans.__('Log scale')}
          on={drawing.log}
          turn={log => {
            setDrawing({ ...drawing, log });
          }}
        />
        <label className="jp-mlplat-labelled">
          {trans.__('Smoothing')}
          <input
            type="range"
            min={0}
            max={SMOOTHEST}
            step={0.01}
            value={drawing.weight}
            onChange={event => {
              setDrawing({ ...drawing, weight: Number(event.target.value) });
            }}
          />
          <output>{drawing.weight.toFixed(2)}</output>
        </label>
        {groups.length > 0 && (
          <label className="jp-mlplat-labelled">
            {trans.__('Mean by')}
            <select
              value={by ?? ''}
              onChange={event => {
                setBy(event.target.value || null);
                setHidden(new Set());
              }}
            >
              <option value="">{trans.__('each run')}</option>
              {groups.map(name => (
                <option key={name} value={name}>
                  {name.slice(0, 100)}
                </option>
              ))}
            </select>
          </label>
        )}
        {all.length > 4 && (
          <input
            type="search"
            className="jp-mlplat-search"
            value={sought}
            aria-label={trans.__('Search metrics')}
            placeholder={trans.__('Search metrics')}
            onChange={event => {
              setSought(event.target.value);
            }}
          />
        )}
      </div>
      {runs.length > MOST && <p className="jp-mlplat-hint">{trans.__('Curves of the first %1 of %2 runs.', MOST, runs.length)}</p>}
      <div className="jp-mlplat-curveBody" data-alone={runs.length === 1 || undefined}>
        {runs.length > 1 && <Legend actors={actors} hidden={hidden} hide={setHidden} look={setLit} />}
        <div className="jp-mlplat-curveCards">
          {metrics.slice(0, CARDS).map(metric => (
            <Card key={metric} metric={metric} runs={drawn} actors={shown} drawing={drawing} lit={lit} single={runs.length === 1 ? note : undefined} />
          ))}
          {runs.length === 1 && singles.size === all.length && (
            <p className="jp-mlplat-hint">{trans.__('Each metric has one value so far; the table below has them.')}</p>
          )}
          {metrics.length > CARDS && (
            <p className="jp-mlplat-hint">{trans.__('%1 more: the search finds them.', metrics.length - CARDS)}</p>
          )}
        </div>
      </div>
    </div>
  );
}

function Axes({ axis, change }: { readonly axis: Axis; readonly change: (axis: Axis) => void }): JSX.Element {
  const trans = useTrans();
  const words: Readonly<Record<Axis, string>> = { step: trans.__('Steps'), time: trans.__('Time'), relative: trans.__('Time since the start') };
  return (
    <Chips
      label={trans.__('What stands below')}
      chips={AXES.map(id => ({ id, label: words[id] }))}
      pressed={new Set([axis])}
      toggle={id => {
        change(AXES.find(each => each === id) ?? 'step');
      }}
    />
  );
}
