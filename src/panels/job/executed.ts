/** The executed notebook of a job: read-only, and live while the job runs. */

import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import { type NotebookPanel, NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import type * as nbformat from '@jupyterlab/nbformat';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { PromiseDelegate } from '@lumino/coreutils';
import { Panel, Widget } from '@lumino/widgets';
import { type IOutputs, renewOutputs } from './outputs';

/** What is needed to draw a notebook. */
export interface INotebookParts {
  readonly rendermime: IRenderMimeRegistry;
  readonly contentFactory: NotebookPanel.IContentFactory;
  readonly mimeTypeService: IEditorMimeTypeService;
}

/** Tag of the cell that papermill adds for the parameters; it is none of the submitted cells. */
const INJECTED = 'injected-parameters';

/** Tag of the cells in which papermill repeats the error; the head of the view says it already. */
const REPEATED = 'papermill-error-cell-tag';

function isTagged(cell: nbformat.ICell, tag: string): boolean {
  return Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes(tag);
}

/** A cell as the notebook draws it. */
type Cell = StaticNotebook['widgets'][number];

/** Class of the cell that runs. */
const RUNNING = 'jp-mlplat-runningCell';

/** Pixels that are left below the running cell. */
const BELOW = 24;

/** Keys that move what one sees. */
const MOVES = new Set(['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End', ' ']);

/** A notebook that nobody can change, updated output by output so that the place one reads stays put. */
export class ExecutedNotebook extends Panel {
  /** `follow` is what the button says that goes back to the running cell. */
  constructor(parts: INotebookParts, follow: string) {
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
    this._button = document.createElement('button');
    this._button.type = 'button';
    this._button.className = 'jp-mlplat-button';
    this._button.textContent = follow;
    this._button.addEventListener('click', () => {
      this.following = true;
    });
    const foot = new Widget();
    foot.addClass('jp-mlplat-follow');
    foot.node.append(this._button);
    this.addWidget(foot);
    this._sizes = new ResizeObserver(() => {
      this._place();
    });
    this._sizes.observe(this._widget.node);
    const leave = (event: Event): void => {
      const elsewhere = event instanceof KeyboardEvent && !MOVES.has(event.key);
      if (!elsewhere && event.target !== this._button) {
        this.following = false;
      }
    };
    for (const type of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      this.node.addEventListener(type, leave, { passive: true });
    }
    this._showButton();
  }

  /** The running cell is kept in sight; the reader who moves ends that. */
  get following(): boolean {
    return this._following;
  }

  set following(following: boolean) {
    this._following = following;
    this._showButton();
    this._place();
  }

  /** Shows another state of the same notebook. */
  display(whole: nbformat.INotebookContent): void {
    const content = { ...whole, cells: whole.cells.filter(cell => !isTagged(cell, REPEATED)) };
    const model = this._widget.model;
    const top = this.node.scrollTop;
    if (model === null || !sameSources(this._content, content)) {
      const next = new NotebookModel();
      next.fromJSON(content);
      next.readOnly = true;
      this._widget.model = next;
      this._widget.widgets.forEach(cell => {
        cell.readOnly = true;
      });
      model?.dispose();
      this.node.scrollTop = top;
    } else {
      content.cells.forEach((cell, index) => {
        const before = this._content?.cells[index];
        const target = model.cells.get(index);
        if (cell.cell_type === 'code' && target.type === 'code' && JSON.stringify(before) !== JSON.stringify(cell)) {
          const code = target as unknown as { outputs: IOutputs; executionCount: number | null };
          renewOutputs(code.outputs, (before?.outputs ?? []) as nbformat.IOutput[], cell.outputs as nbformat.IOutput[]);
          code.executionCount = cell.execution_count as number | null;
        }
      });
    }
    this._content = content;
    this._mark();
    this._ready.resolve();
  }

  /** Marks the cell that runs, counted as submitted; null for none. */
  mark(running: number | null): void {
    if (running !== this._running) {
      this._running = running;
      this._mark();
      this._showButton();
    }
    this._place();
  }

  /** Scrolls to a cell, counted as submitted. */
  async reveal(submitted: number): Promise<void> {
    await this._ready.promise;
    const cell = this._cellOf(submitted);
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
    this._sizes.disconnect();
    this._widget.model?.dispose();
    super.dispose();
  }

  /** The widget of a cell, counted as submitted. */
  private _cellOf(submitted: number): Cell | undefined {
    let position = -1;
    const index = (this._content?.cells ?? []).findIndex(cell => {
      if (!isTagged(cell, INJECTED)) {
        position += 1;
      }
      return position === submitted;
    });
    return this._widget.widgets.at(index < 0 ? this._widget.widgets.length : index);
  }

  private _mark(): void {
    const cell = this._running === null ? undefined : this._cellOf(this._running);
    if (this._marked && this._marked !== cell && !this._marked.isDisposed) {
      const { model, node } = this._marked;
      node.classList.remove(RUNNING);
      node.removeAttribute('aria-current');
      const count = (model as unknown as { executionCount?: number | null }).executionCount;
      this._marked.setPrompt(count ? String(count) : '');
    }
    if (cell) {
      cell.node.classList.add(RUNNING);
      cell.node.setAttribute('aria-current', 'step');
      cell.setPrompt('*');
    }
    this._marked = cell;
  }

  /** Brings the running cell into sight, its end where it is higher than what one sees. */
  private _place(): void {
    const cell = this._marked;
    if (!this._following || !cell || cell.isDisposed || !this.isVisible) {
      return;
    }
    const seen = this.node.getBoundingClientRect();
    const box = cell.node.getBoundingClientRect();
    if (box.bottom > seen.bottom - BELOW) {
      this.node.scrollTop += box.bottom - seen.bottom + BELOW;
    } else if (box.top < seen.top && box.height < seen.height) {
      this.node.scrollTop -= seen.top - box.top;
    }
  }

  private _showButton(): void {
    this._button.hidden = this._following || this._running === null;
  }

  private readonly _widget: StaticNotebook;
  private readonly _button: HTMLButtonElement;
  private readonly _sizes: ResizeObserver;
  private readonly _ready = new PromiseDelegate<void>();
  private _content: nbformat.INotebookContent | null = null;
  private _running: number | null = null;
  private _marked: Cell | undefined;
  private _following = true;
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
