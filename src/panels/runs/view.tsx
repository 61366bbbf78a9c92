/** The view of all runs: a filter, a long table with the columns that matter, and what can be done with those chosen. */

import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { IIdentity } from '../../links';
import { CommandIDs } from '../../tokens';
import { platformIcon } from '../../widgets/icons';
import { Empty, ErrorBox, Loading } from '../../widgets/feedback';
import { TextButton } from '../../widgets/parts';
import { useSelection } from '../../widgets/selection';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, PanelWidget } from '../context';
import { CopyLink } from '../copy-link';
import type { RunList } from '../../model';
import { Bulk } from './bulk';
import { ColumnChooser } from './chooser';
import { Census, type IColumn, visible } from './columns';
import { FilterLine } from './filter-line';
import { linesOf } from './groups';
import { useRows, useRunList } from './listing';
import { Archived, Experiments, GroupBy } from './narrowing';
import { SavedViews } from './saved';
import { ALL_RUNS, type IRunsState, type RunsMemory, stateOf } from './state';
import { RunTable } from './table';

export class RunsView extends PanelWidget {
  constructor(
    context: IPanelContext,
    private readonly _memory: RunsMemory,
    state: IRunsState = ALL_RUNS
  ) {
    super(context);
    this.id = 'jp-mlplat-runs';
    this.addClass('jp-mlplat-view');
    this.addClass('jp-mlplat-jobsView');
    this.title.label = context.trans.__('Runs');
    this.title.caption = context.trans.__('All runs: filter, order, compare');
    this.title.icon = platformIcon;
    this.title.closable = true;
    this._state = state;
    context.model.experiments.demand();
  }

  /** What is shown was chosen anew. */
  readonly stateChanged = new Signal<this, void>(this);

  get state(): IRunsState {
    return this._state;
  }

  /** Shows something else. */
  choose(state: Partial<IRunsState>): void {
    this._state = { ...this._state, ...state };
    this.stateChanged.emit();
    this.update();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openRuns, args: { ...this._state, order: [...this._state.order] } };
  }

  protected content(): JSX.Element {
    return (
      <Runs
        memory={this._memory}
        state={this._state}
        change={state => {
          this.choose(state);
        }}
      />
    );
  }

  private _state: IRunsState;
}

interface IRunsProps {
  readonly memory: RunsMemory;
  readonly state: IRunsState;
  readonly change: (state: Partial<IRunsState>) => void;
}

function Runs({ memory, state, change }: IRunsProps): JSX.Element {
  const trans = useTrans();
  const [, render] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    memory.changed.connect(render);
    return () => {
      memory.changed.disconnect(render);
    };
  }, [memory]);
  const { experiment, filter, order, archived } = state;
  const { list, error, again } = useRunList({ experiment, filter, order, archived });
  // What the server cannot read is told beneath the line; anything else belongs where the list would be.
  const wrong = error !== null && filter !== '' && (error.status === 400 || error.status === 422);
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{trans.__('Runs')}</h1>
          <Experiments experiment={experiment} change={change} />
          <Archived archived={archived} change={change} />
          <div className="jp-mlplat-actions">
            <CopyLink />
            <SavedViews
              memory={memory}
              state={state}
              open={saved => {
                memory.columns = saved.columns;
                change(stateOf(saved));
              }}
            />
          </div>
        </div>
        <FilterLine
          filter={filter}
          error={wrong ? error : null}
          change={next => {
            if (next === filter) {
              again();
            } else {
              change({ filter: next });
            }
          }}
        />
      </header>
      {error !== null && !wrong && <ErrorBox error={error} retry={again} />}
      {list === null ? error === null && <Loading lines={4} /> : <Listed list={list} memory={memory} state={state} change={change} />}
    </>
  );
}

/** The columns there are, in an order in which none that is seen ever moves for one that comes later. */
function useColumns(list: RunList, memory: RunsMemory): { readonly census: Census; readonly all: IColumn[]; readonly columns: IColumn[] } {
  const trans = useTrans();
  const { rows } = useRows(list);
  const census = React.useMemo(() => new Census(), [list]);
  const seen = React.useRef<string[]>([]);
  return React.useMemo(() => {
    census.take(rows);
    const all = census.columns(trans);
    const shown = new Map(visible(all, census, memory.columns).map(column => [column.id, column]));
    const known = new Set(seen.current);
    const kept = seen.current.filter(id => shown.has(id));
    const fresh = [...shown.keys()].filter(id => !known.has(id));
    // Before anything is seen, or after a choice by hand, the natural order is the best one.
    const order = fresh.length > 0 && rows.length > FIRST_ROWS && kept.length > 0 ? [...kept, ...fresh] : [...shown.keys()];
    seen.current = order;
    return { census, all, columns: order.flatMap(id => shown.get(id) ?? []) };
  }, [rows, census, memory.columns, trans]);
}

/** As long as the list is no longer than this nobody has read far in it. */
const FIRST_ROWS = 100;

const NOTHING: ReadonlySet<string> = new Set();

function Listed({ list, memory, state, change }: IRunsProps & { readonly list: RunList }): JSX.Element {
  const shown = useRows(list);
  const { census, all, columns } = useColumns(list, memory);
  const [folded, setFolded] = React.useState(NOTHING);
  const by = all.find(column => column.id === state.group) ?? null;
  const lines = React.useMemo(() => linesOf(shown.rows, by, folded), [shown.rows, by?.id, folded]);
  const ids = React.useMemo(() => lines.flatMap(line => (line.kind === 'run' ? [line.id] : [])), [lines]);
  const selection = useSelection(ids, list);
  if (shown.rows.length === 0 && shown.complete) {
    return <Nothing state={state} change={change} />;
  }
  return (
    <>
      <div className="jp-mlplat-runTools">
        <Bulk list={list} shown={shown} selection={selection} />
        <GroupBy all={all} group={by?.id ?? null} change={change} />
        <ColumnChooser
          all={all}
          visible={columns}
          census={census}
          choice={memory.columns}
          change={choice => {
            memory.columns = choice;
          }}
        />
      </div>
      <RunTable
        list={list}
        shown={shown}
        lines={lines}
        columns={columns}
        selection={selection}
        by={by}
        fold={group => {
          setFolded(last => {
            const next = new Set(last);
            if (!next.delete(group)) {
              next.add(group);
            }
            return next;
          });
        }}
        order={state.order}
        sort={order => {
          change({ order });
        }}
      />
      {shown.error && (
        <ErrorBox
          error={shown.error}
          retry={() => {
            void list.more();
          }}
        />
      )}
    </>
  );
}

function Nothing({ state, change }: Pick<IRunsProps, 'state' | 'change'>): JSX.Element {
  const trans = useTrans();
  if (state.archived && state.filter === '') {
    return <Empty title={trans.__('Nothing is archived. Archived runs wait here until you restore them or delete them for good.')} />;
  }
  return state.filter !== '' || state.experiment !== null ? (
    <Empty title={trans.__('No run fits.')}>
      <TextButton
        label={trans.__('Show all runs')}
        onClick={() => {
          change({ filter: '', experiment: null });
        }}
      />
    </Empty>
  ) : (
    <Empty title={trans.__('No runs yet. Every job is a run, and so is whatever logs to MLflow.')}>
      <code className="jp-mlplat-teach">mlflow.log_metric(&quot;loss&quot;, 0.1)</code>
    </Empty>
  );
}
