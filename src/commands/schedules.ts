/** Commands of schedules: look, make, pause, run now, change, promote, delete. */

import { SchedulesView } from '../panels/schedules/view';
import { CommandIDs } from '../tokens';
import type { Schedule } from '../types';
import { compareIcon, editIcon, pauseIcon, promoteIcon, resumeIcon, runAsJobIcon, scheduleIcon, trashIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';
import { runForm } from './form';

export function scheduleCommands(whole: ICommandContext): ICommand[] {
  const { context, notebooks, notifications, show } = whole;
  const { model, trans } = context;
  const { schedules } = model.api;
  const id = { id: STRING(trans.__('id of the schedule')) };

  /** The schedule that `args` names, else one that the user chooses. */
  const meant = async (
    args: { readonly id?: unknown },
    title: string,
    fits: (schedule: Schedule) => boolean = () => true
  ): Promise<Schedule | undefined> => {
    const given = text(args.id);
    if (given !== undefined) {
      return schedules.get(given);
    }
    await model.schedules.refresh();
    const all = (model.schedules.data?.items ?? []).filter(fits);
    return choose(title, all, each => `${each.name} · ${each.state} · ${each.id}`, trans.__('There is no schedule to choose.'));
  };

  const open = async (chosen?: string): Promise<SchedulesView> => {
    const view = (await show('jp-mlplat-schedules', () => new SchedulesView(context))) as SchedulesView;
    if (chosen !== undefined) {
      view.select(chosen);
    }
    return view;
  };

  return [
    {
      id: CommandIDs.openSchedules,
      label: trans.__('Show Schedules'),
      caption: trans.__('Open the schedules: what ran, what comes, and why something did not'),
      icon: scheduleIcon,
      args: id,
      run: async args => {
        await open(text(args.id));
      }
    },
    {
      id: CommandIDs.scheduleNotebook,
      label: trans.__('Schedule Notebook…'),
      caption: trans.__('Run this notebook as a job at certain times'),
      icon: scheduleIcon,
      args: {
        path: STRING(trans.__('path of the notebook; the one in front by default')),
        selected: { type: 'boolean', description: trans.__('take the one selected in the file browser') }
      },
      enabled: () => notebooks.current() !== null || notebooks.selected() !== null,
      run: args => runForm(whole, args, true)
    },
    {
      id: CommandIDs.triggerSchedule,
      label: trans.__('Run Schedule Now'),
      caption: trans.__('Run it once now, beside its own times'),
      icon: runAsJobIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Run which schedule now?'));
        if (!chosen) {
          return null;
        }
        const job = await schedules.trigger(chosen.id);
        notifications.follow(job);
        return job.id;
      }
    },
    {
      id: CommandIDs.pauseSchedule,
      label: trans.__('Pause Schedule'),
      caption: trans.__('Let nothing be due until it is resumed; what fell due meanwhile is skipped'),
      icon: pauseIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Pause which schedule?'), each => each.state === 'active');
        if (chosen) {
          await schedules.pause(chosen.id);
          model.schedules.invalidate();
        }
      }
    },
    {
      id: CommandIDs.resumeSchedule,
      label: trans.__('Resume Schedule'),
      caption: trans.__('Let its times be due again, from now on'),
      icon: resumeIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Resume which schedule?'), each => each.state === 'paused');
        if (chosen) {
          await schedules.resume(chosen.id);
          model.schedules.invalidate();
        }
      }
    },
    {
      id: CommandIDs.editSchedule,
      label: trans.__('Edit Schedule…'),
      caption: trans.__('Change when it runs, and with which parameters and limits'),
      icon: editIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Edit which schedule?'));
        if (!chosen) {
          return;
        }
        const { editSchedule } = await import('../panels/run-as-job/dialog');
        if (await editSchedule(context, chosen)) {
          model.schedules.invalidate();
        }
      }
    },
    {
      id: CommandIDs.compareSchedule,
      label: trans.__('See What Was Edited Since'),
      caption: trans.__('Compare the notebook with what its schedule runs'),
      icon: compareIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Compare which schedule?'));
        if (chosen) {
          (await open(chosen.id)).compare();
        }
      }
    },
    {
      id: CommandIDs.promoteSchedule,
      label: trans.__('Promote Notebook'),
      caption: trans.__('Run the notebook as it is now from now on'),
      icon: promoteIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Promote the notebook of which schedule?'));
        const question = trans.__('Its next jobs run the notebook as it is now. What they ran until now stays only with the jobs that ran it.');
        if (chosen && (await sure(trans, trans.__('Promote %1?', chosen.name), question, trans.__('Promote'), trans.__('Not yet'), true))) {
          await schedules.promote(chosen.id);
          model.schedules.invalidate();
        }
      }
    },
    {
      id: CommandIDs.deleteSchedule,
      label: trans.__('Delete Schedule'),
      caption: trans.__('Delete a schedule and its ledger; its jobs stay'),
      icon: trashIcon,
      args: id,
      run: async args => {
        const chosen = await meant(args, trans.__('Delete which schedule?'));
        const question = trans.__('It never runs again, and its ledger of what ran, was skipped or missed is lost. The notebook and the jobs that it made stay.');
        if (chosen && (await sure(trans, trans.__('Delete schedule %1?', chosen.name), question, trans.__('Delete')))) {
          await schedules.remove(chosen.id);
          model.schedules.invalidate();
        }
      }
    }
  ];
}
