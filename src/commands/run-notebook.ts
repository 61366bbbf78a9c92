/** The notebook of a run, as it was, among the files that one can open. */

import { PageConfig } from '@jupyterlab/coreutils';
import type * as nbformat from '@jupyterlab/nbformat';
import { type Contents, ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Api } from '../api';
import { relativeNotebook } from '../panels/jobs/words';
import { NOTEBOOK } from '../panels/run/kinds';

/** Copies of one run's notebook that were changed since, before this gives up. */
const MOST = 100;

/** Writes a copy beside where the notebook was, unless an unchanged one is there; resolves to its path. */
export async function copyNotebook(contents: Contents.IManager, api: Api, id: string, trans: TranslationBundle): Promise<string> {
  const run = await api.runs.get(id);
  const files = run.artifacts.includes(NOTEBOOK) ? (await api.runs.artifacts(id, NOTEBOOK)).items : [];
  const kept = files.find(file => !file.is_dir && file.path.endsWith('.ipynb'));
  if (!kept) {
    throw new Error(trans.__('%1 has kept no notebook.', run.name));
  }
  const content = untrusted(JSON.parse(await (await api.runs.artifact(id, kept.path)).text()) as nbformat.INotebookContent);
  const stem = (kept.path.split('/').pop() ?? '').replace(/\.ipynb$/, '');
  const source = relativeNotebook(run.tags['mlflow.source.name'] ?? '', PageConfig.getOption('serverRoot'));
  const folder = await folderOf(contents, source ?? '');
  for (let copy = 1; copy <= MOST; copy += 1) {
    const name = `${stem} (run ${id.slice(0, 8)})${copy > 1 ? ` ${copy}` : ''}.ipynb`;
    const path = folder ? `${folder}/${name}` : name;
    const there = await found(contents, path, true);
    if (there === null) {
      await contents.save(path, { type: 'notebook', format: 'json', content });
      return path;
    }
    if (sources(there.content as nbformat.INotebookContent) === sources(content)) {
      return path;
    }
  }
  throw new Error(trans.__('There are too many copies of this notebook in %1.', folder || '/'));
}

/** The same with nothing in it that was trusted elsewhere: its outputs are somebody's, and run nothing here. */
function untrusted(notebook: nbformat.INotebookContent): nbformat.INotebookContent {
  const cells = notebook.cells.map(cell => ({ ...cell, metadata: { ...cell.metadata, trusted: undefined } }));
  return { ...notebook, cells: cells as nbformat.ICell[] };
}

function sources(notebook: nbformat.INotebookContent): string {
  return JSON.stringify(notebook.cells.map(cell => [cell.cell_type, [cell.source].flat().join('')]));
}

/** The folder of a file where it is there, else the uppermost. */
async function folderOf(contents: Contents.IManager, path: string): Promise<string> {
  const folder = path.split('/').slice(0, -1).join('/');
  return folder !== '' && (await found(contents, folder, false)) !== null ? folder : '';
}

async function found(contents: Contents.IManager, path: string, content: boolean): Promise<Contents.IModel | null> {
  try {
    return await contents.get(path, { content });
  } catch (reason) {
    if (reason instanceof ServerConnection.ResponseError && reason.response.status === 404) {
      return null;
    }
    throw reason;
  }
}
