/** The table of schedules: when each is due, how it went last, and what can be done. */

import * as React from 'react';
import type { IPlan } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job } from '../../types';
import { StateBadge } from '../../widgets/state';
import { Ahead, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton } from '../context';
import { JobLink } from './list';
import { whenWords } from './words';

interface ITableProps {
  readonly plans: ReadonlyArray<IPlan>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly chosen: string | null;
  readonly choose: (id: string) => void;
}

export function ScheduleTable(props: ITableProps): JSX.Element {
  const trans = useTrans();
  return (
    <table className="jp-mlplat-table jp-mlplat-schedules" aria-label={trans.__('Schedules')}>
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('When')}</th>
          <th scope="col">{trans.__('Next')}</th>
          <th scope="col">{trans.__('Last')}</th>
          <th scope="col">{trans.__('State')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Actions')}
          </th>
        </tr>
      </thead>
      <tbody>
        {props.plans.map(plan => (
          <ScheduleRow key={plan.schedule.id} plan={plan} {...props} />
        ))}
      </tbody>
    </table>
  );
}

function ScheduleRow({ plan, jobs, chosen, choose }: ITableProps & { readonly plan: IPlan }): JSX.Element {
  const { schedule } = plan;
  const { when, last } = schedule;
  const trans = useTrans();
  const args = { id: schedule.id };
  const words = whenWords(when, trans);
  const selected = schedule.id === chosen;
  const job = last?.job_id ? (jobs.get(last.job_id) ?? plan.jobs.get(last.job_id) ?? null) : null;
  return (
    <tr data-schedule={schedule.id} data-state={schedule.state} data-chosen={selected}>
      <th scope="row">
        <button
          type="button"
          className="jp-mlplat-rowName"
          aria-expanded={selected}
          title={trans.__('Show %1 below', schedule.name)}
          onClick={() => {
            choose(schedule.id);
          }}
        >
          {schedule.name} <span className="jp-mlplat-number">#{schedule.id}</span>
        </button>
        <span className="jp-mlplat-sub">{schedule.notebook.split('/').pop()}</span>
      </th>
      <td>
        {words}
        {when.cron !== null && (
          <span className="jp-mlplat-sub">
            {words !== when.cron && <code>{when.cron}</code>} {when.timezone}
          </span>
        )}
      </td>
      <td className="jp-mlplat-nowrap">{schedule.state === 'active' && schedule.next_at ? <Ahead time={schedule.next_at} /> : '–'}</td>
      <td>
        {last === null ? (
          <span className="jp-mlplat-hint">{trans.__('not yet')}</span>
        ) : (
          <>
            {last.job_id !== null ? <JobLink entry={{ job, jobId: last.job_id }} /> : <StateBadge state={last.state} />}
            <span className="jp-mlplat-sub">
              {last.reason ?? <RelativeTime time={last.scheduled_for} />}
            </span>
          </>
        )}
      </td>
      <td>
        <StateBadge state={schedule.state} />
      </td>
      <td className="jp-mlplat-rowButtons">
        <CommandButton command={CommandIDs.triggerSchedule} args={args} label={trans.__('Run %1 now', schedule.name)} iconOnly />
        {schedule.state === 'paused' ? (
          <CommandButton command={CommandIDs.resumeSchedule} args={args} label={trans.__('Resume %1', schedule.name)} iconOnly />
        ) : (
          schedule.state === 'active' && (
            <CommandButton command={CommandIDs.pauseSchedule} args={args} label={trans.__('Pause %1', schedule.name)} iconOnly />
          )
        )}
        <CommandButton command={CommandIDs.editSchedule} args={args} label={trans.__('Edit %1', schedule.name)} iconOnly />
        <CommandButton
          command={CommandIDs.deleteSchedule}
          args={args}
          label={trans.__('Delete %1', schedule.name)}
          iconOnly
          className="jp-mod-cancel"
        />
      </td>
    </tr>
  );
}
