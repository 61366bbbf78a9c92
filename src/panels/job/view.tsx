/** The view of one job: how it stands, a strip of its cells, and its executed notebook, live and read-only. */

import type { IDisposable } from '@lumino/disposable';
import { Panel, PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';
import { ended, failedCell, type IJobView } from '../../model';
import type { Job, JobLog } from '../../types';
import { runAsJobIcon } from '../../widgets/icons';
import { stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, PanelWidget, Show } from '../context';
import { shortId } from '../jobs/words';
import { Attempts } from './attempts';
import { CellTable } from './cells';
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
    this._notebook = new ExecutedNotebook(parts);
    const reveal = (index: number): void => {
      this._choose('notebook');
      head.setTab('notebook');
      void this._notebook.reveal(index);
    };
    this._tabs = {
      notebook: this._notebook,
      log: new LogWidget(context, this._view),
      cells: new TableWidget(context, this._view, job => <CellTable cells={job.cells} reveal={reveal} />),
      attempts: new TableWidget(context, this._view, job => <Attempts job={job} />)
    };
    const head = new HeadWidget(context, this._view, {
      choose: tab => {
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
    layout.addWidget(head);
    layout.addWidget(body);
    this._view.job.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this.title.label = `${snapshot.data.name} ${shortId(snapshot.data.id)}`.trim();
        this._revealFailure(snapshot.data);
        this.title.caption = context.trans.__('Job %1: %2', snapshot.data.id, stateWord(snapshot.data.state, context.trans));
      }
    });
    this._view.notebook.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._notebook.display(snapshot.data);
      }
    });
    this._view.job.demand();
    this._view.notebook.demand();
  }

  override dispose(): void {
    this._view.dispose();
    super.dispose();
  }

  private _choose(tab: Tab): void {
    for (const [name, widget] of Object.entries(this._tabs)) {
      widget.setHidden(name !== tab);
    }
    if (tab === 'log') {
      this._view.log.demand();
    }
  }

  /** A failed job opens at the cell that failed. */
  private _revealFailure(job: Job): void {
    const index = failedCell(job);
    if (!this._revealed && ended(job)) {
      this._revealed = true;
      if (index !== null) {
        void this._notebook.reveal(index);
      }
    }
  }

  private _revealed = false;
  private readonly _view: IJobView & IDisposable;
  private readonly _notebook: ExecutedNotebook;
  private readonly _tabs: Readonly<Record<Tab, Widget>>;
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
