/** The section Jobs: what runs, what waits, how the last ones ended. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { ended } from '../model';
import { CommandIDs } from '../tokens';
import type { Job, Page } from '../types';
import { Empty } from '../widgets/feedback';
import { duration, number } from '../widgets/format';
import { Progress } from '../widgets/parts';
import { StateIcon, stateTone, stateWord } from '../widgets/state';
import { Elapsed, RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, Show, usePanel } from './context';
import { Waiting } from './queue';
import { NextScheduled } from './schedules/next';
import { Section } from './section';

export class JobsSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'jobs', label: context.trans.__('Jobs') });
    this.follow(context.model.jobs);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const jobs = model.jobs.data?.items ?? [];
    const running = jobs.filter(job => job.state === 'running' || job.state === 'starting').length;
    const queued = jobs.filter(job => job.state === 'queued').length;
    return [running ? trans.__('%1 running', running) : '', queued ? trans.__('%1 queued', queued) : '']
      .filter(Boolean)
      .join(' · ');
  }

  demand(): void {
    this.context.model.jobs.demand();
    this.context.model.schedules.demand();
  }

  protected content(): JSX.Element {
    return (
      <>
        <NextScheduled />
        <Show resource={this.context.model.jobs}>{page => <JobList page={page} />}</Show>
      </>
    );
  }
}

function JobList(props: { readonly page: Page<Job> }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  if (props.page.items.length === 0) {
    return (
      <Empty title={trans.__('No jobs yet. A job runs a notebook from top to bottom, and goes on when you leave.')}>
        {commands.isEnabled(CommandIDs.runNotebook) ? (
          <CommandButton command={CommandIDs.runNotebook} label={trans.__('Run this notebook as a job')} primary />
        ) : (
          <p className="jp-mlplat-hint">{trans.__('Open a notebook, then press “Run as job” in its toolbar.')}</p>
        )}
      </Empty>
    );
  }
  return (
    <>
      <ul className="jp-mlplat-list" aria-label={trans.__('Jobs')}>
        {props.page.items.map(job => (
          <JobRow key={job.id} job={job} />
        ))}
      </ul>
      {props.page.next !== null && <CommandButton command={CommandIDs.moreJobs} />}
    </>
  );
}

function JobRow(props: { readonly job: Job }): JSX.Element {
  const { job } = props;
  const trans = useTrans();
  const { commands } = usePanel();
  const trouble = job.state === 'failed' || job.state === 'lost' ? jobHeadline(job, trans) : '';
  const waits = job.state === 'queued' && !job.cancel_requested;
  const word = job.cancel_requested && !ended(job) ? trans.__('Cancelling') : stateWord(job.state, trans);
  return (
    <li className="jp-mlplat-row" data-state={job.state} data-job={job.id}>
      <StateIcon state={job.state} />
      <div className="jp-mlplat-rowMain">
        <button
          type="button"
          className="jp-mlplat-rowName"
          title={trans.__('Open the executed notebook of %1', job.name)}
          onClick={() => {
            void commands.execute(CommandIDs.openJob, { id: job.id });
          }}
        >
          {job.name} <span className="jp-mlplat-number">{shortId(job.id)}</span>
        </button>
        <div className="jp-mlplat-rowDetail">
          <span className="jp-mlplat-word" data-tone={stateTone(job.state)}>
            {waits && (job.position !== null || job.failures > 0) ? <Waiting job={job} /> : word}
          </span>
          <JobDetail job={job} />
        </div>
        {trouble && (
          <p className="jp-mlplat-rowMessage" title={job.message ?? trouble}>
            {trouble}
          </p>
        )}
      </div>
      {!ended(job) && (
        <CommandButton command={CommandIDs.cancelJob} args={{ id: job.id, name: job.name }} iconOnly className="jp-mod-cancel" />
      )}
    </li>
  );
}

function JobDetail(props: { readonly job: Job }): JSX.Element | null {
  const { job } = props;
  const trans = useTrans();
  if (job.state === 'running' || job.state === 'starting') {
    return (
      <>
        {job.cells_total > 0 && (
          <>
            <Progress
              value={job.cells_done}
              of={job.cells_total}
              label={trans.__('%1 of %2 cells of %3', job.cells_done, job.cells_total, job.name)}
            />
            <span>
              {job.cells_done}/{job.cells_total}
            </span>
          </>
        )}
        {job.started_at && <Elapsed since={job.started_at} />}
      </>
    );
  }
  const headline = job.state === 'succeeded' ? jobHeadline(job, trans) : '';
  return (
    <>
      {ended(job) && <RelativeTime time={job.ended_at ?? job.submitted_at} />}
      {headline && (
        <span className="jp-mlplat-rowMetric" title={headline}>
          {headline}
        </span>
      )}
    </>
  );
}

/** "#41" for the short ids that people can say; nothing for long ones. */
export function shortId(id: string): string {
  return id.length <= 8 ? `#${id}` : '';
}

/** What matters most about a job that has ended: its metric, or what went wrong. */
export function jobHeadline(job: Job, trans: TranslationBundle): string {
  if (job.state === 'failed' || job.state === 'lost') {
    return (job.message ?? reasonWords(job, trans)).split('\n')[0];
  }
  return Object.entries(job.metric)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(' · ');
}

/** The reason of a job in words. */
export function reasonWords(job: Pick<Job, 'reason' | 'timeout'>, trans: TranslationBundle): string {
  switch (job.reason) {
    case 'cell_error':
      return trans.__('A cell raised an error.');
    case 'kernel_died':
      return trans.__('The kernel died.');
    case 'out_of_memory':
      return trans.__('It ran out of memory.');
    case 'timeout':
      return job.timeout ? trans.__('It took longer than %1.', duration(job.timeout)) : trans.__('It took too long.');
    case 'deadline':
      return trans.__('Its deadline passed.');
    case 'cancelled':
      return trans.__('It was cancelled.');
    case 'replaced':
      return trans.__('A newer one replaced it.');
    case 'preempted':
      return trans.__('Something more important took its place.');
    case 'pruned':
      return trans.__('It was pruned as not promising.');
    case 'worker_lost':
      return trans.__('The process that ran it disappeared.');
    case 'bad_input':
      return trans.__('Its input could not be used.');
    case 'backend_unavailable':
      return trans.__('No backend could run it.');
    case null:
      return '';
  }
}

/**
 * A job's notebook relative to the server's root, as `POST /jobs` takes it; null when it is outside.
 * `root` may be written with a leading "~", as the page's configuration does.
 */
export function relativeNotebook(notebook: string, root: string): string | null {
  const clean = root.replace(/\/+$/, '');
  if (clean.startsWith('~')) {
    const tail = `${clean.slice(1)}/`;
    const home = /^(\/root|\/home\/[^/]+|\/Users\/[^/]+)(?=\/)/.exec(notebook)?.[0];
    return home !== undefined && notebook.startsWith(home + tail) ? notebook.slice(home.length + tail.length) : null;
  }
  return notebook.startsWith(`${clean}/`) ? notebook.slice(clean.length + 1) : null;
}
