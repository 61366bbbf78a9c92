/** The head of a job's view: its state in words, its facts, its cells, and the tabs of what is below. */

import type * as nbformat from '@jupyterlab/nbformat';
import * as React from 'react';
import { ended, type IJobView } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job } from '../../types';
import { Empty, ErrorBox } from '../../widgets/feedback';
import { bytes, duration, moment, number, short } from '../../widgets/format';
import { Copyable, Facts, Tabs } from '../../widgets/parts';
import { StateBadge, stateTone } from '../../widgets/state';
import { Ahead, Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel, useResource } from '../context';
import { reasonWords, shortId } from '../jobs/words';
import { Waiting } from '../queue';
import { CellStrip } from './cells';

export type Tab = 'notebook' | 'log' | 'cells' | 'attempts';

interface IHeadActions {
  readonly choose: (tab: Tab) => void;
  readonly reveal: (index: number) => void;
}

export class HeadWidget extends PanelWidget {
  constructor(context: IPanelContext, private readonly _view: IJobView, private readonly _actions: IHeadActions) {
    super(context);
    this.addClass('jp-mlplat-jobHead');
  }

  /** Marks a tab as chosen. */
  setTab(tab: Tab): void {
    this._tab = tab;
    this.update();
  }

  protected content(): JSX.Element {
    return (
      <Show resource={this._view.job}>
        {job => (
          <Head
            job={job}
            view={this._view}
            tab={this._tab}
            choose={tab => {
              this.setTab(tab);
              this._actions.choose(tab);
            }}
            reveal={this._actions.reveal}
          />
        )}
      </Show>
    );
  }

  private _tab: Tab = 'notebook';
}

function Head(props: {
  readonly job: Job;
  readonly view: IJobView;
  readonly tab: Tab;
  readonly choose: (tab: Tab) => void;
  readonly reveal: (index: number) => void;
}): JSX.Element {
  const { job } = props;
  const trans = useTrans();
  const notebook = useResource<nbformat.INotebookContent>(props.view.notebook);
  const parameters = Object.entries(job.parameters);
  const done = ended(job);
  const words = job.message ?? reasonWords(job, trans);
  const tabs: ReadonlyArray<{ readonly id: Tab; readonly label: string }> = [
    { id: 'notebook', label: trans.__('Executed notebook') },
    { id: 'log', label: trans.__('Log') },
    { id: 'cells', label: trans.__('Cells') },
    ...(job.attempts.length > 1 ? [{ id: 'attempts' as const, label: trans.__('Attempts (%1)', job.attempts.length) }] : [])
  ];
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>
            {job.name} <span className="jp-mlplat-number">{shortId(job.id)}</span>
          </h1>
          <StateBadge state={job.state} word={job.cancel_requested && !done ? trans.__('Cancelling') : undefined} />
          {job.state === 'queued' && (
            <span className="jp-mlplat-hint">
              <Waiting job={job} />
            </span>
          )}
          {job.state !== 'queued' && !done && job.started_at && <Elapsed since={job.started_at} />}
          <div className="jp-mlplat-actions">
            {!done && <CommandButton command={CommandIDs.cancelJob} args={{ id: job.id, name: job.name }} label={trans.__('Cancel')} />}
            {done && <CommandButton command={CommandIDs.rerunJob} args={{ id: job.id }} />}
            {done && <CommandButton command={CommandIDs.deleteJob} args={{ id: job.id }} label={trans.__('Delete')} />}
            {job.state === 'succeeded' && job.run_id && (
              <CommandButton command={CommandIDs.deployModel} args={{ run_id: job.run_id }} primary />
            )}
          </div>
        </div>
        {words && done && job.state !== 'succeeded' && (
          <p className="jp-mlplat-reason" data-tone={stateTone(job.state)} role="status">
            {words}
          </p>
        )}
        <JobFacts job={job} />
        {parameters.length > 0 && (
          <ul className="jp-mlplat-chips" aria-label={trans.__('Parameters')}>
            {parameters.map(([name, value]) => (
              <li key={name}>
                {name} = <code>{short(value)}</code>
              </li>
            ))}
          </ul>
        )}
      </header>
      <CellStrip cells={job.cells} reveal={props.reveal} />
      <Tabs
        label={trans.__('Views of the job')}
        tabs={tabs}
        chosen={props.tab}
        choose={id => {
          props.choose(tabs.find(tab => tab.id === id)?.id ?? 'notebook');
        }}
      />
      {props.tab === 'notebook' &&
        notebook.data === null &&
        notebook.error &&
        (notebook.error.status === 404 ? (
          <Empty title={trans.__('The notebook appears here as soon as the job runs.')} />
        ) : (
          <ErrorBox error={notebook.error} />
        ))}
    </>
  );
}

/** A link to another of our views. */
function Link(props: { readonly command: string; readonly id: string; readonly words: string }): JSX.Element {
  const { commands } = usePanel();
  return (
    <button
      type="button"
      className="jp-mlplat-link"
      onClick={() => {
        void commands.execute(props.command, { id: props.id });
      }}
    >
      {props.words}
    </button>
  );
}

function JobFacts({ job }: { readonly job: Job }): JSX.Element {
  const trans = useTrans();
  const peak = Math.max(0, ...job.attempts.map(each => each.peak_rss ?? 0), ...job.cells.map(each => each.peak_rss ?? 0));
  const attempt = job.retries > 0 ? trans.__('%1 of at most %2', job.attempt, job.retries + 1) : String(job.attempt);
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('Notebook'), <code key="nb">{job.notebook.split('/').pop()}</code>],
    job.attempt > 0 && [trans.__('Attempt'), attempt],
    [trans.__('Submitted'), <RelativeTime key="t" time={job.submitted_at} />],
    job.started_at !== null &&
      job.ended_at !== null && [trans.__('Took'), duration((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000)],
    peak > 0 && [trans.__('Memory peak'), bytes(peak)],
    job.deadline_at !== null && !ended(job) && [trans.__('Deadline'), <Ahead key="d" time={job.deadline_at} />],
    job.schedule_id !== null && [
      trans.__('Schedule'),
      <Link
        key="s"
        command={CommandIDs.openSchedules}
        id={job.schedule_id}
        words={job.scheduled_for ? trans.__('for %1', moment(job.scheduled_for)) : trans.__('Open')}
      />
    ],
    job.retry_of !== null && [
      trans.__('Runs again'),
      <Link key="r" command={CommandIDs.openJob} id={job.retry_of} words={shortId(job.retry_of) || trans.__('Open')} />
    ],
    ...Object.entries(job.metric).map(([name, value]) => [name, <b key={name}>{number(value)}</b>] as const),
    [trans.__('Job'), <Copyable key="id" text={job.id} shown={job.id.slice(0, 12)} label={trans.__('job id')} />],
    job.run_id !== null && [
      trans.__('Run'),
      <span key="run" className="jp-mlplat-inline">
        <Link command={CommandIDs.openRun} id={job.run_id} words={trans.__('Open')} />
        <Copyable text={job.run_id} shown={job.run_id.slice(0, 12)} label={trans.__('run id')} />
      </span>
    ]
  ];
  return <Facts rows={rows.filter(row => row !== false)} />;
}
