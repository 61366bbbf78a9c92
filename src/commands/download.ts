/** Saves the executed notebook of a job as a file of the reader's. */

import { Notification } from '@jupyterlab/apputils';
import type { PageFormat } from '../api';
import type { IPanelContext } from '../panels/context';
import { asApiError } from '../resource';
import { CommandIDs } from '../tokens';
import { save } from '../widgets/save';

export const FORMATS: ReadonlyArray<PageFormat> = ['notebook', 'html', 'pdf'];

const ENDINGS: Readonly<Record<PageFormat, string>> = { notebook: 'ipynb', html: 'html', pdf: 'pdf' };

/** Fetches the file, says so while that takes time, and hands it to the browser. */
export async function download(context: IPanelContext, id: string, format: PageFormat): Promise<void> {
  const { model, trans } = context;
  const job = await model.api.jobs.get(id);
  const busy =
    format === 'notebook'
      ? null
      : Notification.emit(trans.__('%1 is made into %2', job.name, format.toUpperCase()), 'in-progress', { autoClose: false });
  try {
    save(await model.api.jobs.page(id, format), `${job.name}-${id}.${ENDINGS[format]}`);
  } catch (reason) {
    if (format !== 'pdf' || asApiError(reason).status !== 503) {
      throw reason;
    }
    Notification.warning(trans.__('No PDF: the server has neither a Chromium browser nor LaTeX to make one. An HTML page can be printed from any browser.'), {
      autoClose: false,
      actions: [
        {
          label: trans.__('Download HTML'),
          callback: () => {
            void context.commands.execute(CommandIDs.downloadJob, { id, format: 'html' });
          }
        }
      ]
    });
  } finally {
    if (busy !== null) {
      Notification.dismiss(busy);
    }
  }
}
