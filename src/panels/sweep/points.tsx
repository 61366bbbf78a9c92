/** All points of a sweep as a table that can be sorted. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Sweep, SweepPoint } from '../../types';
import { number, valueWords } from '../../widgets/format';
import { bestIcon } from '../../widgets/icons';
import { StateBadge, stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { shortId } from '../jobs/words';
import { metricWords, parametersOf } from './words';

interface ISort {
  /** `@state`, `@job`, `@0` for the first of the objectives and so on, or the name of a parameter. */
  readonly by: string;
  readonly down: boolean;
}

function compare(one: JSONValue | undefined, other: JSONValue | undefined): number {
  if (typeof one === 'number' && typeof other === 'number') {
    return one - other;
  }
  const text = (value: JSONValue | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null));
  return text(one).localeCompare(text(other), undefined, { numeric: true });
}

/** What a point reached of an objective; the notebook's own metric has no objective. */
function valueOf(point: SweepPoint, at: number): number | null {
  return at === 0 ? point.value : (point.values[at] ?? null);
}

function sorted(points: ReadonlyArray<SweepPoint>, { by, down }: ISort): SweepPoint[] {
  const sign = down ? -1 : 1;
  return [...points].sort((one, other) => {
    if (/^@\d+$/.test(by)) {
      const at = Number(by.slice(1));
      const [first, second] = [valueOf(one, at), valueOf(other, at)];
      // Points without a value come last, whichever way one sorts.
      return first === null || second === null ? Number(first === null) - Number(second === null) : sign * (first - second);
    }
    const key = (point: SweepPoint): JSONValue | undefined =>
      by === '@state' ? point.state : by === '@job' ? point.job_id : point.point[by];
    return sign * compare(key(one), key(other));
  });
}

export function PointTable({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const metrics = sweep.objectives.length > 0 ? sweep.objectives : [{ metric: metricWords(sweep, trans), direction: sweep.direction }];
  const [sort, setSort] = React.useState<ISort>({ by: '@0', down: sweep.direction === 'maximize' });
  const points = React.useMemo(() => sorted(sweep.points, sort), [sweep.points, sort]);
  const names = parametersOf(sweep);
  const heading = (by: string, words: string, numeric = false, down = false): JSX.Element => (
    <th
      key={by}
      scope="col"
      className={numeric ? 'jp-mod-number' : undefined}
      aria-sort={sort.by === by ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="jp-mlplat-sort"
        onClick={() => {
          setSort({ by, down: sort.by === by ? !sort.down : down });
        }}
      >
        {words}
        <span aria-hidden data-idle={sort.by !== by || undefined}>
          {sort.by === by && !sort.down ? '▴' : '▾'}
        </span>
      </button>
    </th>
  );
  return (
    <table className="jp-mlplat-table jp-mlplat-points" aria-label={trans.__('Points')}>
      <thead>
        <tr>
          {heading('@job', trans.__('Job'))}
          {heading('@state', trans.__('State'))}
          {names.map(name => heading(name, name, isNumeric(sweep, name)))}
          {metrics.map(({ metric, direction }, at) => heading(`@${at}`, metric, true, direction === 'maximize'))}
          <th scope="col">
            <span className="jp-mlplat-sr">{trans.__('Remarks')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {points.map(point => (
          <PointRow key={point.job_id} sweep={sweep} point={point} names={names} metrics={metrics.length} />
        ))}
      </tbody>
    </table>
  );
}

function isNumeric(sweep: Sweep, name: string): boolean {
  return sweep.points.every(each => typeof each.point[name] === 'number');
}

interface IPointRowProps {
  readonly sweep: Sweep;
  readonly point: SweepPoint;
  readonly names: ReadonlyArray<string>;
  /** How many columns of values there are. */
  readonly metrics: number;
}

function PointRow(props: IPointRowProps): JSX.Element {
  const { sweep, point } = props;
  const trans = useTrans();
  const { commands } = usePanel();
  const best = point.job_id === sweep.best?.job_id;
  return (
    <tr data-point={point.job_id} data-state={point.state} data-best={best || point.front || undefined}>
      <th scope="row">
        <button
          type="button"
          className="jp-mlplat-link"
          aria-label={trans.__('Open job %1, %2', point.job_id, stateWord(point.state, trans))}
          onClick={() => {
            void commands.execute(CommandIDs.openJob, { id: point.job_id });
          }}
        >
          {shortId(point.job_id) || trans.__('Open')}
        </button>
      </th>
      <td>
        <StateBadge state={point.state} />
      </td>
      {props.names.map(name => (
        <td key={name} className={isNumeric(sweep, name) ? 'jp-mod-number' : undefined}>
          {valueWords(point.point[name])}
        </td>
      ))}
      {Array.from({ length: props.metrics }, (_, at) => (
        <td key={at} className="jp-mod-number">
          {best || point.front ? <b>{number(valueOf(point, at))}</b> : number(valueOf(point, at))}
        </td>
      ))}
      <td>
        {(best || point.front) && (
          <span className="jp-mlplat-bestMark">
            <bestIcon.react tag="span" width="13px" height="13px" /> {best ? trans.__('best') : trans.__('on the front')}
          </span>
        )}
        {point.feasible === false && trans.__('breaks a constraint')}
        {point.pruned_at !== null && trans.__('at step %1', point.pruned_at)}
      </td>
    </tr>
  );
}
