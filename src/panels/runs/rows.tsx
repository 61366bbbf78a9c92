/** The rows of the table: a run with its values, and a group with the means of its runs. */

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Run } from '../../types';
import { number } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { Cell, Cut, tip } from './cells';
import type { IColumn } from './columns';
import { type IGroupLine, spreadOf } from './groups';
import { NameField } from './name-field';

/** Pixels of a row. */
export const ROW = 30;

/** What a row can have done; the same for all of them, and as long as the table lives. */
export interface IRowActs {
  readonly open: (id: string) => void;
  readonly toggle: (id: string, range: boolean) => void;
  readonly activate: (id: string) => void;
  /** Gives a run another name, or gives it up with null. */
  readonly rename: (id: string, name: string | null) => void;
  readonly fold: (group: string) => void;
}

interface IRowProps {
  readonly run: Run;
  readonly place: number;
  readonly columns: ReadonlyArray<IColumn>;
  readonly chosen: boolean;
  /** It is in the order of the tab key, with what is in it. */
  readonly active: boolean;
  /** It belongs to the list no longer. */
  readonly left: boolean;
  readonly named: boolean;
  readonly acts: IRowActs;
}

export const RunRow = React.memo(function RunRow({ run, place, columns, chosen, active, left, named, acts }: IRowProps): JSX.Element {
  const trans = useTrans();
  const tab = active ? 0 : -1;
  return (
    <tr
      data-run={run.id}
      data-row={run.id}
      data-left={left || undefined}
      tabIndex={tab}
      aria-rowindex={place + 2}
      aria-selected={chosen}
      title={left ? trans.__('It belongs to this list no longer.') : undefined}
      onFocus={event => {
        if (event.target === event.currentTarget) {
          acts.activate(run.id);
        }
      }}
      onClick={event => {
        const { target } = event;
        if (target instanceof Element && target.matches('[data-column="choose"]')) {
          acts.toggle(run.id, event.shiftKey);
        }
      }}
    >
      <td data-column="choose">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={chosen}
          aria-label={trans.__('Select %1', run.name.slice(0, 100))}
          onClick={event => {
            acts.toggle(run.id, event.shiftKey);
          }}
          onChange={() => undefined}
        />
      </td>
      <th scope="row" data-column="name">
        {named ? (
          <NameField
            name={run.name}
            done={name => {
              acts.rename(run.id, name);
            }}
          />
        ) : (
          <button
            type="button"
            tabIndex={tab}
            className="jp-mlplat-rowName"
            title={trans.__('%1 – F2 gives it another name', tip(run.name))}
            onClick={() => {
              acts.open(run.id);
            }}
          >
            <Cut text={run.name} />
          </button>
        )}
      </th>
      {columns.map(column => (
        <Cell key={column.id} run={run} column={column} />
      ))}
      <td />
    </tr>
  );
});

interface IGroupProps {
  readonly line: IGroupLine;
  readonly place: number;
  readonly by: string;
  readonly columns: ReadonlyArray<IColumn>;
  readonly acts: IRowActs;
}

export function GroupRow({ line, place, by, columns, acts }: IGroupProps): JSX.Element {
  const trans = useTrans();
  const Caret = line.open ? caretDownIcon : caretRightIcon;
  const value = line.value ?? trans.__('none');
  return (
    <tr className="jp-mlplat-groupRow" data-group={line.id} aria-rowindex={place + 2}>
      <td data-column="choose" />
      <th scope="rowgroup" data-column="name">
        <button
          type="button"
          className="jp-mlplat-rowName"
          aria-expanded={line.open}
          title={tip(`${by}: ${value}`)}
          onClick={() => {
            acts.fold(line.id);
          }}
        >
          <Caret.react tag="span" width="14px" height="14px" />
          <Cut text={value} />
          <span className="jp-mlplat-number">{trans._n('%1 run', '%1 runs', line.runs.length)}</span>
        </button>
      </th>
      {columns.map(column => (
        <GroupCell key={column.id} runs={line.runs} column={column} />
      ))}
      <td />
    </tr>
  );
}

function GroupCell({ runs, column }: { readonly runs: ReadonlyArray<Run>; readonly column: IColumn }): JSX.Element {
  const trans = useTrans();
  const spread = React.useMemo(() => (column.kind === 'metrics' ? spreadOf(runs, column.key) : null), [runs, column]);
  if (spread === null) {
    return <td data-kind={column.kind} />;
  }
  const { mean, min, max, count } = spread;
  return (
    <td
      data-kind="metrics"
      title={trans._n('mean %2, least %3, most %4, of %1 run', 'mean %2, least %3, most %4, of %1 runs', count, number(mean), number(min), number(max))}
    >
      <b>{number(mean)}</b> <span className="jp-mlplat-spread">{min === max ? '' : `${number(min)} … ${number(max)}`}</span>
    </td>
  );
}
