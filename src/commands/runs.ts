/** Commands of runs, experiments and drift. */

import { notebookIcon } from '@jupyterlab/ui-components';
import { DriftView } from '../panels/drift';
import { RunView } from '../panels/run/view';
import { CommandIDs } from '../tokens';
import type { Run } from '../types';
import { againIcon, driftIcon, platformIcon } from '../widgets/icons';
import { copyNotebook } from './run-notebook';
import { choose, type ICommand, type ICommandContext, STRING, text } from './command';

export function runCommands({ app, context, notifications, show, parts }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const chosen = async (title: string): Promise<Run | undefined> => {
    await model.runs.refresh();
    return choose(title, model.runs.data?.items ?? [], run => `${run.name} · ${run.id}`, trans.__('There is no run yet.'));
  };
  return [
    {
      id: CommandIDs.openRun,
      label: trans.__('Open Run'),
      caption: trans.__('Open the metrics, parameters and models of a run'),
      icon: platformIcon,
      args: { id: STRING(trans.__('id of the run')) },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Open which run?')))?.id;
        if (id) {
          await show(`jp-mlplat-run-${id}`, () => new RunView(context, id, parts));
        }
      }
    },
    {
      id: CommandIDs.openRunNotebook,
      label: trans.__('Open Notebook as It Was'),
      caption: trans.__('Open a copy of the notebook that a run executed'),
      icon: notebookIcon,
      args: { id: STRING(trans.__('id of the run')) },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Open the notebook of which run?')))?.id;
        if (id) {
          const path = await copyNotebook(app.serviceManager.contents, model.api, id, trans);
          await context.commands.execute('docmanager:open', { path, factory: 'Notebook' });
        }
      }
    },
    {
      id: CommandIDs.rerunRun,
      label: trans.__('Run Again'),
      caption: trans.__('Run the notebook of a run as it was then, with the same parameters, as a new job'),
      icon: againIcon,
      args: { id: STRING(trans.__('id of the run')) },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Run which run again?')))?.id;
        if (!id) {
          return null;
        }
        const job = await model.api.runs.rerun(id);
        model.jobs.invalidate();
        notifications.follow(job);
        return job.id;
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
        const names = [all, ...(model.experiments.data?.items ?? []).map(each => each.name)];
        const name = await choose(trans.__('Runs of which experiment?'), names, each => each, '');
        if (name !== undefined) {
          model.experiment = name === all ? null : name;
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
}
