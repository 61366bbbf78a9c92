/** The rows of a request as fields. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import { Tabs } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import type { ITable } from './example';

/** One field per column, typed as the example is; one row at a time. */
export function RowForm(props: { readonly table: ITable; readonly change: (table: ITable) => void }): JSX.Element {
  const { table } = props;
  const trans = useTrans();
  const [chosen, setChosen] = React.useState(0);
  const at = Math.min(chosen, table.rows.length - 1);
  const row = table.rows[at];
  return (
    <>
      {table.rows.length > 1 && (
        <Tabs
          label={trans.__('Rows')}
          tabs={table.rows.map((_, index) => ({ id: String(index), label: trans.__('Row %1', index + 1) }))}
          chosen={String(at)}
          choose={id => {
            setChosen(Number(id));
          }}
        />
      )}
      <div className="jp-mlplat-rowForm">
        {table.columns.map((column, index) => {
          const value = row[index];
          const id = `jp-mlplat-input-${index}`;
          const set = (next: JSONValue): void => {
            const cells = [...row];
            cells[index] = next;
            props.change({ ...table, rows: table.rows.map((each, position) => (position === at ? cells : each)) });
          };
          return (
            <div key={column} className="jp-mlplat-rowField">
              <label htmlFor={id} title={column}>
                {column}
              </label>
              {typeof value === 'boolean' ? (
                <input
                  id={id}
                  type="checkbox"
                  checked={value}
                  onChange={event => {
                    set(event.target.checked);
                  }}
                />
              ) : typeof value === 'number' ? (
                <input
                  id={id}
                  type="number"
                  step="any"
                  value={Number.isNaN(value) ? '' : value}
                  onChange={event => {
                    if (event.target.value !== '') {
                      set(event.target.valueAsNumber);
                    }
                  }}
                />
              ) : (
                <input
                  id={id}
                  value={value === null ? '' : String(value)}
                  onChange={event => {
                    set(event.target.value);
                  }}
                />
              )}
            </div>
          );
        })}
      </div>
    </>
  );
}
