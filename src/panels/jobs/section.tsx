/** The section Jobs: what runs, what waits, how the last ones ended. */

import * as React from 'react';
import { ended } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job, Page, Pipeline, Sweep } from '../../types';
import { Empty } from '../../widgets/feedback';
import { Progress } from '../../widgets/parts';
import { StateIcon, stateTone, stateWord } from '../../widgets/state';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, Show, usePanel, useResource } from '../context';
import { PipelineRow } from '../pipeline/row';
import { Waiting } from '../queue';
import { NextScheduled } from '../schedules/next';
import { Section } from '../section';
import { SweepRow } from '../sweep/row';
import { counted, figuresOf } from './figures';
import { jobHeadline, leavingWord, shortId } from './words';

export class JobsSection extends Section {
  constructor(context: IPanelContext) {
    const { trans } = context;
    super(context, {
      name: 'jobs',
      label: trans.__('Jobs'),
      opens: { command: CommandIDs.openJobs, label: trans.__('Open all jobs, sweeps and pipelines') }
    });
    counted(context.model).forEach(resource => {
      this.follow(resource);
    });
  }

  get summary(): string {
    const { model, trans } = this.context;
    const { running, queued } = figuresOf(model);
    return [running ? trans.__('%1 running', running) : '', queued ? trans.__('%1 queued', queued) : '']
      .filter(Boolean)
      .join(' · ');
  }

  demand(): void {
    const { model } = this.context;
    model.jobs.demand();
    model.sweeps.demand();
    model.pipelines.demand();
    model.schedules.demand();
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

interface ILine {
  readonly time: number;
  readonly key: string;
  readonly row: JSX.Element;
}

/** Jobs, sweeps and pipelines, the newest first; what is older than the oldest job that is listed waits for "more". */
function linesOf(jobs: Page<Job>, sweeps: ReadonlyArray<Sweep>, pipelines: ReadonlyArray<Pipeline>): ILine[] {
  const oldest = jobs.next === null ? -Infinity : Date.parse(jobs.items.at(-1)?.submitted_at ?? '');
  const fits = ({ state, created_at: made }: Sweep | Pipeline): boolean => state === 'running' || Date.parse(made) >= oldest;
  const line = (time: string, key: string, row: JSX.Element): ILine => ({ time: Date.parse(time), key, row });
  return [
    ...jobs.items.map(job => line(job.submitted_at, `job ${job.id}`, <JobRow job={job} />)),
    ...sweeps.filter(fits).map(sweep => line(sweep.created_at, `sweep ${sweep.id}`, <SweepRow sweep={sweep} />)),
    ...pipelines.filter(fits).map(each => line(each.created_at, `pipeline ${each.id}`, <PipelineRow pipeline={each} />))
  ].sort((one, other) => other.time - one.time);
}

function JobList(props: { readonly page: Page<Job> }): JSX.Element {
  const trans = useTrans();
  const { commands, model } = usePanel();
  const sweeps = useResource(model.sweeps).data?.items ?? [];
  const pipelines = useResource(model.pipelines).data?.items ?? [];
  const lines = linesOf(props.page, sweeps, pipelines);
  if (lines.length === 0) {
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
        {lines.map(line => (
          <React.Fragment key={line.key}>{line.row}</React.Fragment>
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
  const word = leavingWord(job, trans) ?? stateWord(job.state, trans);
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
            {waits ? <Waiting job={job} otherwise={word} /> : word}
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

/** How far the cells of a job are. */
export function CellProgress({ job }: { readonly job: Job }): JSX.Element {
  const trans = useTrans();
  return (
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
  );
}

function JobDetail(props: { readonly job: Job }): JSX.Element | null {
  const { job } = props;
  const trans = useTrans();
  if (job.state === 'running' || job.state === 'starting') {
    return (
      <>
        {job.cells_total > 0 && <CellProgress job={job} />}
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
