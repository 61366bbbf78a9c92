/** Commands of runs, experiments and drift. */

import { DriftView } from '../panels/drift';
import { RunView } from '../panels/run/view';
import { CommandIDs } from '../tokens';
import { driftIcon, platformIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, text } from './command';

export function runCommands({ context, show, parts }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  return [
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
          id = (await choose(trans.__('Open which run?'), runs, run => `${run.name} · ${run.id}`, trans.__('There is no run yet.')))?.id;
        }
        if (id) {
          const run = id;
          await show(`jp-mlplat-run-${run}`, () => new RunView(context, run, parts));
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
