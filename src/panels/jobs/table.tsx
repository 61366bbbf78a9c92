/** The table of jobs: only the rows that are seen are in the page, so that 100,000 of them scroll. */

import * as React from 'react';
import type { IJobList, JobList } from '../../model';
import { CommandIDs } from '../../tokens';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { JobRow, ROW } from './job-row';
import { Space, useReveal, useStillRows, useWindow } from '../../widgets/rows';
import type { ISelection } from '../../widgets/selection';

/** Rows before the end at which the next page is read. */
const AHEAD = 60;

/** Pixels of the head of the table. */
const HEAD = 28;

/** Columns of the table. */
const COLUMNS = 9;

interface ITableProps {
  readonly list: JobList;
  readonly shown: IJobList;
  readonly selection: ISelection;
}

export function JobTable({ list, shown, selection }: ITableProps): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const box = React.useRef<HTMLDivElement>(null);
  const { rows } = shown;
  const { first, last, page } = useWindow(box, rows.length, ROW, HEAD);
  useStillRows(box, rows, ROW);
  const reveal = useReveal(box, rows, ROW, HEAD);

  React.useEffect(() => {
    list.see(first, last);
    if (last + AHEAD >= rows.length) {
      void list.more();
    }
  }, [list, shown, first, last, rows.length]);

  React.useEffect(
    () => () => {
      list.held = false;
    },
    [list]
  );

  const hold = (event: React.SyntheticEvent<HTMLElement>, held: boolean): void => {
    const { currentTarget } = event;
    const inside = currentTarget.matches(':hover') || currentTarget.contains(document.activeElement);
    list.held = held || inside;
  };
  const active = selection.active ?? rows.at(first)?.id ?? null;
  const after = rows.length - 1 - last;
  return (
    <div
      ref={box}
      className="jp-mlplat-jobScroll"
      tabIndex={-1}
      onKeyDown={event => {
        const target = event.target as HTMLElement;
        if (target.tagName === 'INPUT' && (target as HTMLInputElement).type !== 'checkbox') {
          return;
        }
        const onRow = target.tagName === 'TR' || target === box.current;
        if (event.key === 'Enter' && onRow) {
          void commands.execute(CommandIDs.openJob, { id: target.dataset.job ?? selection.active });
        } else if (event.key !== ' ' || onRow) {
          const id = selection.key(event, page);
          if (id !== null) {
            event.preventDefault();
            event.stopPropagation();
            reveal(id);
          }
        }
      }}
    >
      <table
        role="grid"
        className="jp-mlplat-table jp-mlplat-jobs"
        aria-label={trans.__('Jobs')}
        aria-multiselectable
        aria-rowcount={shown.complete ? rows.length + 1 : -1}
        aria-busy={shown.phase === 'loading'}
      >
        <Head rows={rows} selection={selection} />
        <tbody
          onPointerEnter={event => {
            hold(event, true);
          }}
          onPointerLeave={event => {
            list.held = event.currentTarget.contains(document.activeElement);
          }}
          onFocus={event => {
            hold(event, true);
          }}
          onBlur={event => {
            list.held = event.currentTarget.contains(event.relatedTarget) || event.currentTarget.matches(':hover');
          }}
        >
          <Space height={first * ROW} columns={COLUMNS} />
          {rows.slice(first, last + 1).map((job, index) => (
            <JobRow
              key={job.id}
              job={job}
              place={first + index}
              chosen={selection.chosen.has(job.id)}
              active={job.id === active}
              left={shown.left.has(job.id)}
              selection={selection}
            />
          ))}
          <Space height={after * ROW} columns={COLUMNS} />
        </tbody>
      </table>
    </div>
  );
}

function Head({ rows, selection }: Pick<ITableProps, 'selection'> & Pick<IJobList, 'rows'>): JSX.Element {
  const trans = useTrans();
  const { chosen } = selection;
  const whole = rows.length > 0 && chosen.size === rows.length;
  const box = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (box.current) {
      box.current.indeterminate = chosen.size > 0 && !whole;
    }
  }, [chosen, whole]);
  const columns: ReadonlyArray<readonly [string, string]> = [
    ['state', trans.__('State')],
    ['name', trans.__('Name')],
    ['started', trans.__('Started')],
    ['took', trans.__('Took')],
    ['progress', trans.__('Progress')],
    ['owner', trans.__('Owner')],
    ['from', trans.__('From')],
    ['result', trans.__('Result')]
  ];
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" data-column="choose">
          <input
            ref={box}
            type="checkbox"
            checked={whole}
            aria-label={trans.__('Select all jobs that are listed')}
            onChange={() => {
              if (whole) {
                selection.clear();
              } else {
                selection.all();
              }
            }}
          />
        </th>
        {columns.map(([column, words]) => (
          <th key={column} scope="col" data-column={column}>
            {words}
          </th>
        ))}
      </tr>
    </thead>
  );
}
