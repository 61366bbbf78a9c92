/** The table of jobs: only the rows that are seen are in the page, so that 100,000 of them scroll. */

import * as React from 'react';
import type { IJobList, JobList } from '../../model';
import { CommandIDs } from '../../tokens';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { JobRow, ROW } from './job-row';
import type { ISelection } from './selection';

/** Rows above and below what is seen that are drawn as well. */
const AROUND = 8;

/** Rows before the end at which the next page is read. */
const AHEAD = 60;

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
  const { first, last, page } = useWindow(box, rows.length);
  const wanted = React.useRef<string | null>(null);
  useStillRows(box, shown);

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

  // The row that keys moved to takes the focus once it is drawn.
  React.useEffect(() => {
    const id = wanted.current;
    const row = id === null ? null : box.current?.querySelector<HTMLElement>(`tr[data-job="${id}"]`);
    if (row) {
      wanted.current = null;
      row.focus({ preventScroll: true });
    }
  });

  const reveal = (id: string): void => {
    const scroller = box.current;
    const at = rows.findIndex(job => job.id === id);
    if (scroller && at >= 0) {
      const room = scroller.clientHeight - HEAD;
      scroller.scrollTop = Math.max(Math.min(scroller.scrollTop, at * ROW), (at + 1) * ROW - room);
      wanted.current = id;
      // The row that has the focus may go before the other one is drawn: keys that come meanwhile would be lost.
      scroller.focus({ preventScroll: true });
    }
  };
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
          <Space rows={first} />
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
          <Space rows={after} />
        </tbody>
      </table>
    </div>
  );
}

/** Pixels of the head of the table. */
const HEAD = 28;

/** Which rows are seen, with some around them, and how many fit. */
function useWindow(
  box: React.RefObject<HTMLElement>,
  count: number
): { readonly first: number; readonly last: number; readonly page: number } {
  const [place, setPlace] = React.useState({ top: 0, height: 600 });
  React.useLayoutEffect(() => {
    const scroller = box.current;
    if (scroller === null) {
      return;
    }
    const look = (): void => {
      setPlace(last =>
        last.top === scroller.scrollTop && last.height === scroller.clientHeight
          ? last
          : { top: scroller.scrollTop, height: scroller.clientHeight }
      );
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller);
    scroller.addEventListener('scroll', look, { passive: true });
    look();
    return () => {
      sizes.disconnect();
      scroller.removeEventListener('scroll', look);
    };
  }, [box]);
  const page = Math.max(1, Math.floor((place.height - HEAD) / ROW) - 1);
  const first = Math.max(0, Math.min(count - 1, Math.floor(place.top / ROW) - AROUND));
  return { first, last: Math.min(count - 1, Math.floor(place.top / ROW) + page + 2 + AROUND), page };
}

/** When rows come or go above what is read, what is read stays where it is. */
function useStillRows(box: React.RefObject<HTMLElement>, shown: IJobList): void {
  const before = React.useRef<{ readonly id: string; readonly at: number } | null>(null);
  React.useLayoutEffect(() => {
    const scroller = box.current;
    const last = before.current;
    if (scroller && last && scroller.scrollTop > 0 && shown.rows.at(last.at)?.id !== last.id) {
      const at = shown.rows.findIndex(job => job.id === last.id);
      if (at >= 0) {
        scroller.scrollTop += (at - last.at) * ROW;
      }
    }
  }, [box, shown.rows]);
  React.useEffect(() => {
    const at = Math.ceil((box.current?.scrollTop ?? 0) / ROW);
    const id = shown.rows.at(at)?.id;
    before.current = id === undefined ? null : { id, at };
  });
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

/** The room of rows that are not drawn. */
function Space({ rows }: { readonly rows: number }): JSX.Element | null {
  return rows > 0 ? (
    <tr aria-hidden className="jp-mlplat-space" style={{ height: rows * ROW }}>
      <td colSpan={9} />
    </tr>
  ) : null;
}
