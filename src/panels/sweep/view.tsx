/** The view of one sweep: how far it is, its best point, a picture and a table of all points. */

import * as React from 'react';
import type { IIdentity } from '../../links';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { Sweep } from '../../types';
import { duration, short } from '../../widgets/format';
import { sweepIcon } from '../../widgets/icons';
import { Copyable, Facts } from '../../widgets/parts';
import { isState, StateBadge, stateTone, stateWord } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show } from '../context';
import { CopyLink } from '../copy-link';
import { shortId } from '../jobs/words';
import { Study } from '../study/study';
import { Best } from './best';
import { Picture } from './picture';
import { PointTable } from './points';
import { SweepProgress } from './row';
import { failedPoints, metricWords, objectiveWords, progressWords, strategyWords } from './words';

export class SweepView extends PanelWidget {
  constructor(context: IPanelContext, readonly sweepId: string) {
    super(context);
    this.id = `jp-mlplat-sweep-${sweepId}`;
    this.addClass('jp-mlplat-view');
    this.title.label = context.trans.__('Sweep %1', shortId(sweepId));
    this.title.icon = sweepIcon;
    this.title.closable = true;
    this._sweep = context.model.watchSweep(sweepId);
    this._sweep.changed.connect((_, { data }) => {
      if (data) {
        this.title.label = `${data.name} ${shortId(data.id)}`.trim();
        this.title.caption = context.trans.__('Sweep %1: %2', data.id, stateWord(data.state, context.trans));
      }
    });
    this._sweep.demand();
  }

  override dispose(): void {
    this._sweep.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openSweep, args: { id: this.sweepId } };
  }

  protected content(): JSX.Element {
    const { trans } = this.context;
    return (
      <div className="jp-mlplat-page jp-mlplat-sweepPage">
        <Show resource={this._sweep} lines={5}>
          {sweep => (
            <>
              <Head sweep={sweep} />
              {sweep.strategy === 'optuna' && <Study sweep={sweep} />}
              <section className="jp-mlplat-card" aria-labelledby="jp-mlplat-h-picture">
                <h2 id="jp-mlplat-h-picture">{trans.__('%1 by parameters', metricWords(sweep, trans))}</h2>
                <Picture sweep={sweep} />
              </section>
              <section className="jp-mlplat-card" aria-labelledby="jp-mlplat-h-points">
                <h2 id="jp-mlplat-h-points">{trans.__('All points')}</h2>
                <PointTable sweep={sweep} />
              </section>
            </>
          )}
        </Show>
      </div>
    );
  }

  private readonly _sweep: Resource<Sweep>;
}

function Head({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const running = sweep.state === 'running';
  const failed = failedPoints(sweep);
  const shared = Object.entries(sweep.parameters);
  const args = { id: sweep.id };
  return (
    <header className="jp-mlplat-head">
      <div className="jp-mlplat-headTitle">
        <h1>
          {sweep.name} <span className="jp-mlplat-number">{trans.__('sweep %1', shortId(sweep.id))}</span>
        </h1>
        <span aria-live="polite">
          <StateBadge state={sweep.state} />
        </span>
        {running && <SweepProgress sweep={sweep} />}
        <span className="jp-mlplat-hint">{progressWords(sweep, trans)}</span>
        <div className="jp-mlplat-actions">
          <CopyLink />
          <CommandButton command={CommandIDs.openJobs} args={{ list: 'jobs', sweep: sweep.id }} label={trans.__('List its jobs')} />
          {running && <CommandButton command={CommandIDs.cancelSweep} args={args} label={trans.__('Cancel')} />}
          {!running && failed > 0 && (
            <CommandButton command={CommandIDs.rerunSweep} args={args} label={trans.__('Rerun the %1 that failed', failed)} />
          )}
        </div>
      </div>
      {sweep.message && (
        <p className="jp-mlplat-reason" data-tone={stateTone(sweep.state)} role="status">
          {sweep.message}
        </p>
      )}
      <Best sweep={sweep} />
      <Facts rows={factsOf(sweep, trans)} />
      {shared.length > 0 && (
        <ul className="jp-mlplat-chips" aria-label={trans.__('Values that all points share')}>
          {shared.map(([name, value]) => (
            <li key={name}>
              {name} = <code>{short(value)}</code>
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

function factsOf(sweep: Sweep, trans: ReturnType<typeof useTrans>): Array<readonly [string, React.ReactNode]> {
  const counts = Object.entries(sweep.counts)
    .map(([state, count]) => `${count} ${isState(state) ? stateWord(state, trans).toLocaleLowerCase() : state}`)
    .join(' · ');
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('Points'), counts || trans.__('none yet')],
    [trans.__('Strategy'), strategyWords(sweep, trans)],
    [trans.__('Metric'), objectiveWords(sweep, trans)],
    sweep.constraints.length > 0 && [trans.__('Constraints'), sweep.constraints.join(', ')],
    sweep.parallel !== null && [trans.__('At a time'), String(sweep.parallel)],
    [trans.__('Notebook'), <Copyable key="n" text={sweep.notebook} shown={sweep.notebook.split('/').pop()} label={trans.__('path')} />],
    [trans.__('Began'), <RelativeTime key="b" time={sweep.created_at} />],
    sweep.ended_at !== null && [trans.__('Took'), duration((Date.parse(sweep.ended_at) - Date.parse(sweep.created_at)) / 1000)],
    [trans.__('Owner'), sweep.owner],
    sweep.study !== null && [trans.__('Study'), <Copyable key="s" text={sweep.study} shown={sweep.study.replace(/\?.*$/, '').split('/').pop()} label={trans.__('path')} />],
    sweep.study_code !== null && [trans.__('In Optuna'), <Copyable key="o" text={sweep.study_code} shown="optuna.load_study(…)" label={trans.__('code')} />],
    sweep.study_dashboard !== null && [trans.__('Dashboard'), <Copyable key="d" text={sweep.study_dashboard} shown="optuna-dashboard …" label={trans.__('command')} />]
  ];
  return rows.filter(row => row !== false);
}
