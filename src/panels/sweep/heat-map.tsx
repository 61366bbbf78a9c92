/** The metric over two parameters that take a few values each: a table whose cells are also coloured. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { JobState, Sweep, SweepPoint } from '../../types';
import { keyOf } from '../../widgets/charts/axis';
import { number, valueWords } from '../../widgets/format';
import { bestIcon } from '../../widgets/icons';
import { StateIcon, stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { valuesOf } from './space';
import { better, goodness, metricWords, pointWords } from './words';

/** How strong the colour of the best value is, in percent: text on it is still read well. */
const STRONG = 46;

interface IHeatProps {
  readonly sweep: Sweep;
  readonly x: string;
  readonly y: string;
}

/** The points that share two values: the best of them stands for all. */
interface ICell {
  readonly shown: SweepPoint;
  readonly points: ReadonlyArray<SweepPoint>;
}

function cellsOf({ sweep, x, y }: IHeatProps): Map<string, ICell> {
  const cells = new Map<string, ICell>();
  for (const point of sweep.points) {
    const key = `${keyOf(point.point[x])} ${keyOf(point.point[y])}`;
    const before = cells.get(key);
    cells.set(key, { shown: before ? better(sweep, before.shown, point) : point, points: [...(before?.points ?? []), point] });
  }
  return cells;
}

export function HeatMap(props: IHeatProps): JSX.Element {
  const { sweep, x, y } = props;
  const trans = useTrans();
  const columns = valuesOf(sweep, x);
  const rows = valuesOf(sweep, y);
  const cells = React.useMemo(() => cellsOf(props), [sweep, x, y]);
  const good = React.useMemo(() => goodness(sweep), [sweep]);
  const grid = React.useRef<HTMLTableElement>(null);
  const [active, setActive] = React.useState<readonly [number, number]>([0, 0]);
  const move = (event: React.KeyboardEvent): void => {
    const step = ({ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] } as const)[
      event.key as 'ArrowRight'
    ] as readonly [number, number] | undefined;
    if (step) {
      event.preventDefault();
      let [row, column] = [active[0] + step[0], active[1] + step[1]];
      // Combinations that were not tried have no cell to stand on.
      while (rows[row] !== undefined && columns[column] !== undefined) {
        const button = grid.current?.querySelector<HTMLElement>(`[data-place="${row} ${column}"]`);
        if (button) {
          setActive([row, column]);
          button.focus();
          return;
        }
        [row, column] = [row + step[0], column + step[1]];
      }
    }
  };
  const first = rows.flatMap((row, at) => columns.map((column, place) => ({ row, column, at, place }))).find(each => cells.has(`${keyOf(each.column)} ${keyOf(each.row)}`));
  const [tabRow, tabColumn] = cells.has(`${keyOf(columns[active[1]])} ${keyOf(rows[active[0]])}`) ? active : [first?.at ?? 0, first?.place ?? 0];
  return (
    <div className="jp-mlplat-heat">
      <table ref={grid} aria-label={trans.__('%1 by %2 and %3', metricWords(sweep, trans), y, x)} onKeyDown={move}>
        <thead>
          <tr>
            <th scope="col" className="jp-mlplat-heatCorner">
              <span>{y} ↓</span> <span>{x} →</span>
            </th>
            {columns.map(column => (
              <th key={keyOf(column)} scope="col">
                {valueWords(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={keyOf(row)}>
              <th scope="row">{valueWords(row)}</th>
              {columns.map((column, place) => (
                <HeatCell
                  key={keyOf(column)}
                  sweep={sweep}
                  cell={cells.get(`${keyOf(column)} ${keyOf(row)}`)}
                  fixed={{ [x]: column, [y]: row }}
                  good={good}
                  place={[at, place]}
                  tab={at === tabRow && place === tabColumn}
                  focused={setActive}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface ICellProps {
  readonly sweep: Sweep;
  readonly cell: ICell | undefined;
  readonly fixed: Readonly<Record<string, JSONValue>>;
  readonly good: (value: number) => number;
  readonly place: readonly [number, number];
  readonly tab: boolean;
  readonly focused: (place: readonly [number, number]) => void;
}

/** States of points without a value that are worth a look, the most telling first. */
const TOLD: ReadonlyArray<JobState> = ['running', 'starting', 'failed', 'lost', 'queued', 'cancelled', 'skipped'];

function HeatCell({ sweep, cell, fixed, good, place, tab, focused }: ICellProps): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  if (cell === undefined) {
    return (
      <td>
        <span className="jp-mlplat-heatNone" aria-label={trans.__('%1: not tried', pointWords(fixed))} role="img">
          ·
        </span>
      </td>
    );
  }
  const { shown, points } = cell;
  const best = points.some(each => each.job_id === sweep.best?.job_id);
  const states = new Set(points.filter(each => each.value === null).map(each => each.state));
  const open = TOLD.filter(state => states.has(state)).slice(0, 1);
  const words = [
    shown.value === null ? '' : number(shown.value),
    best ? trans.__('the best of all') : '',
    points.length > 1 ? trans.__('best of %1 points', points.length) : '',
    ...open.map(state => stateWord(state, trans))
  ].filter(Boolean);
  const share = shown.value === null ? 0 : STRONG * good(shown.value);
  return (
    <td>
      <button
        type="button"
        data-point={shown.job_id}
        data-place={`${place[0]} ${place[1]}`}
        data-best={best || undefined}
        data-state={shown.state}
        tabIndex={tab ? 0 : -1}
        style={{ '--jp-mlplat-share': `${share}%` } as React.CSSProperties}
        title={`${pointWords(shown.point)}: ${words.join(', ')}`}
        aria-label={`${pointWords(shown.point)}: ${words.join(', ')}`}
        onFocus={() => {
          focused(place);
        }}
        onClick={() => {
          void commands.execute(CommandIDs.openJob, { id: shown.job_id });
        }}
      >
        {best && <bestIcon.react tag="span" className="jp-mlplat-heatBest" width="13px" height="13px" />}
        {shown.value !== null && <span>{number(shown.value)}</span>}
        {open.map(state => (
          <StateIcon key={state} state={state} />
        ))}
      </button>
    </td>
  );
}
