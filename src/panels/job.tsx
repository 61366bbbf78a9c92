/** The view of one job: how it stands, a strip of its cells, and its executed notebook, live and read-only. */

import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import { type NotebookPanel, NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import type * as nbformat from '@jupyterlab/nbformat';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { PromiseDelegate } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Panel, PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';
import { ended, failedCell, type IJobView } from '../model';
import { CommandIDs } from '../tokens';
import type { Cell, Job, JobLog } from '../types';
import { Empty, ErrorBox } from '../widgets/feedback';
import { duration, number, short } from '../widgets/format';
import { runAsJobIcon } from '../widgets/icons';
import { Copyable, Facts, Tabs } from '../widgets/parts';
import { StateBadge, stateTone, stateWord } from '../widgets/state';
import { Elapsed, RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show, usePanel, useResource } from './context';
import { reasonWords, shortId } from './jobs';

/** What is needed to draw a notebook. */
export interface INotebookParts {
  readonly rendermime: IRenderMimeRegistry;
  readonly contentFactory: NotebookPanel.IContentFactory;
  readonly mimeTypeService: IEditorMimeTypeService;
}

type Tab = 'notebook' | 'log';

/** Tag of the cell that papermill adds for the parameters; it is none of the submitted cells. */
const INJECTED = 'injected-parameters';

/** Tag of the cells in which papermill repeats the error; the head of the view says it already. */
const REPEATED = 'papermill-error-cell-tag';

function isTagged(cell: nbformat.ICell, tag: string): boolean {
  return Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes(tag);
}

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
    this._log = new LogWidget(context, this._view);
    this._log.hide();
    const head = new HeadWidget(context, this._view, {
      choose: tab => {
        this._choose(tab);
      },
      reveal: index => {
        this._choose('notebook');
        head.setTab('notebook');
        void this._notebook.reveal(index);
      }
    });
    const layout = (this.layout = new PanelLayout());
    const body = new Panel();
    body.addClass('jp-mlplat-jobBody');
    body.addWidget(this._notebook);
    body.addWidget(this._log);
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
    this._notebook.setHidden(tab !== 'notebook');
    this._log.setHidden(tab !== 'log');
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
  private readonly _log: LogWidget;
}

/** A notebook that nobody can change, updated cell by cell so that the place one reads stays put. */
class ExecutedNotebook extends Panel {
  constructor(parts: INotebookParts) {
    super();
    this.addClass('jp-mlplat-executed');
    this._widget = new StaticNotebook({
      rendermime: parts.rendermime.clone(),
      contentFactory: parts.contentFactory,
      mimeTypeService: parts.mimeTypeService,
      editorConfig: {
        code: { ...StaticNotebook.defaultEditorConfig.code, readOnly: true },
        markdown: { ...StaticNotebook.defaultEditorConfig.markdown, readOnly: true },
        raw: { ...StaticNotebook.defaultEditorConfig.raw, readOnly: true }
      },
      notebookConfig: { ...StaticNotebook.defaultNotebookConfig, windowingMode: 'none' }
    });
    this._widget.addClass('jp-Notebook');
    this.addWidget(this._widget);
  }

  /** Shows another state of the same notebook. */
  display(whole: nbformat.INotebookContent): void {
    const content = { ...whole, cells: whole.cells.filter(cell => !isTagged(cell, REPEATED)) };
    const model = this._widget.model;
    if (model === null || !sameSources(this._content, content)) {
      const next = new NotebookModel();
      next.fromJSON(content);
      next.readOnly = true;
      this._widget.model = next;
      this._widget.widgets.forEach(cell => {
        cell.readOnly = true;
      });
      model?.dispose();
    } else {
      content.cells.forEach((cell, index) => {
        const before = this._content?.cells[index];
        const target = model.cells.get(index);
        if (cell.cell_type === 'code' && target.type === 'code' && JSON.stringify(before) !== JSON.stringify(cell)) {
          const code = target as unknown as { outputs: { fromJSON(v: nbformat.IOutput[]): void }; executionCount: number | null };
          code.outputs.fromJSON(cell.outputs as nbformat.IOutput[]);
          code.executionCount = cell.execution_count as number | null;
        }
      });
    }
    this._content = content;
    this._ready.resolve();
  }

  /** Scrolls to a cell, counted as submitted. */
  async reveal(submitted: number): Promise<void> {
    await this._ready.promise;
    let position = -1;
    const index = (this._content?.cells ?? []).findIndex(cell => {
      if (!isTagged(cell, INJECTED)) {
        position += 1;
      }
      return position === submitted;
    });
    const cell = this._widget.widgets[index] as Widget | undefined;
    if (cell) {
      // Pictures above it are still being decoded: the place is kept until the reader moves, or all is quiet.
      const place = (): void => {
        cell.node.scrollIntoView({ block: 'start', behavior: 'auto' });
      };
      place();
      const sizes = new ResizeObserver(place);
      sizes.observe(this._widget.node);
      const stop = (): void => {
        sizes.disconnect();
      };
      this.node.addEventListener('wheel', stop, { once: true, passive: true });
      this.node.addEventListener('keydown', stop, { once: true });
      cell.node.classList.add('jp-mlplat-revealed');
      window.setTimeout(() => {
        cell.node.classList.remove('jp-mlplat-revealed');
        stop();
      }, 1600);
    }
  }

