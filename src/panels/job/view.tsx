/** The view of one job: how it stands, a strip of its cells, and its executed notebook, live and read-only. */

import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { Panel, PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';
import type { IIdentity } from '../../links';
import { ended, failedCell, type IJobView } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job, JobLog } from '../../types';
import { runAsJobIcon } from '../../widgets/icons';
import { stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, PanelWidget, Show } from '../context';
import { shortId } from '../jobs/words';
import { Attempts } from './attempts';
import { CellTable } from './cells';
import { Changes } from './changes';
import { ExecutedNotebook, type INotebookParts } from './executed';
import { HeadWidget, type Tab } from './head';

export class JobView extends Widget {
  constructor(context: IPanelContext, parts: INotebookParts, readonly jobId: string) {
    super();
    this.id = `jp-mlplat-job-${jobId}`;
    this.addClass('jp-mlplat-jobView');
    this.title.label = context.trans.__('Job');
    this.title.icon = runAsJobIcon;
    this.title.closable = true;
    this._view = context.model.watchJob(jobId);
    this._notebook = new ExecutedNotebook(parts, context.trans.__('Follow the running cell ▾'));
    const reveal = (index: number): void => {
      this._failure = null;
      this._show('notebook');
      void this._notebook.reveal(index);
    };
    this._tabs = {
      notebook: this._notebook,
      changes: new ChangesWidget(context, this._view),
      log: new LogWidget(context, this._view),
      cells: new TableWidget(context, this._view, job => <CellTable cells={job.cells} reveal={reveal} />),
      attempts: new TableWidget(context, this._view, job => <Attempts job={job} />)
    };
    this._head = new HeadWidget(context, this._view, this.identity, {
      choose: tab => {
        this._chosen = true;
        this._choose(tab);
      },
      reveal
    });
    const layout = (this.layout = new PanelLayout());
    const body = new Panel();
    body.addClass('jp-mlplat-jobBody');
    for (const widget of Object.values(this._tabs)) {
      body.addWidget(widget);
    }
    this._choose('notebook');
    layout.addWidget(this._head);
    layout.addWidget(body);
    this._view.job.changed.connect((_, { data }) => {
      if (data) {
        this.title.label = `${data.name} ${shortId(data.id)}`.trim();
        this.title.caption = context.trans.__('Job %1: %2', data.id, stateWord(data.state, context.trans));
        this._notebook.mark(data.state === 'running' ? runningCell(data) : null);
        this._lookAtFailure(data);
      }
    });
    this._view.changes.changed.connect((_, { data }) => {
      if (data && data.against !== null && this._wanted && !this._chosen) {
        this._failure = this._view.job.data && failedCell(this._view.job.data);
        this._show('changes');
      }
      this._wanted = this._wanted && data === null;
    });
    this._view.notebook.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._notebook.display(snapshot.data);
      }
    });
    this._view.job.demand();
    this._view.notebook.demand();
  }

  get identity(): IIdentity {
    return { command: CommandIDs.openJob, args: { id: this.jobId } };
  }

  override dispose(): void {
    this._view.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._view.seen = true;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._view.seen = this.isVisible;
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._view.seen = false;
  }

  /** Chooses a tab in the user's place. */
  private _show(tab: Tab): void {
    this._head.setTab(tab);
    this._choose(tab);
  }

  private _choose(tab: Tab): void {
    for (const [name, widget] of Object.entries(this._tabs)) {
      widget.setHidden(name !== tab);
    }
    if (tab === 'log') {
      this._view.log.demand();
    } else if (tab === 'changes') {
      this._view.changes.demand();
    } else if (tab === 'notebook' && this._failure !== null) {
      const index = this._failure;
      this._failure = null;
      void this._notebook.reveal(index);
    }
  }

  /** A failed job opens with what changed since it last succeeded; where it never did, at the cell that failed. */
  private _lookAtFailure(job: Job): void {
    const opened = this._state === null;
    const ends = ended(job) && (this._state === null || !ended({ state: this._state }));
    this._state = job.state;
    const index = failedCell(job);
    if (ends && index !== null && (opened || this._notebook.following)) {
      void this._notebook.reveal(index);
    }
    if (opened && (job.state === 'failed' || job.state === 'lost')) {
      this._wanted = true;
      this._view.changes.demand();
    }
  }

  private readonly _view: IJobView & IDisposable;
  private readonly _notebook: ExecutedNotebook;
  private readonly _head: HeadWidget;
  private readonly _tabs: Readonly<Record<Tab, Widget>>;
  private _state: Job['state'] | null = null;
  /** The user chose a tab. */
  private _chosen = false;
  /** What changed is shown as soon as it is known. */
  private _wanted = false;
  /** The cell that is shown when the notebook is. */
  private _failure: number | null = null;
}

/** Index of the cell that runs, in the submitted notebook. */
function runningCell(job: Job): number | null {
  return job.cells.find(cell => cell.state === 'running')?.index ?? null;
}

/** What the job printed. */
class LogWidget extends PanelWidget {
  constructor(context: IPanelContext, private readonly _view: IJobView) {
    super(context);
    this.addClass('jp-mlplat-log');
  }

  protected content(): JSX.Element {
    return <Show resource={this._view.log}>{log => <Log log={log} />}</Show>;
  }
}

function Log(props: { readonly log: JobLog }): JSX.Element {
  const trans = useTrans();
  return (
    <pre tabIndex={0} aria-label={trans.__('Log')}>
      {props.log.text || trans.__('Nothing was printed.')}
    </pre>
  );
}

/** What is different from the last time that it succeeded. */
class ChangesWidget extends PanelWidget {
  constructor(context: IPanelContext, private readonly _view: IJobView) {
    super(context);
    this.addClass('jp-mlplat-log');
    this.addClass('jp-mlplat-jobTable');
    this.node.tabIndex = 0;
  }

  protected content(): JSX.Element {
    return (
      <Show resource={this._view.changes} lines={4}>
        {changes => <Changes changes={changes} />}
      </Show>
    );
  }
}

/** A table made from the job. */
class TableWidget extends PanelWidget {
  constructor(
    context: IPanelContext,
    private readonly _view: IJobView,
    private readonly _table: (job: Job) => JSX.Element
  ) {
    super(context);
    this.addClass('jp-mlplat-log');
    this.addClass('jp-mlplat-jobTable');
  }

  protected content(): JSX.Element {
    return <Show resource={this._view.job}>{this._table}</Show>;
  }
}
