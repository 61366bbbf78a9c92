/** Entries of the ledger as a table that can be read: the next ones on top, then what happened, newest first. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import { moment } from '../../widgets/format';
import { scheduleIcon, stateIcons } from '../../widgets/icons';
import { StateBadge } from '../../widgets/state';
import { Ahead, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { shortId } from '../jobs/words';
import { type IEntry, markWord } from './entries';

interface IListProps {
  readonly label: string;
  readonly entries: ReadonlyArray<IEntry>;
  /** So many that come, and so many of the past, before one asks for all. */
  readonly coming: number;
  readonly past: number;
  /** The schedule has a column of its own. */
  readonly named: boolean;
}

export function EntryList({ label, entries, coming, past, named }: IListProps): JSX.Element {
  const trans = useTrans();
  const [all, setAll] = React.useState(false);
  const sorted = [...entries].sort((one, other) => other.time - one.time);
  const next = sorted.filter(each => each.mark === 'coming');
  const before = sorted.filter(each => each.mark !== 'coming');
  const shown = all ? [...next.slice(-50), ...before] : [...next.slice(-coming), ...before.slice(0, past)];
  const hidden = next.length + before.length - shown.length;
  if (sorted.length === 0) {
    return <p className="jp-mlplat-hint">{trans.__('Nothing was due, and nothing comes.')}</p>;
  }
  return (
    <>
      <table className="jp-mlplat-table" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Due')}</th>
            {named && <th scope="col">{trans.__('Schedule')}</th>}
            <th scope="col">{trans.__('What became of it')}</th>
            <th scope="col">{trans.__('Job')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(entry => (
            <EntryRow key={`${entry.schedule} ${entry.time}`} entry={entry} named={named} />
          ))}
        </tbody>
      </table>
      {(hidden > 0 || all) && (
        <button
          type="button"
          className="jp-mlplat-link jp-mlplat-showAll"
          onClick={() => {
            setAll(!all);
          }}
        >
          {all ? trans.__('Show less') : trans.__('Show %1 more', hidden)}
        </button>
      )}
    </>
  );
}

function EntryRow({ entry, named }: { readonly entry: IEntry; readonly named: boolean }): JSX.Element {
  const trans = useTrans();
  const time = new Date(entry.time).toISOString();
  return (
    <tr data-mark={entry.mark}>
      <th scope="row" className="jp-mlplat-due">
        {moment(time)} <span className="jp-mlplat-number">{entry.mark === 'coming' ? <Ahead time={time} /> : <RelativeTime time={time} />}</span>
      </th>
      {named && <td>{entry.name}</td>}
      <td>
        <span className="jp-mlplat-inline">
          {entry.mark === 'coming' ? (
            <span className="jp-mlplat-state" data-tone="quiet">
              <span className="jp-mlplat-stateIcon" data-tone="quiet" aria-hidden>
                <scheduleIcon.react tag={null} />
              </span>
              <span>{markWord('coming', trans)}</span>
            </span>
          ) : (
            <StateBadge state={entry.mark} />
          )}
          {entry.reason && <span className="jp-mlplat-why">{entry.reason}</span>}
        </span>
      </td>
      <td>
        <JobLink entry={entry} />
      </td>
    </tr>
  );
}

/** The job of an entry, with how it stands. */
export function JobLink({ entry }: { readonly entry: Pick<IEntry, 'job' | 'jobId'> }): JSX.Element {
  const { commands } = usePanel();
  const trans = useTrans();
  const { job, jobId } = entry;
  if (jobId === null) {
    return <span aria-label={trans.__('no job')}>–</span>;
  }
  const words = shortId(jobId) || trans.__('Open');
  return (
    <span className="jp-mlplat-inline">
      {job !== null ? (
        <StateBadge state={job.state} />
      ) : (
        <span className="jp-mlplat-stateIcon" data-tone="quiet" aria-hidden>
          <stateIcons.queued.react tag={null} />
        </span>
      )}
      <button
        type="button"
        className="jp-mlplat-link"
        aria-label={trans.__('Open job %1', jobId)}
        onClick={() => {
          void commands.execute(CommandIDs.openJob, { id: jobId });
        }}
      >
        {words}
      </button>
    </span>
  );
}
