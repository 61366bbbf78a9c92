/** The executed notebook of a job: read-only, and live while the job runs. */

import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import { type NotebookPanel, NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import type * as nbformat from '@jupyterlab/nbformat';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { PromiseDelegate } from '@lumino/coreutils';
import { Panel, type Widget } from '@lumino/widgets';

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

/** A notebook that nobody can change, updated cell by cell so that the place one reads stays put. */
export class ExecutedNotebook extends Panel {
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
