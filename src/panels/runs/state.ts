/** What the view of runs shows, as links, saved views and the state database hold it. */

import type { IStateDB } from '@jupyterlab/statedb';
import type { JSONValue } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import { isRecord } from '../../http';
import { DIFFERING, type IShown } from './columns';

export interface IRunsState {
  /** Name of the experiment; null for all. */
  readonly experiment: string | null;
  readonly filter: string;
  /** Like "metrics.auc DESC". */
  readonly order: ReadonlyArray<string>;
  readonly archived: boolean;
  /** The column that runs are grouped by, like "params.model"; null for none. */
  readonly group: string | null;
}

export const ALL_RUNS: IRunsState = { experiment: null, filter: '', order: [], archived: false, group: null };

/** A view under a name. */
export interface ISavedView extends IRunsState {
  readonly name: string;
  readonly columns: IShown;
}

const KEY = 'jupyter-mlplat:runs';

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : [];
}

function shownOf(value: unknown): IShown {
  return isRecord(value) ? { differing: value.differing !== false, shown: texts(value.shown), hidden: texts(value.hidden) } : DIFFERING;
}

/** What is known of a state; what is missing is as it is at first. */
export function stateOf(value: unknown): IRunsState {
  if (!isRecord(value)) {
    return ALL_RUNS;
  }
  const text = (name: string): string | null => (typeof value[name] === 'string' && value[name] !== '' ? value[name] : null);
  return {
    experiment: text('experiment'),
    filter: text('filter') ?? '',
    order: texts(value.order),
    archived: value.archived === true,
    group: text('group')
  };
}

/** The columns and the saved views of this person; one for all views of a page. */
export class RunsMemory {
  constructor(private readonly _state: IStateDB | null) {
    void this._recall();
  }

  readonly changed = new Signal<this, void>(this);

  get columns(): IShown {
    return this._columns;
  }

  set columns(columns: IShown) {
    this._columns = columns;
    this._save();
  }

  get views(): ReadonlyArray<ISavedView> {
    return this._views;
  }

  /** Keeps a view; another one of that name is replaced. */
  keep(view: ISavedView): void {
    this._views = [...this._views.filter(each => each.name !== view.name), view].sort((one, other) => one.name.localeCompare(other.name));
    this._save();
  }

  rename(from: string, to: string): void {
    const view = this._views.find(each => each.name === from);
    if (view && from !== to) {
      this._views = this._views.filter(each => each !== view);
      this.keep({ ...view, name: to });
    }
  }

  forget(name: string): void {
    this._views = this._views.filter(each => each.name !== name);
    this._save();
  }

  private async _recall(): Promise<void> {
    const saved: unknown = await this._state?.fetch(KEY);
    if (isRecord(saved) && !this._touched) {
      this._columns = shownOf(saved.columns);
      this._views = (Array.isArray(saved.views) ? saved.views : []).filter(isRecord).map(each => ({
        ...stateOf(each),
        name: String(each.name),
        columns: shownOf(each.columns)
      }));
      this.changed.emit();
    }
  }

  private _save(): void {
    this._touched = true;
    this.changed.emit();
    void this._state?.save(KEY, { columns: this._columns, views: this._views } as unknown as JSONValue as never);
  }

  private _columns: IShown = DIFFERING;
  private _views: ReadonlyArray<ISavedView> = [];
  private _touched = false;
}
