/** A lineage as a table: the same facts as the drawing, for whoever does not see it, and all of them. */

import * as React from 'react';
import { useTrans } from '../../widgets/trans';
import { Cut, tip } from '../runs/cells';
import type { IOrdered } from './lineage-order';
import { kindWord, useOpener } from './lineage-words';

interface ITableProps {
  readonly nodes: ReadonlyArray<IOrdered>;
  /** Shows the data of the version. */
  readonly showData: () => void;
}

export function LineageTable({ nodes, showData }: ITableProps): JSX.Element {
  const trans = useTrans();
  return (
    <details className="jp-mlplat-folded">
      <summary>{trans.__('As a table')}</summary>
      <table className="jp-mlplat-table" aria-label={trans.__('Lineage')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Kind')}</th>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('Detail')}</th>
            <th scope="col">{trans.__('Made from')}</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map(each => (
            <Row key={each.node.id} each={each} showData={showData} />
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Row({ each, showData }: { readonly each: IOrdered; readonly showData: ITableProps['showData'] }): JSX.Element {
  const trans = useTrans();
  const { node, from } = each;
  const opener = useOpener(node, showData);
  const made = from.map(one => one.label.slice(0, 80)).join(', ');
  return (
    <tr>
      <td>{kindWord(node.kind, trans)}</td>
      <th scope="row" title={tip(node.label)}>
        {opener === null ? (
          <Cut text={node.label} />
        ) : (
          <button type="button" className="jp-mlplat-rowName" onClick={opener.open}>
            <Cut text={node.label} />
          </button>
        )}
      </th>
      <td title={tip(node.detail)}>
        <Cut text={node.detail || '–'} />
      </td>
      <td title={tip(made)}>
        <Cut text={made || '–'} />
      </td>
    </tr>
  );
}
