/** The nodes of a pipeline as a table: the same facts as the graph, and why a node did not run. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Pipeline } from '../../types';
import { Copyable } from '../../widgets/parts';
import { StateBadge } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { Link } from '../context';
import { shortId } from '../jobs/words';
import { Took } from './took';
import { nodeState, runIfWords } from './words';

export function NodeTable({ pipeline }: { readonly pipeline: Pipeline }): JSX.Element {
  const trans = useTrans();
  return (
    <table className="jp-mlplat-table" aria-label={trans.__('Nodes')}>
      <thead>
        <tr>
          <th scope="col">{trans.__('Node')}</th>
          <th scope="col">{trans.__('State')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Took')}
          </th>
          <th scope="col">{trans.__('Runs after')}</th>
          <th scope="col">{trans.__('Notebook')}</th>
          <th scope="col">{trans.__('Job')}</th>
          <th scope="col">{trans.__('Message')}</th>
        </tr>
      </thead>
      <tbody>
        {pipeline.nodes.map(node => (
          <tr key={node.name} data-node={node.name} data-state={nodeState(node)}>
            <th scope="row">{node.name}</th>
            <td>
              <StateBadge state={nodeState(node)} />
            </td>
            <td className="jp-mod-number">{node.started_at === null ? '–' : <Took node={node} />}</td>
            <td>{[node.needs.join(', '), runIfWords(node.run_if, trans)].filter(Boolean).join(' · ') || '–'}</td>
            <td>
              <Copyable text={node.notebook} shown={node.notebook.split('/').pop()} label={trans.__('path')} />
            </td>
            <td>
              {node.job_id === null ? (
                '–'
              ) : (
                <Link command={CommandIDs.openJob} id={node.job_id} words={shortId(node.job_id) || trans.__('Open')} />
              )}
            </td>
            <td>{node.message ? <span className="jp-mlplat-clamp" title={node.message}>{node.message}</span> : '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
