/** Commands of sweeps: look, cancel, run the failed points again. */

import { SweepView } from '../panels/sweep/view';
import { failedPoints, progressWords } from '../panels/sweep/words';
import { CommandIDs } from '../tokens';
import type { Sweep } from '../types';
import { againIcon, cancelIcon, moreIcon, sweepIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

export function sweepCommands({ context, show }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const { sweeps } = model.api;
  const id = { id: STRING(trans.__('id of the sweep')) };

  /** The sweep that `args` names, else one that the user chooses. */
  const meant = async (
    args: { readonly id?: unknown },
    title: string,
    fits: (sweep: Sweep) => boolean = () => true
  ): Promise<string | undefined> => {
    const given = text(args.id);
    if (given !== undefined) {
      return given;
    }
    await model.sweeps.refresh();
    const all = (model.sweeps.data?.items ?? []).filter(fits);
    return (await choose(title, all, each => `${each.name} · ${each.state} · ${each.id}`, trans.__('There is no sweep to choose.')))?.id;
  };

  return [
    {
      id: CommandIDs.openSweep,
      label: trans.__('Open Sweep'),
      caption: trans.__('Open a sweep: its points, the metric over its parameters, the best one'),
      icon: sweepIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Open which sweep?'));
        if (chosen) {
          await show(`jp-mlplat-sweep-${chosen}`, () => new SweepView(context, chosen));
        }
      }
    },
    {
      id: CommandIDs.cancelSweep,
      label: trans.__('Cancel Sweep'),
      caption: trans.__('Stop all jobs of a sweep that wait or run'),
      icon: cancelIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Cancel which sweep?'), each => each.state === 'running');
        if (!chosen) {
          return;
        }
        const sweep = await sweeps.get(chosen);
        const question = trans.__('%1. Points that have ended keep their results; what the others computed and did not save is lost.', progressWords(sweep, trans));
        if (await sure(trans, trans.__('Cancel the sweep %1?', sweep.name), question, trans.__('Cancel sweep'))) {
          await sweeps.cancel(chosen);
          model.sweeps.invalidate();
        }
      }
    },
    {
      id: CommandIDs.rerunSweep,
      label: trans.__('Rerun Failed Points'),
      caption: trans.__('Run those points of a sweep again that did not succeed, and only those'),
      icon: againIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Rerun the failed points of which sweep?'), each => each.state !== 'running' && failedPoints(each) > 0);
        if (chosen) {
          await sweeps.retry(chosen);
          model.sweeps.invalidate();
        }
      }
    },
    {
      id: CommandIDs.moreSweeps,
      label: trans.__('Show More Sweeps'),
      caption: trans.__('List older sweeps as well'),
      icon: moreIcon,
      run: () => {
        model.more('sweeps');
      }
    }
  ];
}
