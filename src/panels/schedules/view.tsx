/** The view of all schedules: the last and the next 24 hours, a table, and the one that is chosen. */

import * as React from 'react';
import type { IIdentity } from '../../links';
import type { IPlan, Ledger } from '../../model';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import { Empty } from '../../widgets/feedback';
import { scheduleIcon } from '../../widgets/icons';
import { useNow } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel, useResource } from '../context';
import { CopyLink } from '../copy-link';
import { Detail } from './detail';
import { entriesOf, type IEntry } from './entries';
import { EntryList } from './list';
import { DAY, Strip } from './strip';
import { ScheduleTable } from './table';

/** Milliseconds after which the marks are placed anew. */
const STEP = 30_000;

export class SchedulesView extends PanelWidget {
  constructor(context: IPanelContext) {
    super(context);
    this.id = 'jp-mlplat-schedules';
    this.addClass('jp-mlplat-view');
    this.title.label = context.trans.__('Schedules');
    this.title.caption = context.trans.__('What runs by itself, and what became of it');
    this.title.icon = scheduleIcon;
    this.title.closable = true;
    context.model.jobs.demand();
    this._ledger = context.model.watchLedger();
    this._ledger.demand();
  }

  /** Shows a schedule below the table. */
  select(id: string): void {
    this._chosen = id;
    this._compared = false;
    this.update();
  }

  /** Shows how the notebook of the chosen one was edited since. */
  compare(): void {
    this._compared = true;
    this.update();
  }

  override dispose(): void {
    this._ledger.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openSchedules, args: { id: this._chosen } };
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page">
        <Show resource={this._ledger} lines={5}>
          {ledger => (
            <Schedules
              ledger={ledger}
              chosen={this._chosen}
              compared={this._compared}
              choose={id => {
                this.select(id);
              }}
            />
          )}
        </Show>
      </div>
    );
  }

  private readonly _ledger: Resource<Ledger>;
  private _chosen: string | null = null;
  private _compared = false;
}

function Schedules(props: {
  readonly ledger: Ledger;
  readonly chosen: string | null;
  readonly compared: boolean;
  readonly choose: (id: string) => void;
}): JSX.Element {
  const { ledger, choose } = props;
  const { model, commands } = usePanel();
  const trans = useTrans();
  const now = useNow(STEP);
  const listed = useResource(model.jobs).data;
  const jobs = React.useMemo(() => new Map((listed?.items ?? []).map(job => [job.id, job])), [listed]);
  const plans = React.useMemo(() => [...ledger.values()], [ledger]);
  const entries = React.useMemo(
    () => new Map(plans.map((plan): [string, IEntry[]] => [plan.schedule.id, entriesOf(plan, now - DAY, now + DAY, jobs)])),
    [plans, now, jobs]
  );
  // Of what comes, the next one of each; of what was, everything.
  const nearest = React.useMemo(
    () =>
      [...entries.values()].flatMap(some => {
        const next = some.find(each => each.mark === 'coming');
        return [...some.filter(each => each.mark !== 'coming'), ...(next ? [next] : [])];
      }),
    [entries]
  );
  const chosen = props.chosen !== null && ledger.has(props.chosen) ? props.chosen : (plans[0]?.schedule.id ?? null);
  const plan = chosen === null ? undefined : ledger.get(chosen);
  const own = React.useMemo(() => (plan ? entriesOf(plan, 0, Infinity, jobs) : []), [plan, jobs]);
  if (plans.length === 0) {
    return (
      <>
        <Title plans={plans} />
        <Empty title={trans.__('No schedules yet. A schedule runs a notebook as a job at certain times, also while you are away.')}>
          {commands.isEnabled(CommandIDs.scheduleNotebook) ? (
            <CommandButton command={CommandIDs.scheduleNotebook} label={trans.__('Schedule this notebook…')} primary />
          ) : (
            <p className="jp-mlplat-hint">{trans.__('Open a notebook, press “Run as job” in its toolbar, and choose “on a schedule”.')}</p>
          )}
        </Empty>
      </>
    );
  }
  return (
    <>
      <Title plans={plans} />
      <section className="jp-mlplat-card" aria-labelledby="jp-mlplat-h-day">
        <h2 id="jp-mlplat-h-day">{trans.__('Last and next 24 hours')}</h2>
        <Strip plans={plans} entries={entries} now={now} chosen={chosen} choose={choose} />
        <EntryList
          label={trans.__('Last and next 24 hours')}
          entries={nearest}
          coming={3}
          past={4}
          named
        />
      </section>
      <section className="jp-mlplat-card" aria-label={trans.__('All schedules')}>
        <ScheduleTable plans={plans} jobs={jobs} chosen={chosen} choose={choose} />
      </section>
      {chosen !== null && <Detail key={chosen} id={chosen} entries={own} compared={props.compared} />}
    </>
  );
}

function Title({ plans }: { readonly plans: ReadonlyArray<IPlan> }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const count = (state: string): number => plans.filter(each => each.schedule.state === state).length;
  const words = [
    count('active') ? trans.__('%1 active', count('active')) : '',
    count('paused') ? trans.__('%1 paused', count('paused')) : '',
    count('ended') ? trans.__('%1 ended', count('ended')) : ''
  ].filter(Boolean);
  return (
    <header className="jp-mlplat-head">
      <div className="jp-mlplat-headTitle">
        <h1>{trans.__('Schedules')}</h1>
        <span className="jp-mlplat-hint">{words.join(' · ')}</span>
        <div className="jp-mlplat-actions">
          <CopyLink />
          {plans.length > 0 && commands.isEnabled(CommandIDs.scheduleNotebook) && <CommandButton command={CommandIDs.scheduleNotebook} />}
        </div>
      </div>
    </header>
  );
}
