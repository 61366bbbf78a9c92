/** The view of all jobs, sweeps and pipelines: filters, a long table, and what can be done with the rows that are chosen. */

import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { IIdentity } from '../../links';
import { ended, type JobList } from '../../model';
import { CommandIDs } from '../../tokens';
import { Empty, ErrorBox, Loading } from '../../widgets/feedback';
import { jobsIcon } from '../../widgets/icons';
import { Tabs, TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel, useResource } from '../context';
import { CopyLink } from '../copy-link';
import { filterOf, Filters, type IFilters, narrowed, NO_FILTERS } from './filters';
import { useSelection } from '../../widgets/selection';
import { PipelineList } from './pipelines';
import { SweepList } from './sweeps';
import { JobTable } from './table';

/** What can be listed. */
export const LISTS = ['jobs', 'sweeps', 'pipelines'] as const;
export type ListName = (typeof LISTS)[number];

/** What the view shows, as it is remembered. */
export interface IJobsState extends IFilters {
  readonly list: ListName;
}

export class JobsView extends PanelWidget {
  constructor(context: IPanelContext, state: Partial<IJobsState> = {}) {
    super(context);
    this.id = 'jp-mlplat-jobs';
    this.addClass('jp-mlplat-view');
    this.addClass('jp-mlplat-jobsView');
    this.title.label = context.trans.__('Jobs');
    this.title.caption = context.trans.__('All jobs, sweeps and pipelines');
    this.title.icon = jobsIcon;
    this.title.closable = true;
    this._state = { ...NO_FILTERS, list: 'jobs', ...state };
    context.model.sweeps.demand();
    context.model.pipelines.demand();
    context.model.status.demand();
  }

  /** What is shown was chosen anew. */
  readonly stateChanged = new Signal<this, void>(this);

  get state(): IJobsState {
    return this._state;
  }

  /** Shows something else. */
  choose(state: Partial<IJobsState>): void {
    this._state = { ...this._state, ...state };
    this.stateChanged.emit();
    this.update();
  }

  override get identity(): IIdentity {
    const { groups, ...rest } = this._state;
    return { command: CommandIDs.openJobs, args: { ...rest, states: groups.join(',') } };
  }

  protected content(): JSX.Element {
    return (
      <Jobs
        state={this._state}
        change={state => {
          this.choose(state);
        }}
      />
    );
  }

  private _state: IJobsState;
}

interface IJobsProps {
  readonly state: IJobsState;
  readonly change: (state: Partial<IJobsState>) => void;
}

function Jobs({ state, change }: IJobsProps): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const words: Readonly<Record<ListName, string>> = {
    jobs: trans.__('Jobs'),
    sweeps: trans.__('Sweeps'),
    pipelines: trans.__('Pipelines')
  };
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{words[state.list]}</h1>
          <Tabs
            label={trans.__('What is listed')}
            tabs={LISTS.map(id => ({ id, label: words[id] }))}
            chosen={state.list}
            choose={id => {
              change({ list: LISTS.find(list => list === id) });
            }}
          />
          <div className="jp-mlplat-actions">
            <CopyLink />
          </div>
        </div>
        {state.list === 'jobs' && <Filters filters={state} change={change} />}
      </header>
      {state.list === 'jobs' && <FilteredJobs state={state} change={change} />}
      {state.list === 'pipelines' && (
        <Show resource={model.pipelines} lines={4}>
          {page => <PipelineList page={page} />}
        </Show>
      )}
      {state.list === 'sweeps' && (
        <Show resource={model.sweeps} lines={4}>
          {page => <SweepList page={page} />}
        </Show>
      )}
    </>
  );
}