  override dispose(): void {
    this._widget.model?.dispose();
    super.dispose();
  }

  private readonly _widget: StaticNotebook;
  private readonly _ready = new PromiseDelegate<void>();
  private _content: nbformat.INotebookContent | null = null;
}

function sameSources(before: nbformat.INotebookContent | null, after: nbformat.INotebookContent): boolean {
  return (
    before?.cells.length === after.cells.length &&
    before.cells.every(
      (cell, index) =>
        cell.cell_type === after.cells[index].cell_type && String(cell.source) === String(after.cells[index].source)
    )
  );
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

interface IHeadActions {
  readonly choose: (tab: Tab) => void;
  readonly reveal: (index: number) => void;
}

class HeadWidget extends PanelWidget {
  constructor(context: IPanelContext, private readonly _view: IJobView, private readonly _actions: IHeadActions) {
    super(context);
    this.addClass('jp-mlplat-jobHead');
    this.title.changed.connect(() => {
      this.update();
    });
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
  const { commands } = usePanel();
  const trans = useTrans();
  const notebook = useResource<nbformat.INotebookContent>(props.view.notebook);
  const parameters = Object.entries(job.parameters);
  const metrics = Object.entries(job.metric);
  const done = ended(job);
  const words = job.message ?? reasonWords(job, trans);
  const runId = job.run_id;
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>
            {job.name} <span className="jp-mlplat-number">{shortId(job.id)}</span>
          </h1>
          <StateBadge state={job.state} word={job.cancel_requested && !done ? trans.__('Cancelling') : undefined} />
          {!done && job.started_at && <Elapsed since={job.started_at} />}
          <div className="jp-mlplat-actions">
            {!done && <CommandButton command={CommandIDs.cancelJob} args={{ id: job.id, name: job.name }} label={trans.__('Cancel')} />}
            {done && <CommandButton command={CommandIDs.rerunJob} args={{ id: job.id }} />}
            {job.state === 'succeeded' && runId && (
              <CommandButton command={CommandIDs.deployModel} args={{ run_id: runId }} primary />
            )}
          </div>
        </div>
        {words && done && job.state !== 'succeeded' && (
          <p className="jp-mlplat-reason" data-tone={stateTone(job.state)} role="status">
            {words}
          </p>
        )}
        <Facts
          rows={[
            [trans.__('Notebook'), <code key="nb">{job.notebook.split('/').pop()}</code>],
            [trans.__('Attempt'), String(job.attempt)],
            [trans.__('Submitted'), <RelativeTime key="t" time={job.submitted_at} />],
            ...(job.started_at && job.ended_at
              ? [[trans.__('Took'), duration((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000)] as const]
              : []),
            ...metrics.map(([name, value]) => [name, <b key={name}>{number(value)}</b>] as const),
            [trans.__('Job'), <Copyable key="id" text={job.id} shown={job.id.slice(0, 12)} label={trans.__('job id')} />],
            ...(runId
              ? [
                  [
                    trans.__('Run'),
                    <span key="run" className="jp-mlplat-inline">
                      <button
                        type="button"
                        className="jp-mlplat-link"
                        onClick={() => {
                          void commands.execute(CommandIDs.openRun, { id: runId });
                        }}
                      >
                        {trans.__('Open')}
                      </button>
                      <Copyable text={runId} shown={runId.slice(0, 12)} label={trans.__('run id')} />
                    </span>
                  ] as const
                ]
              : [])
          ]}
        />
        {parameters.length > 0 && (
          <ul className="jp-mlplat-chips" aria-label={trans.__('Parameters')}>
            {parameters.map(([name, value]) => (
              <li key={name}>
                {name} = <code>{short(value)}</code>
              </li>
            ))}
          </ul>
        )}
      </header>
      <CellStrip cells={job.cells} reveal={props.reveal} />
      <Tabs
        label={trans.__('Views of the job')}
        tabs={[
          { id: 'notebook', label: trans.__('Executed notebook') },
          { id: 'log', label: trans.__('Log') }
        ]}
        chosen={props.tab}
        choose={id => {
          props.choose(id === 'log' ? 'log' : 'notebook');
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

/** One block per code cell: its colour is its state, its width its share of the time. */
function CellStrip(props: { readonly cells: ReadonlyArray<Cell>; readonly reveal: (index: number) => void }): JSX.Element | null {
  const trans = useTrans();
  if (props.cells.length === 0) {
    return null;
  }
  return (
    <ol className="jp-mlplat-strip" aria-label={trans.__('Cells')}>
      {props.cells.map(cell => {
        const seconds = cell.started_at && cell.ended_at ? (Date.parse(cell.ended_at) - Date.parse(cell.started_at)) / 1000 : 0;
        const words = [
          trans.__('Cell %1: %2', cell.index, stateWord(cell.state, trans)),
          seconds ? duration(seconds) : '',
          cell.error ?? ''
        ]
          .filter(Boolean)
          .join(', ');
        return (
          <li key={cell.index} style={{ flexGrow: 1 + Math.sqrt(seconds) }}>
            <button
              type="button"
              data-tone={stateTone(cell.state)}
              data-state={cell.state}
              title={words}
              aria-label={words}
              onClick={() => {
                props.reveal(cell.index);
              }}
            />
          </li>
        );
      })}
    </ol>
  );
}
