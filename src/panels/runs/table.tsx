/** The table of runs: a long list of which only the rows that are seen are in the page. */

import * as React from 'react';
import type { IRunRows, RunList } from '../../model';
import { CommandIDs } from '../../tokens';
import { Space, useReveal, useStillRows, useWindow } from '../../widgets/rows';
import type { ISelection } from '../../widgets/selection';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import type { IColumn } from './columns';
import type { Line } from './groups';
import { Head } from './head';
import { GroupRow, type IRowActs, ROW, RunRow } from './rows';

/** Rows before the end at which the next page is read. */
const AHEAD = 120;

/** Pixels of the head of the table. */
const HEAD = 30;

const WIDTHS: Readonly<Record<string, number>> = { status: 112, started: 84, took: 92, experiment: 140, owner: 96 };

interface ITableProps {
  readonly list: RunList;
  readonly shown: IRunRows;
  readonly lines: ReadonlyArray<Line>;
  readonly columns: ReadonlyArray<IColumn>;
  readonly selection: ISelection;
  /** Runs are grouped by this column. */
  readonly by: IColumn | null;
  readonly fold: (group: string) => void;
  readonly order: ReadonlyArray<string>;
  readonly sort: (order: ReadonlyArray<string>) => void;
}

/** Pixels of a column. */
function widthOf(column: IColumn, grouped: boolean): number {
  if (column.kind === 'attributes') {
    return WIDTHS[column.key];
  }
  const least = column.kind === 'metrics' ? (grouped ? 200 : 92) : 104;
  return Math.max(least, Math.min(200, 34 + column.title.length * 7.5));
}

export function RunTable(props: ITableProps): JSX.Element {
  const { list, shown, lines, columns, selection, by, order, sort } = props;
  const trans = useTrans();
  const { commands } = usePanel();
  const box = React.useRef<HTMLDivElement>(null);
  const { first, last, page } = useWindow(box, lines.length, ROW, HEAD);
  const [named, setNamed] = React.useState<string | null>(null);
  useStillRows(box, lines, ROW);
  const reveal = useReveal(box, lines, ROW, HEAD);

  React.useEffect(() => {
    list.see(first, last);
    if (last + AHEAD >= lines.length && shown.phase !== 'error') {
      void list.more();
    }
  }, [list, shown, first, last, lines.length]);
  React.useEffect(
    () => () => {
      list.held = false;
    },
    [list]
  );
  React.useLayoutEffect(() => {
    if (box.current) {
      box.current.scrollTop = 0;
    }
  }, [list]);

  const latest = { selection, reveal, fold: props.fold };
  const now = React.useRef(latest);
  now.current = latest;
  const acts = React.useMemo(
    (): IRowActs => ({
      open: id => void commands.execute(CommandIDs.openRun, { id }),
      toggle: (id, range) => {
        now.current.selection.toggle(id, range);
      },
      activate: id => {
        if (now.current.selection.active !== id) {
          now.current.selection.activate(id);
        }
      },
      rename: (id, name) => {
        setNamed(null);
        now.current.reveal(id);
        if (name !== null) {
          void commands.execute(CommandIDs.renameRun, { id, name });
        }
      },
      fold: group => {
        now.current.fold(group);
      }
    }),
    [commands]
  );

  const onKey = (event: React.KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (target.tagName === 'INPUT' && (target as HTMLInputElement).type !== 'checkbox') {
      return;
    }
    const inHead = target.closest('thead') !== null;
    const onRow = target.tagName === 'TR' || target === box.current;
    const id = target.closest<HTMLElement>('tr[data-run]')?.dataset.run ?? selection.active;
    if (event.key === 'Enter' && onRow && id !== null) {
      acts.open(id);
    } else if (event.key === 'F2' && id !== null && !list.query.archived) {
      event.preventDefault();
      setNamed(id);
    } else if ((event.key !== ' ' || onRow) && !inHead) {
      const next = selection.key(event, page);
      if (next !== null) {
        event.preventDefault();
        event.stopPropagation();
        reveal(next);
      }
    }
  };
  const widths = columns.map(column => widthOf(column, by !== null));
  const active = selection.active ?? lines.slice(first).find(line => line.kind === 'run')?.id ?? null;
  return (
    <div ref={box} className="jp-mlplat-jobScroll jp-mlplat-runScroll" tabIndex={-1} onKeyDown={onKey}>
      <table
        role="grid"
        className="jp-mlplat-table jp-mlplat-runs"
        style={{ minWidth: 30 + 240 + widths.reduce((sum, width) => sum + width, 0) }}
        aria-label={trans.__('Runs')}
        aria-multiselectable
        aria-rowcount={shown.complete ? lines.length + 1 : -1}
        aria-busy={shown.phase === 'loading'}
      >
        <colgroup>
          <col style={{ width: 30 }} />
          <col style={{ width: 240 }} />
          {columns.map((column, index) => (
            <col key={column.id} style={{ width: widths[index] }} />
          ))}
          <col />
        </colgroup>
        <Head columns={columns} count={shown.rows.length} selection={selection} order={order} sort={sort} />
        <tbody
          onPointerEnter={() => {
            list.held = true;
          }}
          onPointerLeave={event => {
            list.held = event.currentTarget.contains(document.activeElement);
          }}
          onFocus={() => {
            list.held = true;
          }}
          onBlur={event => {
            list.held = event.currentTarget.contains(event.relatedTarget) || event.currentTarget.matches(':hover');
          }}
        >
          <Space height={first * ROW} columns={columns.length + 3} />
          {lines.slice(first, last + 1).map((line, index) =>
            line.kind === 'group' ? (
              <GroupRow key={line.id} line={line} place={first + index} by={by?.title ?? ''} columns={columns} acts={acts} />
            ) : (
              <RunRow
                key={line.id}
                run={line.run}
                place={first + index}
                columns={columns}
                chosen={selection.chosen.has(line.id)}
                active={line.id === active}
                left={shown.left.has(line.id)}
                named={line.id === named}
                acts={acts}
              />
            )
          )}
          <Space height={(lines.length - 1 - last) * ROW} columns={columns.length + 3} />
        </tbody>
      </table>
    </div>
  );
}