/** The list that the filters name; the one before stays until the next one is there. */
function useJobList(filters: IFilters): JobList | null {
  const { model } = usePanel();
  const owner = useResource(model.status).data?.owner ?? null;
  const filter = filterOf(filters, owner);
  const key = JSON.stringify(filter);
  const unknown = filters.mine && owner === null;
  const [list, setList] = React.useState<JobList | null>(null);
  React.useEffect(() => {
    if (unknown) {
      return;
    }
    const next = model.listJobs(filter);
    const ready = (): void => {
      if (next.snapshot.phase !== 'loading') {
        next.changed.disconnect(ready);
        setList(last => {
          if (last !== next) {
            last?.dispose();
          }
          return next;
        });
      }
    };
    next.changed.connect(ready);
    return () => {
      next.changed.disconnect(ready);
      if (next.snapshot.phase === 'loading' && next.snapshot.rows.length === 0) {
        next.dispose();
      }
    };
  }, [model, key, unknown]);
  const shown = React.useRef<JobList | null>(null);
  shown.current = list;
  React.useEffect(() => () => shown.current?.dispose(), []);
  return list;
}

function FilteredJobs({ state, change }: IJobsProps): JSX.Element {
  const list = useJobList(state);
  return list === null ? <Loading lines={4} /> : <Listed list={list} state={state} change={change} />;
}

function Listed({ list, state, change }: IJobsProps & { readonly list: JobList }): JSX.Element {
  const trans = useTrans();
  const shown = React.useSyncExternalStore(
    React.useCallback(
      notify => {
        list.changed.connect(notify);
        return () => {
          list.changed.disconnect(notify);
        };
      },
      [list]
    ),
    () => list.snapshot
  );
  const ids = React.useMemo(() => shown.rows.map(job => job.id), [shown.rows]);
  const selection = useSelection(ids, list);
  const chosen = selection.chosen.size > 0 ? shown.rows.filter(job => selection.chosen.has(job.id)) : [];
  const living = chosen.filter(job => !ended(job)).map(job => job.id);
  const past = chosen.filter(ended).map(job => job.id);
  const coming = shown.arrived + shown.left.size;
  if (shown.rows.length === 0 && shown.phase === 'ready') {
    return <Nothing state={state} change={change} />;
  }
  return (
    <>
      <div className="jp-mlplat-bulk" role="toolbar" aria-label={trans.__('Selected jobs')}>
        <span aria-live="polite">
          {chosen.length > 0
            ? trans._n('%1 selected', '%1 selected', chosen.length)
            : shown.complete
              ? trans._n('%1 job', '%1 jobs', shown.rows.length)
              : trans.__('the newest %1 jobs; more as you scroll', shown.rows.length)}
        </span>
        {living.length > 0 && <CommandButton command={CommandIDs.cancelJobs} args={{ ids: living }} label={trans.__('Cancel %1', living.length)} />}
        {past.length > 0 && <CommandButton command={CommandIDs.rerunJobs} args={{ ids: past }} label={trans.__('Run %1 again', past.length)} />}
        {past.length > 0 && <CommandButton command={CommandIDs.deleteJobs} args={{ ids: past }} label={trans.__('Delete %1', past.length)} />}
        {chosen.length > 0 && <TextButton label={trans.__('Clear selection')} onClick={selection.clear} />}
        {coming > 0 && (
          <span className="jp-mlplat-coming">
            <TextButton
              label={trans._n('%1 change ▴', '%1 changes ▴', coming)}
              title={trans.__('Rows that come or go wait while the pointer or the focus is in the list')}
              onClick={() => {
                list.admit();
              }}
            />
          </span>
        )}
      </div>
      <JobTable list={list} shown={shown} selection={selection} />
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

function Nothing({ state, change }: IJobsProps): JSX.Element {
  const trans = useTrans();
  return narrowed(state) ? (
    <Empty title={trans.__('No job fits.')}>
      <TextButton
        label={trans.__('Show all jobs')}
        onClick={() => {
          change(NO_FILTERS);
        }}
      />
    </Empty>
  ) : (
    <Empty title={trans.__('No jobs yet. A job runs a notebook from top to bottom, and goes on when you leave.')}>
      <p className="jp-mlplat-hint">{trans.__('Open a notebook, then press “Run as job” in its toolbar.')}</p>
    </Empty>
  );
}
