/** The head of a job's view: its state in words, its facts, its cells, and the tabs of what is below. */

import type * as nbformat from '@jupyterlab/nbformat';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import * as React from 'react';
import type { IIdentity } from '../../links';
import { ended, type IJobView } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job } from '../../types';
import { Empty, ErrorBox } from '../../widgets/feedback';
import { short } from '../../widgets/format';
import { Tabs } from '../../widgets/parts';
import { StateBadge, stateTone } from '../../widgets/state';
import { Elapsed } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, useResource } from '../context';
import { CopyLink } from '../copy-link';
import { leavingWord, reasonWords, shortId } from '../jobs/words';
import { type IMenuItem, MenuButton } from '../menu';
import { Notices } from '../notices';
import { Waiting } from '../queue';
import { CellStrip } from './cells';
import { JobFacts, Results } from './facts';

export type Tab = 'notebook' | 'changes' | 'log' | 'cells' | 'attempts';

interface IHeadActions {
  readonly choose: (tab: Tab) => void;
  readonly reveal: (index: number) => void;
}

export class HeadWidget extends PanelWidget {
  constructor(
    context: IPanelContext,
    private readonly _view: IJobView,
    private readonly _identity: IIdentity,
    private readonly _actions: IHeadActions
  ) {
    super(context);
    this.addClass('jp-mlplat-jobHead');
  }

  override get identity(): IIdentity {
    return this._identity;
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
    { id: 'changes', label: trans.__('What changed') },
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
          <StateBadge state={job.state} word={leavingWord(job, trans)} />
          {job.state === 'queued' && (
            <span className="jp-mlplat-hint">
              <Waiting job={job} />
            </span>
          )}
          {job.state !== 'queued' && !done && job.started_at && <Elapsed since={job.started_at} />}
          <div className="jp-mlplat-actions">
            <CopyLink />
            {!done && <CommandButton command={CommandIDs.cancelJob} args={{ id: job.id, name: job.name }} label={trans.__('Cancel')} />}
            {done && (
              <span className="jp-mlplat-split">
                <CommandButton command={CommandIDs.rerunJob} args={{ id: job.id }} />
                <MenuButton label={trans.__('More ways to run it')} items={reruns(job, trans)} caretOnly />
              </span>
            )}
            {notebook.data !== null && <MenuButton label={trans.__('Download')} items={downloads(job, trans)} />}
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
        <Results results={job.results} />
        {parameters.length > 0 && (
          <ul className="jp-mlplat-chips" aria-label={trans.__('Parameters')}>
            {parameters.map(([name, value]) => (
              <li key={name}>
                {name} = <code>{short(value)}</code>
              </li>
            ))}
          </ul>
        )}
        {job.notices.length > 0 && <Notices notices={job.notices} />}
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

/** How an ended job can run once more. */
function reruns(job: Job, trans: TranslationBundle): IMenuItem[] {
  const item = (label: string, more: ReadonlyJSONObject = {}): IMenuItem => ({
    command: CommandIDs.rerunJob,
    args: { id: job.id, label, ...more }
  });
  return [
    item(trans.__('Run again')),
    item(trans.__('Run again with the notebook as it is now'), { edited: true }),
    ...(job.state === 'succeeded' ? [] : [item(trans.__('Run again from the start'), { from_start: true })])
  ];
}

/** The executed notebook as a file. */
function downloads(job: Job, trans: TranslationBundle): IMenuItem[] {
  const item = (label: string, format: string): IMenuItem => ({
    command: CommandIDs.downloadJob,
    args: { id: job.id, label, format }
  });
  return [
    item(trans.__('Download notebook'), 'notebook'),
    item(trans.__('Download HTML'), 'html'),
    item(trans.__('Download PDF'), 'pdf')
  ];
}
