/** Values of two things side by side, one row for each that is not the same in both. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { Difference } from '../../types';
import { number, short } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { Cut, tip } from '../runs/cells';

export interface IPart {
  readonly id: string;
  readonly title: string;
  /** What it is called among those that did not change. */
  readonly word: string;
  /** What stands for one that was not there. */
  readonly absent: string;
  readonly rows: ReadonlyArray<Difference>;
}

/** Rows of one part that are shown. */
const ROWS = 500;

/** True where no note says that such a part could not be compared. */
export function wasCompared(notes: ReadonlyArray<string>, part: RegExp): boolean {
  return !notes.some(note => part.test(note.split(':')[0]));
}

/** What the two columns are called. */
export function Heads({ words }: { readonly words: readonly [string, string] }): JSX.Element {
  return (
    <>
      <th scope="col" className="jp-mlplat-then">
        {words[0]}
      </th>
      <th scope="col" className="jp-mlplat-now">
        {words[1]}
      </th>
    </>
  );
}

export function Values(props: { readonly part: IPart; readonly heads: readonly [string, string] }): JSX.Element | null {
  const { part } = props;
  const trans = useTrans();
  if (part.rows.length === 0) {
    return null;
  }
  const id = `jp-mlplat-h-${part.id}`;
  const measured = part.id === 'metrics';
  return (
    <section aria-labelledby={id} data-part={part.id}>
      <h2 id={id}>{part.title}</h2>
      <table className="jp-mlplat-table" aria-labelledby={id}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <Heads words={props.heads} />
            {measured && <th scope="col">{trans.__('Difference')}</th>}
          </tr>
        </thead>
        <tbody>
          {part.rows.slice(0, ROWS).map(row => (
            <tr key={row.name}>
              <th scope="row" title={tip(row.name)}>
                <Cut text={row.name} />
              </th>
              <td>
                <Value value={row.before} absent={part.absent} />
              </td>
              <td>
                <Value value={row.after} absent={part.absent} />
              </td>
              {measured && <td>{moved(row)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {part.rows.length > ROWS && <p className="jp-mlplat-hint">{trans.__('The first %1 of %2.', ROWS, part.rows.length)}</p>}
    </section>
  );
}

function Value({ value, absent }: { readonly value: JSONValue; readonly absent: string }): JSX.Element {
  if (value === null) {
    return <span className="jp-mlplat-hint">{absent}</span>;
  }
  return typeof value === 'number' ? <>{number(value)}</> : <code title={tip(String(value))}>{short(value)}</code>;
}

/** "+0.02 (+2.2 %)". */
function moved({ before, after }: Difference): string {
  if (typeof before !== 'number' || typeof after !== 'number') {
    return '–';
  }
  const by = after - before;
  const sign = by > 0 ? '+' : '';
  const share = before === 0 ? '' : ` (${sign}${((by / Math.abs(before)) * 100).toFixed(1)} %)`;
  return `${sign}${number(by)}${share}`;
}
