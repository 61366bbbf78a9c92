/** The plugins: small, each with one purpose; what only JupyterLab has is optional. */

import { ILayoutRestorer, IRouter, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry, IWindowResolver, type MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IStateDB } from '@jupyterlab/statedb';
import { IStatusBar } from '@jupyterlab/statusbar';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Api } from './api';
import { addCommands } from './commands';
import { PlatformModel } from './model';
import { notebookAccess } from './notebook';
import { JobNotifications } from './notify';
import { openLink, takeLink } from './open-link';
import type { IPanelContext, IView } from './panels/context';
import { GPUBadge } from './panels/gpus/badge';
import { EndNotices } from './panels/gpus/ends';
import { RestNotices } from './panels/gpus/notices';
import { PlatformPanel } from './panels/side';
import { RunningManager } from './running';
import { StatusItem } from './status';
import { CATEGORY, CommandIDs, DOMAIN, IMLPlat, NAMESPACE, SECTIONS } from './tokens';

/** Third-party panels stand between 501 and 899. */
const RANK = 650;

function contextOf(app: JupyterFrontEnd, model: PlatformModel, translator: ITranslator | null): IPanelContext {
  return { model, commands: app.commands, trans: (translator ?? nullTranslator).load(DOMAIN) };
}

const platform: JupyterFrontEndPlugin<IMLPlat> = {
  id: `${NAMESPACE}:platform`,
  description: 'Provides the live model of the ML platform; it asks the server only once the application stands.',
  autoStart: true,
  provides: IMLPlat,
  optional: [IStateDB],
  activate: (app: JupyterFrontEnd, state: IStateDB | null): IMLPlat => {
    const { serviceManager } = app;
    const model = new PlatformModel({
      api: new Api(serviceManager.serverSettings),
      events: serviceManager.events,
      connectionFailure: serviceManager.connectionFailure,
      files: serviceManager.contents.fileChanged,
      state
    });
    void app.restored.then(() => model.start());
    return { model };
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:panel`,
  description: 'Adds the side panel, the views and the commands of the ML platform.',
  autoStart: true,
  requires: [IMLPlat, IRenderMimeRegistry, NotebookPanel.IContentFactory, IEditorServices],
  optional: [ICommandPalette, ILayoutRestorer, INotebookTracker, IDefaultFileBrowser, IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IMLPlat,
    rendermime: IRenderMimeRegistry,
    contentFactory: NotebookPanel.IContentFactory,
    editors: IEditorServices,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    browser: IDefaultFileBrowser | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ): void => {
    const context = contextOf(app, model, translator);
    const side = new PlatformPanel(context, { translator: translator ?? undefined, state });
    const tracker = new WidgetTracker<MainAreaWidget<IView>>({ namespace: NAMESPACE });
    addCommands({
      app,
      context,
      panel: side,
      notebooks: notebookAccess(notebooks, browser),
      parts: { rendermime, contentFactory, mimeTypeService: editors.mimeTypeService },
      tracker,
      notifications: new JobNotifications(model, app.commands, context.trans),
      state
    });
    const notify = (): void => {
      app.commands.notifyCommandChanged(CommandIDs.runNotebook);
      app.commands.notifyCommandChanged(CommandIDs.scheduleNotebook);
    };
    notebooks?.currentChanged.connect(notify);
    app.shell.add(side, 'left', { rank: RANK, type: 'ML Platform' });
    restorer?.add(side, side.id);
    if (restorer) {
      void restorer.restore(tracker, {
        command: `${NAMESPACE}:restore`,
        args: ({ content }) => content.identity as never,
        name: ({ content }) => content.id
      });
    }
    app.commands.addCommand(`${NAMESPACE}:restore`, {
      describedBy: { args: { type: 'object', properties: { command: { type: 'string' }, args: { type: 'object' } } } },
      isVisible: () => false,
      execute: args => app.commands.execute(String(args.command), args.args as never)
    });
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: CATEGORY });
    }
    for (const section of SECTIONS) {
      palette?.addItem({
        command: CommandIDs.openPanel,
        category: CATEGORY,
        args: { section, label: context.trans.__('Show ML Platform: %1', section) }
      });
    }
  }
};

const links: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:links`,
  description: 'Opens the view that a link to JupyterLab names.',
  autoStart: true,
  requires: [IMLPlat],
  // The resolver is there once the page has its workspace: until then JupyterLab may load it anew, and takes the address along.
  optional: [IRouter, IWindowResolver, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IMLPlat,
    router: IRouter | null,
    _: IWindowResolver | null,
    translator: ITranslator | null
  ): void => {
    const link = router && takeLink(router);
    if (link !== null) {
      void app.restored.then(() => openLink(contextOf(app, model, translator), link));
    }
  }
};

const notebook: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:notebook`,
  description: 'Puts “Run as job” into the notebook toolbar and the file browser (its settings say where).',
  autoStart: true,
  requires: [IMLPlat],
  activate: (): void => {
    // The schema of this plugin declares the items; users move or remove them in the settings.
  }
};

const gpus: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:gpus`,
  description: 'Puts a card for a notebook with GPUs into the launcher, where there are GPUs, a badge into notebooks, and asks about idle ones.',
  autoStart: true,
  requires: [IMLPlat],
  optional: [ILauncher, IToolbarWidgetRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IMLPlat,
    launcher: ILauncher | null,
    toolbars: IToolbarWidgetRegistry | null,
    translator: ITranslator | null
  ): void => {
    const context = contextOf(app, model, translator);
    toolbars?.addFactory<NotebookPanel>('Notebook', 'gpu', notebook => new GPUBadge(context, notebook));
    new RestNotices(context, app.serviceManager);
    new EndNotices(context, app.serviceManager);
    let added = false;
    model.gpus.changed.connect(() => {
      app.commands.notifyCommandChanged(CommandIDs.newGPUNotebook);
      if (!added && (model.gpus.data?.devices.length ?? 0) > 0) {
        added = true;
        launcher?.add({ command: CommandIDs.newGPUNotebook, category: CATEGORY, rank: 1 });
      }
    });
  }
};

const status: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:status`,
  description: 'Shows running and waiting jobs in the status bar while there are any.',
  autoStart: true,
  requires: [IMLPlat],
  optional: [IStatusBar, ITranslator],
  activate: (app: JupyterFrontEnd, { model }: IMLPlat, bar: IStatusBar | null, translator: ITranslator | null): void => {
    if (bar) {
      const item = new StatusItem(contextOf(app, model, translator));
      bar.registerStatusItem(`${NAMESPACE}:status`, {
        item,
        align: 'left',
        rank: 50,
        isActive: () => item.isActive,
        activeStateChanged: item.activeChanged
      });
    }
  }
};

const running: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:running`,
  description: 'Lists living jobs, sweeps, pipelines and endpoints among the running terminals and kernels.',
  autoStart: true,
  requires: [IMLPlat],
  optional: [IRunningSessionManagers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IMLPlat,
    managers: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    managers?.add(new RunningManager(contextOf(app, model, translator)));
  }
};

export { IMLPlat } from './tokens';
export default [platform, panel, links, notebook, gpus, running, status] as JupyterFrontEndPlugin<unknown>[];
