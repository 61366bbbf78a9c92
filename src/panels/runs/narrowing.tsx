/** Of which runs the list is, and what they are grouped by. */

import * as React from 'react';
import type { Experiment, Page } from '../../types';
import { useTrans } from '../../widgets/trans';
import { usePanel, useResource } from '../context';
import { type IColumn, isSystem } from './columns';
import type { IRunsState } from './state';

interface IChange {
  readonly change: (state: Partial<IRunsState>) => void;
}

export function Experiments({ experiment, change }: IChange & { readonly experiment: string | null }): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const names = (useResource<Page<Experiment>>(model.experiments).data?.items ?? []).map(each => each.name);
  return (
    <label className="jp-mlplat-labelled">
      {trans.__('Experiment')}
      <select
        value={experiment ?? ''}
        onChange={event => {
          change({ experiment: event.target.value || null });
        }}
      >
        <option value="">{trans.__('All')}</option>
        {experiment !== null && !names.includes(experiment) && <option value={experiment}>{experiment.slice(0, 100)}</option>}
        {names.map(name => (
          <option key={name} value={name}>
            {name.slice(0, 100)}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Archived({ archived, change }: IChange & { readonly archived: boolean }): JSX.Element {
  const trans = useTrans();
  return (
    <label className="jp-mlplat-tick">
      <input
        type="checkbox"
        role="switch"
        checked={archived}
        onChange={event => {
          change({ archived: event.target.checked });
        }}
      />
      {trans.__('Archived')}
    </label>
  );
}

interface IGroupByProps extends IChange {
  readonly all: ReadonlyArray<IColumn>;
  readonly group: string | null;
}

export function GroupBy({ all, group, change }: IGroupByProps): JSX.Element {
  const trans = useTrans();
  const usable = all.filter(column => (column.kind === 'params' || column.kind === 'tags') && (!isSystem(column) || column.id === group));
  const options = (kind: string): JSX.Element[] =>
    usable
      .filter(column => column.kind === kind)
      .map(column => (
        <option key={column.id} value={column.id}>
          {column.title.slice(0, 100)}
        </option>
      ));
  return (
    <label className="jp-mlplat-labelled">
      {trans.__('Group by')}
      <select
        value={group ?? ''}
        onChange={event => {
          change({ group: event.target.value || null });
        }}
      >
        <option value="">{trans.__('nothing')}</option>
        <optgroup label={trans.__('Parameters')}>{options('params')}</optgroup>
        <optgroup label={trans.__('Tags')}>{options('tags')}</optgroup>
      </select>
    </label>
  );
}
