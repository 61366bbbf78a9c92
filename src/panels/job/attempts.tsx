/** The attempts of a job: how each one ended, what it took, and its run. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { AttemptRecord, Job } from '../../types';
import { bytes, duration } from '../../widgets/format';
import { StateBadge } from '../../widgets/state';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { reasonWords } from '../jobs/words';

export function Attempts({ job }: { readonly job: Job }): JSX.Element {
  const trans = useTrans();
  const noted = job.attempts.some(each => each.note !== null);
  return (
    <table className="jp-mlplat-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Attempt')}</th>
          <th scope="col">{trans.__('State')}</th>
          <th scope="col">{trans.__('Reason')}</th>
          {noted && <th scope="col">{trans.__('Checkpoint')}</th>}
          <th scope="col">{trans.__('Began')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Took')}
          </th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Memory peak')}
          </th>
          <th scope="col">{trans.__('Run')}</th>
        </tr>
      </thead>
      <tbody>
        {[...job.attempts].reverse().map(attempt => (
          <AttemptRow key={attempt.number} job={job} attempt={attempt} noted={noted} />
        ))}
      </tbody>
    </table>
  );
}

interface IRowProps {
  readonly job: Job;
  readonly attempt: AttemptRecord;
  /** Some attempt says from which checkpoint it went on, or why from none. */
  readonly noted: boolean;
}

function AttemptRow({ job, attempt, noted }: IRowProps): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const reason = attempt.message ?? reasonWords({ reason: attempt.reason, timeout: job.timeout }, trans);
  const run = attempt.run_id;
  return (
    <tr data-attempt={attempt.number}>
      <th scope="row">{attempt.number}</th>
      <td>
        <StateBadge state={attempt.state} />
      </td>
      <td>{reason ? <span className="jp-mlplat-clamp" title={reason}>{reason}</span> : '–'}</td>
      {noted && <td>{attempt.note ?? '–'}</td>}
      <td>
        <RelativeTime time={attempt.started_at ?? attempt.claimed_at} />
      </td>
      <td className="jp-mod-number">
        {attempt.started_at === null ? (
          '–'
        ) : attempt.ended_at === null ? (
          <Elapsed since={attempt.started_at} />
        ) : (
          duration((Date.parse(attempt.ended_at) - Date.parse(attempt.started_at)) / 1000)
        )}
      </td>
      <td className="jp-mod-number">{attempt.peak_rss === null ? '–' : bytes(attempt.peak_rss)}</td>
      <td>
        {run === null ? (
          '–'
        ) : (
          <button
            type="button"
            className="jp-mlplat-link"
            title={run}
            onClick={() => {
              void commands.execute(CommandIDs.openRun, { id: run });
            }}
          >
            {trans.__('Open')}
          </button>
        )}
      </td>
    </tr>
  );
}
