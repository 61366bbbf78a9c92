/** Names and values as a small table. */

import * as React from 'react';
import { useTrans } from '../../widgets/trans';
import { Cut, tip } from '../runs/cells';

export function Pairs(props: {
  readonly title: string;
  readonly rows: ReadonlyArray<readonly [string, string]>;
  readonly numbers?: boolean;
}): JSX.Element {
  const trans = useTrans();
  return (
    <section className="jp-mlplat-card" aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.rows.length === 0 ? (
        <p className="jp-mlplat-hint">{trans.__('None.')}</p>
      ) : (
        <table className="jp-mlplat-table">
          <tbody>
            {props.rows.map(([name, value], index) => (
              <tr key={index}>
                <th scope="row" title={tip(name)}>
                  <Cut text={name} />
                </th>
                <td className={props.numbers ? 'jp-mod-number' : ''} title={tip(value)}>
                  <Cut text={value} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
