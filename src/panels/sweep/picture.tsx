/** The picture of a sweep: which one its parameters ask for, and between which two of them. */

import * as React from 'react';
import type { Sweep } from '../../types';
import { number } from '../../widgets/format';
import { StateIcon } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { isSpan, valuesOf } from './space';
import { HeatMap } from './heat-map';
import { Plot } from './plot';
import { metricWords, parametersOf } from './words';

/** More values than this are drawn as points, not as cells. */
const CELLS = 24;

export function Picture({ sweep }: { readonly sweep: Sweep }): JSX.Element | null {
  const trans = useTrans();
  const names = parametersOf(sweep);
  const several = names.filter(name => isSpan(sweep.space[name]) || valuesOf(sweep, name).length > 1);
  const usable = several.length > 0 ? several : names;
  const [wanted, setWanted] = React.useState<{ readonly x: string; readonly y: string } | null>(null);
  const chosen = wanted && usable.includes(wanted.x) && usable.includes(wanted.y) ? wanted : null;
  const y = chosen?.y ?? usable.at(0);
  const x = chosen?.x ?? usable.at(1) ?? y;
  if (sweep.points.length === 0 || x === undefined || y === undefined) {
    return <p className="jp-mlplat-hint">{trans.__('No point yet: the first ones appear as soon as they are chosen.')}</p>;
  }
  const metric = metricWords(sweep, trans);
  const cells = [x, y].every(name => !isSpan(sweep.space[name]) && valuesOf(sweep, name).length <= CELLS);
  const others = usable.filter(name => name !== x && name !== y);
  const select = (label: string, value: string, change: (name: string) => void): JSX.Element => (
    <label>
      {label}{' '}
      <select
        value={value}
        onChange={event => {
          change(event.target.value);
        }}
      >
        {usable.map(name => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      {usable.length > 2 && (
        <div className="jp-mlplat-axes">
          {select(trans.__('Across'), x, name => {
            setWanted({ x: name, y: name === y ? x : y });
          })}
          {select(trans.__('Down'), y, name => {
            setWanted({ x: name === x ? y : x, y: name });
          })}
        </div>
      )}
      {x === y ? <Plot sweep={sweep} x={x} y={null} /> : cells ? <HeatMap sweep={sweep} x={x} y={y} /> : <Plot sweep={sweep} x={x} y={y} />}
      {cells && x !== y && others.length > 0 && (
        <p className="jp-mlplat-hint">{trans.__('Each cell shows the best %1 of all points that differ only in %2.', metric, others.join(', '))}</p>
      )}
      <Legend sweep={sweep} cells={cells && x !== y} />
    </>
  );
}

function Legend({ sweep, cells }: { readonly sweep: Sweep; readonly cells: boolean }): JSX.Element {
  const trans = useTrans();
  const values = sweep.points.flatMap(each => (each.value === null ? [] : [each.value]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [worst, best] = sweep.direction === 'minimize' ? [high, low] : [low, high];
  return (
    <ul className="jp-mlplat-legend jp-mlplat-heatLegend" aria-label={trans.__('What the marks mean')}>
      {values.length > 1 && (
        <li>
          {number(worst)} <i className="jp-mlplat-ramp" data-cells={cells || undefined} aria-hidden />
          {trans.__('%1, the best', number(best))}
        </li>
      )}
      {cells ? (
        <>
          <li>
            <StateIcon state="running" /> {trans.__('running')}
          </li>
          <li>
            <StateIcon state="failed" /> {trans.__('failed')}
          </li>
        </>
      ) : (
        <>
          <li>{trans.__('star: the best')}</li>
          <li>{trans.__('cross: failed')}</li>
          <li>{trans.__('ring: no value yet')}</li>
        </>
      )}
    </ul>
  );
}
