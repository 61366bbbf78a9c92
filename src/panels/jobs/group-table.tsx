/** The table of jobs that belong together, sweeps or pipelines: the same frame, with columns of each one's own. */

import * as React from 'react';
import type { Page } from '../../types';
import { StateBadge } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { shortId } from './words';

interface IGroup {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly state: 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled';
}

interface IColumn<T> {
  readonly title: string;
  readonly cell: (group: T) => React.ReactNode;
}

interface IAction {
  readonly command: string;
  readonly label: string;
}

interface IProps<T extends IGroup> {
  readonly kind: 'sweep' | 'pipeline';
  readonly label: string;
  readonly page: Page<T>;
  /** What stands between the name and the owner. */
  readonly columns: ReadonlyArray<IColumn<T>>;
  readonly open: string;
  readonly more: string;
  /** Ends one that runs. */
  readonly cancel: (group: T) => IAction;
  /** Runs again what failed of one that has ended; null where nothing did. */
  readonly again: (group: T) => IAction | null;
}

export function GroupTable<T extends IGroup>(props: IProps<T>): JSX.Element {
  const trans = useTrans();
  const { page, columns } = props;
  return (
    <div className="jp-mlplat-jobScroll" tabIndex={-1}>
      <table className="jp-mlplat-table jp-mlplat-sweeps" aria-label={props.label}>
        <thead>
          <tr>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('Name')}</th>
            {columns.map(column => (
              <th key={column.title} scope="col">
                {column.title}
              </th>
            ))}
            <th scope="col">{trans.__('Owner')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Actions')}
            </th>
          </tr>
        </thead>
        <tbody>
          {page.items.map(group => (
            <Line key={group.id} group={group} {...props} />
          ))}
        </tbody>
      </table>
      {page.next !== null && <CommandButton command={props.more} />}
    </div>
  );
}

function Line<T extends IGroup>(props: IProps<T> & { readonly group: T }): JSX.Element {
  const { group } = props;
  const { commands } = usePanel();
  const args = { id: group.id };
  const running = group.state === 'running';
  const action = running ? props.cancel(group) : props.again(group);
  return (
    <tr {...{ [`data-${props.kind}`]: group.id }} data-state={group.state}>
      <td>
        <StateBadge state={group.state} />
      </td>
      <th scope="row">
        <button
          type="button"
          className="jp-mlplat-rowName"
          onClick={() => {
            void commands.execute(props.open, args);
          }}
        >
          {group.name} <span className="jp-mlplat-number">{shortId(group.id)}</span>
        </button>
      </th>
      {props.columns.map(column => (
        <td key={column.title}>{column.cell(group)}</td>
      ))}
      <td>{group.owner}</td>
      <td className="jp-mlplat-rowButtons">
        {action && (
          <CommandButton
            command={action.command}
            args={args}
            label={action.label}
            iconOnly
            className={running ? 'jp-mod-cancel' : undefined}
          />
        )}
      </td>
    </tr>
  );
}
