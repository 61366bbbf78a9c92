/** Runs or schedules a notebook by the form. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Notification } from '@jupyterlab/apputils';
import { CommandIDs } from '../tokens';
import { type ICommandContext, text } from './command';

/** Shows the form for the notebook that `args` names; answers the id of what it made, or null. */
export async function runForm(
  whole: ICommandContext,
  args: ReadonlyPartialJSONObject,
  scheduled: boolean
): Promise<string | null> {
  const { app, context, notebooks, notifications, panel } = whole;
  const { model, commands, trans } = context;
  const path = text(args.path) ?? (args.selected ? notebooks.selected() : (notebooks.current() ?? notebooks.selected()));
  if (!path) {
    return null;
  }
  await notebooks.save(path);
  const { runAsJob } = await import('../panels/run-as-job/dialog');
  const made = await runAsJob(context, path, scheduled);
  if (made?.job) {
    notifications.follow(made.job);
    app.shell.activateById(panel.id);
  }
  if (made?.schedule) {
    const { id, name } = made.schedule;
    model.schedules.demand();
    model.schedules.invalidate();
    Notification.success(trans.__('%1 is scheduled', name), {
      autoClose: 6000,
      actions: [
        {
          label: trans.__('Open schedules'),
          displayType: 'link',
          callback: () => {
            void commands.execute(CommandIDs.openSchedules, { id });
          }
        }
      ]
    });
  }
  if (made?.sweep) {
    model.sweeps.demand();
    model.sweeps.invalidate();
    model.jobs.invalidate();
    await commands.execute(CommandIDs.openSweep, { id: made.sweep.id });
  }
  return made?.job?.id ?? made?.sweep?.id ?? made?.schedule?.id ?? null;
}
