/** Commands of jobs: run a notebook, look, cancel, run again, delete. */

import { downloadIcon, runIcon } from '@jupyterlab/ui-components';
import { ended } from '../model';
import { JobView } from '../panels/job/view';
import { CommandIDs } from '../tokens';
import type { Job } from '../types';
import { againIcon, cancelIcon, runAsJobIcon, trashIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';
import { download, FORMATS } from './download';
import { runForm } from './form';

export function jobCommands(whole: ICommandContext): ICommand[] {
  const { context, notebooks, parts, notifications, show, close } = whole;
  const { model, trans } = context;

  const chosen = async (title: string, fits: (job: Job) => boolean = () => true): Promise<string | undefined> => {
    await model.jobs.refresh();
    const jobs = (model.jobs.data?.items ?? []).filter(fits);
    const words = (job: Job): string => `${job.name} · ${job.state} · ${job.id}`;
    return (await choose(title, jobs, words, trans.__('There is no job to choose.')))?.id;
  };

  return [
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
      run: args => runForm(whole, args, false)
    },
    {
      id: CommandIDs.openJob,
      label: trans.__('Open Job'),
      caption: trans.__('Open the executed notebook of a job'),
      icon: runIcon,
      args: { id: STRING(trans.__('id of the job')) },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Open which job?')));
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
        const id = text(args.id) ?? (await chosen(trans.__('Cancel which job?'), job => !ended(job)));
        if (!id) {
          return;
        }
        const job = await model.api.jobs.get(id);
        const question = job.cells_done
          ? trans.__('%1 of %2 cells are done. What they computed and did not save is lost; the notebook and the log so far stay.', job.cells_done, job.cells_total)
          : trans.__('Nothing has run yet, so nothing is lost.');
        if (await sure(trans, trans.__('Cancel %1?', job.name), question, trans.__('Cancel job'))) {
          await model.api.jobs.cancel(id);
          model.jobs.invalidate();
        }
      }
    },
    {
      id: CommandIDs.rerunJob,
      label: trans.__('Run Again'),
      caption: trans.__('Run the notebook as it was then, with the same parameters, as a new job'),
      icon: againIcon,
      args: {
        id: STRING(trans.__('id of the job')),
        edited: { type: 'boolean', description: trans.__('with the notebook as it is now') },
        from_start: { type: 'boolean', description: trans.__('not from its last checkpoint') }
      },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Run which job again?'), ended));
        if (!id) {
          return null;
        }
        const wish = { edited: args.edited === true, from_start: args.from_start === true };
        const job = await model.api.jobs.retry(id, wish);
        notifications.follow(job);
        return job.id;
      }
    },
    {
      id: CommandIDs.deleteJob,
      label: trans.__('Delete Job'),
      caption: trans.__('Delete an ended job: its record, its log and its executed notebook'),
      icon: trashIcon,
      args: { id: STRING(trans.__('id of the job')) },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Delete which job?'), ended));
        if (!id) {
          return;
        }
        const job = await model.api.jobs.get(id);
        const question = trans.__('Its record, its log and its executed notebook are lost. Your notebook and its run in MLflow stay.');
        if (await sure(trans, trans.__('Delete job %1?', job.name), question, trans.__('Delete'))) {
          // First its view, which would ask for what is no longer there.
          close(`jp-mlplat-job-${id}`);
          await model.api.jobs.remove(id);
          model.jobs.invalidate();
        }
      }
    },
    {
      id: CommandIDs.downloadJob,
      label: trans.__('Download Executed Notebook'),
      caption: trans.__('Save the executed notebook of a job as a notebook, an HTML page or a PDF'),
      icon: downloadIcon,
      args: {
        id: STRING(trans.__('id of the job')),
        format: { type: 'string', enum: [...FORMATS], description: trans.__('what it is saved as') }
      },
      run: async args => {
        const id = text(args.id) ?? (await chosen(trans.__('Download the notebook of which job?')));
        const format = FORMATS.find(each => each === args.format) ?? 'notebook';
        if (id) {
          await download(context, id, format);
        }
      }
    },
    {
      id: CommandIDs.moreJobs,
      label: trans.__('Show More Jobs'),
      caption: trans.__('List older jobs as well'),
      icon: againIcon,
      run: () => {
        model.more('jobs');
      }
    }
  ];
}
