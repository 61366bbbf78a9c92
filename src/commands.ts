/** Every action as a command: a label, a caption, an icon and the schema of its arguments. */

import { Dialog, InputDialog, MainAreaWidget, Notification, showDialog, type WidgetTracker } from '@jupyterlab/apputils';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import { refreshIcon, runIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';
import { ended } from './model';
import type { JobNotifications } from './notify';
import type { IPanelContext } from './panels/context';
import { DeploymentView } from './panels/deployment';
import { DriftView } from './panels/drift';
import { type INotebookParts, JobView } from './panels/job';
import { relativeNotebook } from './panels/jobs';
import { RunView } from './panels/run';
import type { PlatformPanel } from './panels/side';
import { showStatus } from './panels/status';
import { asApiError } from './resource';
import { CommandIDs, type SectionName, SECTIONS } from './tokens';
import type { Job } from './types';
import { againIcon, cancelIcon, deployIcon, driftIcon, platformIcon, runAsJobIcon, statusIcon, trashIcon, tryIcon } from './widgets/icons';

/** The notebook that a command would run, and how to save it first. */
export interface INotebookAccess {
  /** Path of the notebook in front, or null. */
  current(): string | null;
  /** Saves the notebook when it is open and has changes. */
  save(path: string): Promise<void>;
  /** Path of the notebook selected in the file browser, or null. */
  selected(): string | null;
}

export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly context: IPanelContext;
  readonly panel: PlatformPanel;
  readonly notebooks: INotebookAccess;
  readonly parts: INotebookParts;
  readonly tracker: WidgetTracker<MainAreaWidget>;
  readonly notifications: JobNotifications;
}

