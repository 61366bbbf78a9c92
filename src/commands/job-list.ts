/** Commands of many jobs at once: list them, cancel, run again, delete what is chosen. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { ApiError } from '../api';
import { ended } from '../model';
import { type Group, GROUP_NAMES } from '../panels/jobs/filters';
import { type IJobsState, JobsView, LISTS } from '../panels/jobs/view';
import { asApiError } from '../resource';
import { CommandIDs } from '../tokens';
import type { Job } from '../types';
import { againIcon, cancelIcon, jobsIcon, trashIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

/** Requests that are under way at the same time. */
const TOGETHER = 4;

/** Acts on all of `ids`; raises what went wrong with the first of those that failed, and how many did. */
async function onAll(ids: ReadonlyArray<string>, act: (id: string) => Promise<unknown>): Promise<void> {
  const left = [...ids];
  const failures: string[] = [];
  await Promise.all(
    Array.from({ length: TOGETHER }, async () => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        try {
          await act(id);
        } catch (reason) {
          failures.push(asApiError(reason).message);
        }
      }
    })
  );
  if (failures.length > 0) {
    throw new ApiError(failures.length === 1 ? failures[0] : `${failures[0]} (+${failures.length - 1})`, 409, 'some_failed', '', {});
  }
}

/** The ids that `args` names. */
function idsOf(args: ReadonlyPartialJSONObject): string[] {
  return Array.isArray(args.ids) ? args.ids.map(String) : [];
}

export function jobListCommands({ context, show, close, saved }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const { jobs } = model.api;
  const ids = { ids: { type: 'array', items: { type: 'string' }, description: trans.__('ids of the jobs') } };

  const meant = async (args: ReadonlyPartialJSONObject, title: string, fits: (job: Job) => boolean): Promise<string[]> => {
    const given = idsOf(args);
    if (given.length > 0) {
      return given;
    }
    await model.jobs.refresh();
    const all = (model.jobs.data?.items ?? []).filter(fits);
    const one = await choose(title, all, job => `${job.name} · ${job.state} · ${job.id}`, trans.__('There is no job to choose.'));
    return one ? [one.id] : [];
  };

  return [
    {
      id: CommandIDs.openJobs,
      label: trans.__('Show Jobs'),
      caption: trans.__('Open the list of all jobs, sweeps and pipelines'),
      icon: jobsIcon,
      args: {
        list: { type: 'string', enum: [...LISTS], description: trans.__('what is listed') },
        states: STRING(trans.__('groups of states with commas: %1', GROUP_NAMES.join(', '))),
        mine: { type: 'boolean', description: trans.__('only your own') },
        name: { type: 'string', description: trans.__('part of the name') },
        schedule: STRING(trans.__('id of the schedule that made them')),
        sweep: STRING(trans.__('id of the sweep that they belong to')),
        pipeline: STRING(trans.__('id of the pipeline that they belong to'))
      },
      run: async args => {
        const state = Object.keys(args).some(name => name !== 'label') ? stateOf(args) : null;
        const view = (await show('jp-mlplat-jobs', () => {
          const made = new JobsView(context, state ?? {});
          made.stateChanged.connect(() => {
            saved(made.id);
          });
          return made;
        })) as JobsView;
        if (state) {
          view.choose(state);
        }
      }
    },
    {
      id: CommandIDs.cancelJobs,
      label: trans.__('Cancel Selected Jobs'),
      caption: trans.__('Stop all jobs of a selection that wait or run'),
      icon: cancelIcon,
      args: ids,
      run: async args => {
        const chosen = await meant(args, trans.__('Cancel which job?'), job => !ended(job));
        const count = chosen.length;
        const question = trans.__('What they computed and did not save is lost; their notebooks and logs so far stay.');
        const title = trans._n('Cancel %1 job?', 'Cancel %1 jobs?', count);
        if (count > 0 && (await sure(trans, title, question, trans._n('Cancel %1 job', 'Cancel %1 jobs', count)))) {
          await onAll(chosen, id => jobs.cancel(id));
          model.jobs.invalidate();
        }
      }
    },
    {
      id: CommandIDs.rerunJobs,
      label: trans.__('Run Selected Jobs Again'),
      caption: trans.__('Run each notebook of a selection as it was then, with the same parameters, as a new job'),
      icon: againIcon,
      args: ids,
      run: async args => {
        const chosen = await meant(args, trans.__('Run which job again?'), ended);
        await onAll(chosen, id => jobs.retry(id));
        model.jobs.invalidate();
      }
    },
    {
      id: CommandIDs.deleteJobs,
      label: trans.__('Delete Selected Jobs'),
      caption: trans.__('Delete all ended jobs of a selection: their records, logs and executed notebooks'),
      icon: trashIcon,
      args: ids,
      run: async args => {
        const chosen = await meant(args, trans.__('Delete which job?'), ended);
        const count = chosen.length;
        const question = trans.__('Their records, logs and executed notebooks are lost. Your notebooks and the runs in MLflow stay.');
        const title = trans._n('Delete %1 job?', 'Delete %1 jobs?', count);
        if (count > 0 && (await sure(trans, title, question, trans.__('Delete')))) {
          // First their views, which would ask for what is no longer there.
          chosen.forEach(id => {
            close(`jp-mlplat-job-${id}`);
          });
          await onAll(chosen, id => jobs.remove(id));
          model.jobs.invalidate();
        }
      }
    }
  ];
}

/** What the arguments say of the view; what they do not say is not narrowed. */
function stateOf(args: ReadonlyPartialJSONObject): IJobsState {
  const states = (text(args.states) ?? '').split(',');
  return {
    list: LISTS.find(list => list === args.list) ?? 'jobs',
    groups: GROUP_NAMES.filter((group: Group) => states.includes(group)),
    mine: args.mine === true,
    name: text(args.name) ?? '',
    schedule: text(args.schedule) ?? null,
    sweep: text(args.sweep) ?? null,
    pipeline: text(args.pipeline) ?? null
  };
}
