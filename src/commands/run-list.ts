/** Commands of many runs at once: list them, compare, tag, archive, restore, delete what is chosen. */

import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { CompareView } from '../panels/compare/view';
import { type RunsMemory, stateOf } from '../panels/runs/state';
import { RunsView } from '../panels/runs/view';
import { CommandIDs } from '../tokens';
import type { Run } from '../types';
import { bytes } from '../widgets/format';
import { archiveIcon, compareIcon, editIcon, jobsIcon, restoreIcon, tagIcon, trashIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';
import { doneWords, parseTag } from './run-words';

/** The ids that `args` names. */
function idsOf(args: ReadonlyPartialJSONObject): string[] {
  return Array.isArray(args.ids) ? args.ids.map(String) : [];
}

export function runListCommands({ context, show, close, saved }: ICommandContext, memory: RunsMemory): ICommand[] {
  const { model, trans } = context;
  const { runs } = model.api;
  const ids = { ids: { type: 'array', items: { type: 'string' }, description: trans.__('ids of the runs') } };

  const meant = async (args: ReadonlyPartialJSONObject, title: string): Promise<string[]> => {
    const given = idsOf(args);
    if (given.length > 0) {
      return given;
    }
    await model.runs.refresh();
    const one = await choose(title, model.runs.data?.items ?? [], run => `${run.name} · ${run.id}`, trans.__('There is no run yet.'));
    return one ? [one.id] : [];
  };
  const archive = async (chosen: ReadonlyArray<string>, archived: boolean): Promise<string[]> => {
    const done = await runs.editMany(chosen, { archived });
    model.changed('runs');
    const wrong = doneWords(done, trans);
    if (wrong) {
      Notification.error(wrong, { autoClose: 10_000 });
    }
    return done.items.filter(item => item.ok).map(item => item.run_id);
  };

  return [
    {
      id: CommandIDs.openRuns,
      label: trans.__('Show Runs'),
      caption: trans.__('Open the table of all runs'),
      icon: jobsIcon,
      args: {
        experiment: { type: ['string', 'null'], description: trans.__('name of the experiment; empty for all') },
        filter: { type: 'string', description: trans.__('which runs, in MLflow’s search syntax') },
        order: { type: 'array', items: { type: 'string' }, description: trans.__('like “metrics.auc DESC”') },
        archived: { type: 'boolean', description: trans.__('those that were archived') },
        group: { type: ['string', 'null'], description: trans.__('what they are grouped by, like “params.model”') }
      },
      run: async args => {
        const state = Object.fromEntries(Object.entries(args).filter(([name]) => name !== 'label'));
        const view = (await show('jp-mlplat-runs', () => {
          const made = new RunsView(context, memory, stateOf(state));
          made.stateChanged.connect(() => {
            saved(made.id);
          });
          return made;
        })) as RunsView;
        if (Object.keys(state).length > 0) {
          view.choose(stateOf(state));
        }
      }
    },
    {
      id: CommandIDs.compareRuns,
      label: trans.__('Compare Runs'),
      caption: trans.__('Draw the metrics of runs side by side, and list where they differ'),
      icon: compareIcon,
      args: ids,
      run: async args => {
        let chosen = idsOf(args);
        if (chosen.length === 0) {
          await model.runs.refresh();
          chosen = (model.runs.data?.items ?? []).slice(0, 10).map((run: Run) => run.id);
        }
        if (chosen.length === 0) {
          Notification.info(trans.__('There is no run yet.'), { autoClose: 3000 });
          return;
        }
        await show(CompareView.idOf(chosen), () => new CompareView(context, chosen));
      }
    },
    {
      id: CommandIDs.tagRuns,
      label: trans.__('Tag Runs…'),
      caption: trans.__('Give the chosen runs a tag, or take it from them'),
      icon: tagIcon,
      args: { ...ids, tag: STRING(trans.__('“name=value”; “name=” takes it away')) },
      run: async args => {
        const chosen = await meant(args, trans.__('Tag which run?'));
        if (chosen.length === 0) {
          return;
        }
        const asked =
          text(args.tag) ??
          (
            await InputDialog.getText({
              title: trans._n('Tag %1 run', 'Tag %1 runs', chosen.length),
              label: trans.__('name=value; nothing behind the “=” takes the tag away'),
              placeholder: 'team=search',
              okLabel: trans.__('Tag')
            })
          ).value;
        const tag = parseTag(asked ?? '');
        if (tag === null) {
          if (asked) {
            Notification.warning(trans.__('A tag is “name=value”.'), { autoClose: 5000 });
          }
          return;
        }
        const done = await runs.editMany(chosen, { tags: { [tag.key]: tag.value } });
        model.changed('runs');
        const wrong = doneWords(done, trans);
        if (wrong) {
          Notification.error(wrong, { autoClose: 10_000 });
        } else {
          Notification.success(trans._n('%1 run tagged', '%1 runs tagged', chosen.length), { autoClose: 3000 });
        }
      }
    },
    {
      id: CommandIDs.renameRun,
      label: trans.__('Rename Run…'),
      caption: trans.__('Give a run another name'),
      icon: editIcon,
      args: { id: STRING(trans.__('id of the run')), name: STRING(trans.__('its new name')) },
      run: async args => {
        const [id] = await meant(text(args.id) ? { ids: [String(args.id)] } : {}, trans.__('Rename which run?'));
        if (id === undefined) {
          return;
        }
        const name = text(args.name) ?? (await InputDialog.getText({ title: trans.__('New name of the run'), okLabel: trans.__('Rename') })).value;
        if (name?.trim()) {
          await runs.edit(id, { name: name.trim() });
          model.changed('runs');
        }
      }
    },
    {
      id: CommandIDs.archiveRuns,
      label: trans.__('Archive Runs'),
      caption: trans.__('Take the chosen runs out of all lists; they can be restored'),
      icon: archiveIcon,
      args: ids,
      run: async args => {
        const chosen = await meant(args, trans.__('Archive which run?'));
        const done = chosen.length > 0 ? await archive(chosen, true) : [];
        if (done.length > 0) {
          Notification.success(trans._n('%1 run archived', '%1 runs archived', done.length), {
            autoClose: 10_000,
            actions: [
              {
                label: trans.__('Undo'),
                callback: () => {
                  void context.commands.execute(CommandIDs.restoreRuns, { ids: done });
                }
              }
            ]
          });
        }
      }
    },
    {
      id: CommandIDs.restoreRuns,
      label: trans.__('Restore Runs'),
      caption: trans.__('Bring archived runs back into the lists'),
      icon: restoreIcon,
      args: ids,
      run: async args => {
        const chosen = idsOf(args);
        if (chosen.length === 0) {
          await context.commands.execute(CommandIDs.openRuns, { archived: true });
          return;
        }
        const done = await archive(chosen, false);
        if (done.length > 0) {
          Notification.success(trans._n('%1 run restored', '%1 runs restored', done.length), { autoClose: 3000 });
        }
      }
    },
    {
      id: CommandIDs.deleteRuns,
      label: trans.__('Delete Runs Permanently…'),
      caption: trans.__('Delete the chosen runs with their metrics and artifacts; nothing brings them back'),
      icon: trashIcon,
      args: ids,
      run: async args => {
        const chosen = await meant(args, trans.__('Delete which run permanently?'));
        const count = chosen.length;
        const title = trans._n('Delete %1 run permanently?', 'Delete %1 runs permanently?', count);
        const body = trans.__('Their parameters, metrics, tags and artifacts are lost, and nothing brings them back. To take them out of the lists only, archive them.');
        if (count === 0 || !(await sure(trans, title, body, trans._n('Delete %1 run', 'Delete %1 runs', count)))) {
          return;
        }
        // First their views, which would ask for what is no longer there.
        chosen.forEach(id => {
          close(`jp-mlplat-run-${id}`);
        });
        const done = await runs.remove(chosen);
        model.changed('runs');
        const gone = done.items.filter(item => item.ok).length;
        if (gone > 0) {
          Notification.success(trans._n('%1 run deleted, %2 freed', '%1 runs deleted, %2 freed', gone, bytes(done.freed_bytes)), { autoClose: 8000 });
        }
        const wrong = doneWords(done, trans);
        if (wrong) {
          Notification.error(wrong, { autoClose: 10_000 });
        }
      }
    }
  ];
}