interface ICommand {
  readonly id: string;
  readonly label: string;
  readonly caption: string;
  readonly icon: LabIcon;
  readonly args?: Readonly<Record<string, ReadonlyJSONObject>>;
  readonly run: (args: ReadonlyPartialJSONObject) => unknown;
  readonly enabled?: () => boolean;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const STRING = (description: string): ReadonlyJSONObject => ({ type: 'string', description });

/** Registers all commands; the palette takes every one of them. */
export function addCommands(options: ICommandOptions): IDisposable[] {
  const { app, context, panel, notebooks, parts, tracker, notifications } = options;
  const { model, commands, trans } = context;

  const show = async (id: string, make: () => Widget): Promise<void> => {
    let widget = tracker.find(each => each.content.id === id);
    if (!widget) {
      widget = new MainAreaWidget({ content: make() });
      widget.id = `${id}-main`;
      widget.title.closable = true;
      widget.toolbar.hide();
      await tracker.add(widget);
    }
    if (!widget.isAttached) {
      app.shell.add(widget, 'main');
    }
    app.shell.activateById(widget.id);
  };

  const chooseJob = async (title: string, fits: (job: Job) => boolean): Promise<string | undefined> => {
    await model.jobs.refresh();
    const jobs = (model.jobs.data?.items ?? []).filter(fits);
    if (jobs.length === 0) {
      Notification.info(trans.__('There is no job to choose.'), { autoClose: 3000 });
      return undefined;
    }
    const items = jobs.map(job => `${job.name} · ${job.state} · ${job.id}`);
    const answer = await InputDialog.getItem({ title, items });
    return answer.button.accept && answer.value !== null ? jobs[items.indexOf(answer.value)]?.id : undefined;
  };

  const list: ICommand[] = [
    {
      id: CommandIDs.openPanel,
      label: trans.__('Show ML Platform'),
      caption: trans.__('Open the side panel with jobs, runs, deployments, features, drift and GPUs'),
      icon: platformIcon,
      args: { section: { type: 'string', enum: [...SECTIONS], description: trans.__('the section to open') } },
      run: args => {
        const section = SECTIONS.find(name => name === args.section);
        if (section) {
          panel.reveal(section satisfies SectionName);
        }
        app.shell.activateById(panel.id);
      }
    },
    {
      id: CommandIDs.refresh,
      label: trans.__('Refresh ML Platform'),
      caption: trans.__('Fetch everything again'),
      icon: refreshIcon,
      run: () => {
        model.refreshAll();
      }
    },
    {
      id: CommandIDs.showStatus,
      label: trans.__('Show Platform Status'),
      caption: trans.__('Versions, where data lives, what runs, and what is not available and why'),
      icon: statusIcon,
      run: () => showStatus(context)
    },
    {
      id: CommandIDs.runNotebook,
      label: trans.__('Run as Job…'),
      caption: trans.__('Run this notebook from top to bottom as a job'),
      icon: runAsJobIcon,
      args: {
        path: STRING(trans.__('path of the notebook; the one in front by default')),
        selected: { type: 'boolean', description: trans.__('take the one selected in the file browser') }
      },
      enabled: () => notebooks.current() !== null || notebooks.selected() !== null,
      run: async args => {
        const path = text(args.path) ?? (args.selected ? notebooks.selected() : (notebooks.current() ?? notebooks.selected()));
        if (!path) {
          return null;
        }
        await notebooks.save(path);
        const { runAsJob } = await import('./panels/run-as-job');
        const job = await runAsJob(context, path);
        if (job) {
          notifications.follow(job);
          app.shell.activateById(panel.id);
        }
        return job?.id ?? null;
      }
    },
    {
      id: CommandIDs.openJob,
      label: trans.__('Open Job'),
      caption: trans.__('Open the executed notebook of a job'),
      icon: runIcon,
      args: { id: STRING(trans.__('id of the job')) },
      run: async args => {
        const id = text(args.id) ?? (await chooseJob(trans.__('Open which job?'), () => true));
        if (id) {
          await show(`jp-mlplat-job-${id}`, () => new JobView(context, parts, id));
        }
      }
    },
    {
      id: CommandIDs.cancelJob,
      label: trans.__('Cancel Job'),
      caption: trans.__('Stop a job that waits or runs'),
      icon: cancelIcon,
      args: { id: STRING(trans.__('id of the job')), name: STRING(trans.__('its name, for the question')) },
      run: async args => {
        const id = text(args.id) ?? (await chooseJob(trans.__('Cancel which job?'), job => !ended(job)));
        if (!id) {
          return;
        }
        const job = await model.api.jobs.get(id);
        const question = job.cells_done
          ? trans.__('%1 of %2 cells are done. What they computed and did not save is lost; the notebook and the log so far stay.', job.cells_done, job.cells_total)
          : trans.__('Nothing has run yet, so nothing is lost.');
        if (await sure(trans, trans.__('Cancel %1?', job.name), question, trans.__('Cancel job'), trans.__('Keep'))) {
          await model.api.jobs.cancel(id);
          model.jobs.invalidate();
        }
      }
    },
    {
      id: CommandIDs.rerunJob,
      label: trans.__('Run Again'),
      caption: trans.__('Submit the same notebook with the same parameters'),
      icon: againIcon,
      args: { id: STRING(trans.__('id of the job')) },
      run: async args => {
        const id = text(args.id) ?? (await chooseJob(trans.__('Run which job again?'), ended));
        if (!id) {
          return null;
        }
        const before = await model.api.jobs.get(id);
        const path = relativeNotebook(before.notebook, PageConfig.getOption('serverRoot'));
        if (path === null) {
          throw new Error(trans.__('%1 is outside of the folder that this server serves.', before.notebook));
        }
        const job = await model.api.jobs.create({
          notebook: path,
          name: before.name,
          parameters: before.parameters,
          timeout: before.timeout,
          cell_timeout: before.cell_timeout
        });
        notifications.follow(job);
        return job.id;
      }
    },
    {
      id: CommandIDs.moreJobs,
      label: trans.__('Show More Jobs'),
      caption: trans.__('List older jobs as well'),
      icon: againIcon,
      run: () => {
        model.moreJobs();
      }
    },
    {
      id: CommandIDs.openRun,
      label: trans.__('Open Run'),
      caption: trans.__('Open the metrics, parameters and models of a run'),
      icon: platformIcon,
      args: { id: STRING(trans.__('id of the run')) },
      run: async args => {
        let id = text(args.id);
        if (!id) {
          await model.runs.refresh();
          const runs = model.runs.data?.items ?? [];
          const items = runs.map(run => `${run.name} · ${run.id}`);
          const answer = await InputDialog.getItem({ title: trans.__('Open which run?'), items });
          id = answer.button.accept && answer.value !== null ? runs[items.indexOf(answer.value)]?.id : undefined;
        }
        if (id) {
          const run = id;
          await show(`jp-mlplat-run-${run}`, () => new RunView(context, run));
        }
      }
    },
    {
      id: CommandIDs.chooseExperiment,
      label: trans.__('Choose Experiment'),
      caption: trans.__('List the runs of one experiment'),
      icon: platformIcon,
      args: { name: { type: 'string', description: trans.__('name of the experiment; empty for all') } },
      run: async args => {
        if (typeof args.name === 'string') {
          model.experiment = args.name || null;
          return;
        }
        await model.experiments.refresh();
        const all = trans.__('All');
        const items = [all, ...(model.experiments.data?.items ?? []).map(each => each.name)];
        const answer = await InputDialog.getItem({ title: trans.__('Runs of which experiment?'), items });
        if (answer.button.accept && answer.value !== null) {
          model.experiment = answer.value === all ? null : answer.value;
        }
      }
    },
    {
      id: CommandIDs.deployModel,
      label: trans.__('Deploy Model…'),
      caption: trans.__('Serve a registered model over HTTP'),
      icon: deployIcon,
      args: {
        model: STRING(trans.__('name of the registered model')),
        version: STRING(trans.__('its version')),
        run_id: STRING(trans.__('take the model that this run registered'))
      },
      run: async args => {
        const { deployModel } = await import('./panels/deploy');
        const deployment = await deployModel(context, {
          model: text(args.model),
          version: text(args.version),
          runId: text(args.run_id)
        });
        if (deployment) {
          model.deployments.demand();
          model.deployments.invalidate();
          await commands.execute(CommandIDs.openDeployment, { name: deployment.name });
        }
        return deployment?.name ?? null;
      }
    },
    {
      id: CommandIDs.openDeployment,
      label: trans.__('Try Deployment'),
      caption: trans.__('Open a deployment and send it a row'),
      icon: tryIcon,
      args: { name: STRING(trans.__('name of the deployment')) },
      run: async args => {
        const name = text(args.name) ?? (await chooseDeployment(context, trans.__('Open which deployment?')));
        if (name) {
          await show(`jp-mlplat-deployment-${name}`, () => new DeploymentView(context, name));
        }
      }
    },
    {
      id: CommandIDs.deleteDeployment,
      label: trans.__('Delete Deployment'),
      caption: trans.__('Stop an endpoint and forget it; the model stays'),
      icon: trashIcon,
      args: { name: STRING(trans.__('name of the deployment')) },
      run: async args => {
        const name = text(args.name) ?? (await chooseDeployment(context, trans.__('Delete which deployment?')));
        if (!name) {
          return;
        }
        const question = trans.__('Its address stops answering and its token is void. The model and its versions stay.');
        if (await sure(trans, trans.__('Delete %1?', name), question, trans.__('Delete'), trans.__('Keep'))) {
          await model.api.deployments.remove(name);
          model.deployments.invalidate();
          tracker.find(each => each.content.id === `jp-mlplat-deployment-${name}`)?.dispose();
        }
      }
    },
    {
      id: CommandIDs.checkDrift,
      label: trans.__('Check Drift…'),
      caption: trans.__('Compare two tables column by column'),
      icon: driftIcon,
      args: {
        reference: STRING(trans.__('file that the model was trained on')),
        current: STRING(trans.__('file to compare with it'))
      },
      run: args =>
        show('jp-mlplat-drift', () => new DriftView(context, { reference: text(args.reference), current: text(args.current) }))
    }
  ];

  return list.map(command =>
    commands.addCommand(command.id, {
      label: args => text(args.label) ?? command.label,
      caption: command.caption,
      icon: command.icon,
      isEnabled: command.enabled,
      describedBy: { args: { type: 'object', properties: command.args ?? {}, additionalProperties: false } },
      execute: args => told(trans, command.label, () => command.run(args))
    })
  );
}

/** Runs an action; a failure is told in words, with what to do. */
async function told(trans: TranslationBundle, label: string, run: () => unknown): Promise<unknown> {
  try {
    return (await run()) ?? null;
  } catch (reason) {
    const error = asApiError(reason);
    const fields = Object.values(error.fields);
    const message = [error.message, ...fields, error.hint].filter(Boolean).join(' ');
    Notification.error(trans.__('%1: %2', label.replace(/…$/, ''), message), { autoClose: 10000 });
    return null;
  }
}

async function sure(trans: TranslationBundle, title: string, body: string, yes: string, no: string): Promise<boolean> {
  const answer = await showDialog({
    title,
    body,
    buttons: [Dialog.cancelButton({ label: no }), Dialog.warnButton({ label: yes, ariaLabel: trans.__('%1 now', yes) })]
  });
  return answer.button.accept;
}

async function chooseDeployment(context: IPanelContext, title: string): Promise<string | undefined> {
  const { model, trans } = context;
  await model.deployments.refresh();
  const items = (model.deployments.data?.items ?? []).map(each => each.name);
  if (items.length === 0) {
    Notification.info(trans.__('Nothing is deployed.'), { autoClose: 3000 });
    return undefined;
  }
  const answer = await InputDialog.getItem({ title, items });
  return answer.button.accept ? (answer.value ?? undefined) : undefined;
}
