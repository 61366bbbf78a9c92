/** Which notebook a command means, and saving it before it runs. */

import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { INotebookAccess } from './commands';

/** Access to the notebooks that are open and to the file browser, either of which may be absent. */
export function notebookAccess(tracker: INotebookTracker | null, browser: IDefaultFileBrowser | null): INotebookAccess {
  return {
    current: () => {
      const panel = tracker?.currentWidget;
      return panel?.isVisible ? panel.context.path : null;
    },
    selected: () => {
      for (const item of browser?.selectedItems() ?? []) {
        if (item.type === 'notebook') {
          return item.path;
        }
      }
      return null;
    },
    save: async path => {
      const panel = tracker?.find(each => each.context.path === path);
      if (panel?.context.model.dirty) {
        await panel.context.save();
      }
    }
  };
}
