/** One schedule: what it runs and how, whether its notebook was edited since, and its own ledger. */

import type { IDisposable } from '@lumino/disposable';
import * as React from 'react';
import type { IScheduleView } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Schedule } from '../../types';
import { Diff } from '../../widgets/diff';
import { duration, short } from '../../widgets/format';
import { stateIcons } from '../../widgets/icons';
import { Copyable, Facts } from '../../widgets/parts';
import { StateBadge } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, Show, usePanel } from '../context';
import { notifyWords } from '../notices';
import type { IEntry } from './entries';
import { EntryList } from './list';
import { catchUpWords, overlapWords, whenWords } from './words';

interface IDetailProps {
  readonly id: string;
  readonly entries: ReadonlyArray<IEntry>;
  /** The difference is asked for. */
  readonly compared: boolean;
}

export function Detail({ id, entries, compared }: IDetailProps): JSX.Element | null {
  const { model } = usePanel();
  const trans = useTrans();
  const [view, setView] = React.useState<(IScheduleView & IDisposable) | null>(null);
  React.useEffect(() => {
    const next = model.watchSchedule(id);
    next.schedule.demand();
    setView(next);
    return () => {
      next.dispose();
    };
  }, [model, id]);
  if (view === null || view.isDisposed) {
    return null;
  }
  return (
    <Show resource={view.schedule} lines={4}>
      {schedule => (
        <section className="jp-mlplat-card jp-mlplat-scheduleDetail" aria-label={schedule.name} data-detail={schedule.id}>
          <Head schedule={schedule} />
          {schedule.edited === true && <Edited schedule={schedule} view={view} compared={compared} />}
          {schedule.edited === null && <p className="jp-mlplat-hint">{trans.__('The notebook itself cannot be read now; its jobs run the copy that was scheduled.')}</p>}
          <EntryList label={schedule.name} entries={entries} coming={3} past={8} named={false} />
        </section>
      )}
    </Show>
  );
}

function Head({ schedule }: { readonly schedule: Schedule }): JSX.Element {
  const trans = useTrans();
  const { options, when } = schedule;
  const parameters = Object.entries(schedule.parameters);
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('When'), whenWords(when, trans)],
    [trans.__('Notebook'), <Copyable key="n" text={schedule.notebook} shown={schedule.notebook.split('/').pop()} label={trans.__('path')} />],
    [trans.__('If the last one still runs'), overlapWords(when.overlap, trans)],
    [trans.__('After an outage'), catchUpWords(when.catch_up, trans)],
    when.max_lateness !== null && [trans.__('Missed when later than'), duration(when.max_lateness)],
    options.retries > 0 && [trans.__('Retries'), trans.__('%1, after %2', options.retries, duration(options.retry_delay))],
    options.timeout !== null && [trans.__('Time limit'), duration(options.timeout)],
    options.notify.length > 0 && [trans.__('Tells'), notifyWords(options.notify, trans)],
    options.priority !== 0 && [trans.__('Priority'), String(options.priority)],
    [trans.__('Owner'), schedule.owner],
    [trans.__('Changed'), <RelativeTime key="c" time={schedule.updated_at} />]
  ];
  return (
    <>
      <div className="jp-mlplat-cardHead">
        <h2>
          {schedule.name} <span className="jp-mlplat-number">#{schedule.id}</span>
        </h2>
        <StateBadge state={schedule.state} />
      </div>
      <Facts rows={rows.filter(row => row !== false)} />
      {parameters.length > 0 && (
        <ul className="jp-mlplat-chips" aria-label={trans.__('Parameters')}>
          {parameters.map(([name, value]) => (
            <li key={name}>
              {name} = <code>{short(value)}</code>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Says that what runs is not what the notebook says now; shows how, and offers to promote. */
function Edited(props: { readonly schedule: Schedule; readonly view: IScheduleView; readonly compared: boolean }): JSX.Element {
  const { schedule, view, compared } = props;
  const trans = useTrans();
  const [open, setOpen] = React.useState(compared);
  React.useEffect(() => {
    if (compared) {
      setOpen(true);
    }
  }, [compared]);
  React.useEffect(() => {
    if (open) {
      view.difference.demand();
    }
  }, [open, view]);
  return (
    <div className="jp-mlplat-edited">
      <div className="jp-mlplat-cardHead">
        <p>
          <span className="jp-mlplat-stateIcon" data-tone="warn" aria-hidden>
            <stateIcons.warning.react tag={null} />
          </span>
          {trans.__('You edited the notebook since. Its jobs still run it as it was.')}
        </p>
        <div className="jp-mlplat-actions">
          <button
            type="button"
            className="jp-mlplat-link"
            aria-expanded={open}
            onClick={() => {
              setOpen(!open);
            }}
          >
            {open ? trans.__('Hide the difference') : trans.__('See the difference')}
          </button>
          <CommandButton command={CommandIDs.promoteSchedule} args={{ id: schedule.id }} label={trans.__('Promote')} primary />
        </div>
      </div>
      {open && <Show resource={view.difference}>{text => <Diff text={text} none={trans.__('Nothing was edited since.')} />}</Show>}
    </div>
  );
}
