/** The columns of the table of runs: attributes, and whatever the runs logged. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Run } from '../../types';
import { number } from '../../widgets/format';

export type Kind = 'attributes' | 'params' | 'metrics' | 'tags';

export interface IColumn {
  /** "metrics.auc" */
  readonly id: string;
  readonly kind: Kind;
  readonly key: string;
  readonly title: string;
  /** What the server orders by; null where it cannot. */
  readonly order: string | null;
}

/** Which columns are shown: what differs or all, and what was chosen by hand. */
export interface IShown {
  readonly differing: boolean;
  readonly shown: ReadonlyArray<string>;
  readonly hidden: ReadonlyArray<string>;
}

export const DIFFERING: IShown = { differing: true, shown: [], hidden: [] };

/** More columns than this are shown only where somebody asks for them. */
const MOST = 40;

/** Attributes behind the name, and what the server calls them. */
const ATTRIBUTES: ReadonlyArray<readonly [string, string | null]> = [
  ['status', 'attributes.status'],
  ['started', 'attributes.start_time'],
  ['took', null],
  ['experiment', null],
  ['owner', 'tags.`mlflow.user`']
];

/** Those that are shown even where they do not differ. */
const ALWAYS: ReadonlySet<string> = new Set(['status', 'started', 'took']);

/** The column of the name, which is always there. */
export const NAME_ORDER = 'attributes.run_name';

/** A key as MLflow's syntax takes it. */
export function fieldOf(kind: Kind, key: string): string {
  return `${kind}.${/^[A-Za-z_]\w*$/.test(key) ? key : key.includes('`') ? `"${key}"` : `\`${key}\``}`;
}

/** The values of one kind that a run has. */
function valuesOf(run: Run, kind: Kind): Readonly<Record<string, string | number | null>> {
  return kind === 'params' ? run.parameters : kind === 'metrics' ? run.metrics : kind === 'tags' ? run.tags : {};
}

/** The value of a run in a column; undefined where it has none. */
export function valueOf(run: Run, column: Pick<IColumn, 'kind' | 'key'>): string | number | null | undefined {
  if (column.kind === 'attributes') {
    switch (column.key) {
      case 'status':
        return run.status;
      case 'experiment':
        return run.experiment;
      case 'owner':
        return run.owner ?? undefined;
      case 'started':
        return run.started_at ?? undefined;
      case 'took':
        return tookOf(run) ?? undefined;
      default:
        return run.name;
    }
  }
  const values = valuesOf(run, column.kind);
  return Object.hasOwn(values, column.key) ? values[column.key] : undefined;
}

/** Seconds from its start to its end; null while it runs. */
export function tookOf(run: Run): number | null {
  return run.started_at === null || run.ended_at === null ? null : (Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000;
}

/** A value as text; what is not finite says so. */
export function valueText(value: string | number | null | undefined): string {
  return value === undefined ? '' : value === null ? 'NaN' : typeof value === 'number' ? number(value) : value;
}

/** MLflow's own tags, and ours; what was measured of the machine: shown only where they are chosen. */
export function isSystem(column: Pick<IColumn, 'kind' | 'key'>): boolean {
  return column.kind === 'tags' ? /^(mlflow|mlplat)\./.test(column.key) : column.kind === 'metrics' && column.key.startsWith('system/');
}

interface ICount {
  readonly kind: Kind;
  readonly key: string;
  readonly first: string | number | null;
  count: number;
  differs: boolean;
}

/** Which keys some runs have, and which of them differ; runs that come behind cost only themselves. */
export class Census {
  /** Counts `rows`, which often begin with what was counted before. */
  take(rows: ReadonlyArray<Run>): void {
    const more = this._rows.length <= rows.length && this._rows.every((run, index) => run === rows[index]);
    if (!more) {
      this._counts.clear();
    }
    for (const run of more ? rows.slice(this._rows.length) : rows) {
      this._note('attributes', 'experiment', run.experiment);
      this._note('attributes', 'owner', run.owner);
      for (const kind of ['params', 'metrics', 'tags'] as const) {
        for (const [key, value] of Object.entries(valuesOf(run, kind))) {
          this._note(kind, key, value);
        }
      }
    }
    this._rows = rows;
  }

  differs(id: string): boolean {
    const found = this._counts.get(id);
    return found !== undefined && (found.differs || found.count < this._rows.length);
  }

  /** Every column there could be, attributes first, then by kind and name. */
  columns(trans: TranslationBundle): IColumn[] {
    const words: Readonly<Record<string, string>> = {
      status: trans.__('Status'),
      started: trans.__('Started'),
      took: trans.__('Took'),
      experiment: trans.__('Experiment'),
      owner: trans.__('Owner')
    };
    const attributes = ATTRIBUTES.map(([key, order]) => ({ id: `attributes.${key}`, kind: 'attributes' as const, key, title: words[key], order }));
    const order: Readonly<Record<Kind, number>> = { attributes: 0, params: 1, metrics: 2, tags: 3 };
    const logged = [...this._counts.entries()]
      .filter(([, { kind }]) => kind !== 'attributes')
      .map(([id, { kind, key }]) => ({ id, kind, key, title: key, order: fieldOf(kind, key) }))
      .sort((one, other) => order[one.kind] - order[other.kind] || one.key.localeCompare(other.key, undefined, { numeric: true }));
    return [...attributes, ...logged];
  }

  private _note(kind: Kind, key: string, value: string | number | null): void {
    const id = `${kind}.${key}`;
    const found = this._counts.get(id);
    if (found === undefined) {
      this._counts.set(id, { kind, key, first: value, count: 1, differs: false });
    } else {
      found.count += 1;
      found.differs ||= found.first !== value;
    }
  }

  private readonly _counts = new Map<string, ICount>();
  private _rows: ReadonlyArray<Run> = [];
}

/** Those of `all` that are shown. */
export function visible(all: ReadonlyArray<IColumn>, census: Census, choice: IShown): IColumn[] {
  const shown = new Set(choice.shown);
  const hidden = new Set(choice.hidden);
  let room = MOST;
  return all.filter(column => {
    if (shown.has(column.id) || hidden.has(column.id)) {
      return shown.has(column.id);
    }
    const always = column.kind === 'attributes' && ALWAYS.has(column.key);
    const wanted = always || (!isSystem(column) && (!choice.differing || census.differs(column.id)));
    return wanted && (column.kind === 'attributes' || room-- > 0);
  });
}

/** The choice after a column was switched on or off by hand. */
export function switched(choice: IShown, id: string, on: boolean): IShown {
  const without = (list: ReadonlyArray<string>): string[] => list.filter(each => each !== id);
  return {
    ...choice,
    shown: on ? [...without(choice.shown), id] : without(choice.shown),
    hidden: on ? without(choice.hidden) : [...without(choice.hidden), id]
  };
}
