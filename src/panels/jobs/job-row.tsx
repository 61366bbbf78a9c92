/** One row of the table of jobs. */

import * as React from 'react';
import { ended } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job } from '../../types';
import { duration } from '../../widgets/format';
import { StateBadge } from '../../widgets/state';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { Waiting } from '../queue';
import { CellProgress } from './section';
import type { ISelection } from '../../widgets/selection';
import { jobHeadline, leavingWord, shortId } from './words';

/** Pixels of a row. */
export const ROW = 32;

interface IRowProps {
  readonly job: Job;
  /** Its place in the list, from 0. */
  readonly place: number;
  readonly chosen: boolean;
  /** It is in the order of the tab key, with what is in it. */
  readonly active: boolean;
  /** It belongs to the list no longer. */
  readonly left: boolean;
  readonly selection: ISelection;
}

export function JobRow({ job, place, chosen, active, left, selection }: IRowProps): JSX.Element {
  const trans = useTrans();
  const done = ended(job);
  const tab = active ? 0 : -1;
  const headline = jobHeadline(job, trans);
  return (
    <tr
      data-job={job.id}
      data-row={job.id}
      data-state={job.state}
      data-left={left || undefined}
      tabIndex={tab}
      aria-rowindex={place + 2}
      aria-selected={chosen}
      title={left ? trans.__('It belongs to this list no longer.') : undefined}
      onFocus={event => {
        if (event.target === event.currentTarget && selection.active !== job.id) {
          selection.activate(job.id);
        }
      }}
      onClick={event => {
        const { target } = event;
        if (target instanceof Element && target.matches('[data-column="choose"]')) {
          selection.toggle(job.id, event.shiftKey);
        }
      }}
    >
      <td data-column="choose">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={chosen}
          aria-label={trans.__('Select %1 %2', job.name, shortId(job.id))}
          onClick={event => {
            selection.toggle(job.id, event.shiftKey);
          }}
          onChange={() => undefined}
        />
      </td>
      <td data-column="state">
        <StateBadge state={job.state} word={leavingWord(job, trans)} />
      </td>
      <td data-column="name">
        <Link command={CommandIDs.openJob} id={job.id} tab={tab} className="jp-mlplat-rowName" title={job.notebook}>
          {job.name} <span className="jp-mlplat-number">{shortId(job.id)}</span>
        </Link>
      </td>
      <td data-column="started">{job.started_at === null ? '–' : <RelativeTime time={job.started_at} />}</td>
      <td data-column="took">
        <Took job={job} />
      </td>
      <td data-column="progress">
        {job.state === 'running' && job.cells_total > 0 ? (
          <span className="jp-mlplat-cellProgress">
            <CellProgress job={job} />
          </span>
        ) : job.state === 'queued' ? (
          <Waiting job={job} />
        ) : (
          done && job.cells_total > 0 && <span className="jp-mlplat-number">{trans.__('%1 of %2 cells', job.cells_done, job.cells_total)}</span>
        )}
      </td>
      <td data-column="owner" title={job.owner}>
        {job.owner}
      </td>
      <td data-column="from">
        <From job={job} tab={tab} />
      </td>
      <td data-column="result" title={job.message ?? headline}>
        {headline || '–'}
      </td>
    </tr>
  );
}

function Took({ job }: { readonly job: Job }): JSX.Element {
  if (job.started_at === null) {
    return <>–</>;
  }
  return job.ended_at === null ? (
    <Elapsed since={job.started_at} />
  ) : (
    <>{duration((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000)}</>
  );
}

/** What made the job, as a link that opens it. */
function From({ job, tab }: { readonly job: Job; readonly tab: number }): JSX.Element {
  const trans = useTrans();
  if (job.sweep_id !== null) {
    return (
      <Link command={CommandIDs.openSweep} id={job.sweep_id} tab={tab}>
        {trans.__('sweep %1', shortId(job.sweep_id))}
      </Link>
    );
  }
  if (job.pipeline_id !== null) {
    return (
      <Link command={CommandIDs.openPipeline} id={job.pipeline_id} tab={tab} title={job.node ?? undefined}>
        {trans.__('pipeline %1', shortId(job.pipeline_id))}
      </Link>
    );
  }
  if (job.schedule_id !== null) {
    return (
      <Link command={CommandIDs.openSchedules} id={job.schedule_id} tab={tab}>
        {trans.__('schedule %1', shortId(job.schedule_id))}
      </Link>
    );
  }
  if (job.retry_of !== null) {
    return (
      <Link command={CommandIDs.openJob} id={job.retry_of} tab={tab}>
        {trans.__('job %1 again', shortId(job.retry_of))}
      </Link>
    );
  }
  return <>–</>;
}

function Link(props: {
  readonly command: string;
  readonly id: string;
  readonly tab: number;
  readonly title?: string;
  readonly className?: string;
  readonly children: React.ReactNode;
}): JSX.Element {
  const { commands } = usePanel();
  return (
    <button
      type="button"
      className={props.className ?? 'jp-mlplat-link'}
      tabIndex={props.tab}
      title={props.title}
      onClick={() => {
        void commands.execute(props.command, { id: props.id });
      }}
    >
      {props.children}
    </button>
  );
}
