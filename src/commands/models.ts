/** Commands of registered models: open one, set and delete aliases, say who may move them, compare versions. */

import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { AliasOutcome } from '../api';
import { deleteAlias, setAlias } from '../panels/model/alias-form';
import { type IModelState, PAGES, stateOf } from '../panels/model/state';
import { ModelView } from '../panels/model/view';
import { CommandIDs } from '../tokens';
import type { RegisteredModel } from '../types';
import { compareIcon, lockIcon, modelIcon, tagIcon, trashIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

export function modelCommands({ context, show, saved, parts }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const { models } = model.api;
  const name = STRING(trans.__('name of the registered model'));
  const alias = STRING(trans.__('the alias'));

  const named = async (args: ReadonlyPartialJSONObject, title: string): Promise<string | undefined> => {
    const given = text(args.name);
    if (given !== undefined) {
      return given;
    }
    await model.models.refresh();
    return (await choose(title, model.models.data?.items ?? [], each => each.name, trans.__('No model is registered yet.')))?.name;
  };
  const meant = async (args: ReadonlyPartialJSONObject, title: string): Promise<RegisteredModel | undefined> => {
    const found = await named(args, title);
    return found === undefined ? undefined : models.get(found);
  };
  const open = async (state: Pick<IModelState, 'name'> & Partial<IModelState>): Promise<void> => {
    const view = (await show(ModelView.idOf(state.name), () => {
      const made = new ModelView(context, state, parts);
      made.stateChanged.connect(() => {
        saved(made.id);
      });
      return made;
    })) as ModelView;
    view.choose(state);
  };
  /** Asks whether to protect an alias; null when it was given up. */
  const surely = async (protect: string): Promise<string | null> => {
    const body = trans.__('From then on a change of it is a request, which somebody other than whoever asked has to approve.');
    return (await sure(trans, trans.__('Protect %1?', protect), body, trans.__('Protect'), trans.__('Cancel'), true)) ? '' : null;
  };
  /** Asks why an alias is no longer to be protected; null when it was given up. */
  const reason = async (locked: string): Promise<string | null> => {
    const answer = await InputDialog.getText({
      title: trans.__('No longer protect %1?', locked),
      label: trans.__('Anybody who may write can move it then. You ask for it, and it ends when somebody else approves. Why?'),
      okLabel: trans.__('Ask for it')
    });
    return answer.button.accept ? (answer.value ?? '').slice(0, 500) : null;
  };
  const tell = (outcome: AliasOutcome | null, done: string): void => {
    if (outcome === null) {
      return;
    }
    model.changed('models');
    if ('request' in outcome) {
      Notification.info(trans.__('Asked for: %1 is protected, and changes when somebody else approves.', outcome.request.alias), { autoClose: 8000 });
    } else {
      Notification.success(done, { autoClose: 3000 });
    }
  };

  return [
    {
      id: CommandIDs.openModel,
      label: trans.__('Open Model'),
      caption: trans.__('Open the versions, aliases, lineage and card of a registered model'),
      icon: modelIcon,
      args: {
        name,
        version: STRING(trans.__('its version; the newest by default')),
        page: { type: 'string', enum: [...PAGES], description: trans.__('what is shown of the version') },
        against: STRING(trans.__('the version that it is compared with'))
      },
      run: async args => {
        const chosen = await named(args, trans.__('Open which model?'));
        if (chosen !== undefined) {
          await open({ name: chosen, ...stateOf(args) });
        }
      }
    },
    {
      id: CommandIDs.compareVersions,
      label: trans.__('Compare Versions'),
      caption: trans.__('List what a version of a model differs in from another one'),
      icon: compareIcon,
      args: { name, version: STRING(trans.__('a version; the newest by default')), against: STRING(trans.__('the other one; the one before it by default')) },
      run: async args => {
        const chosen = await named(args, trans.__('Compare versions of which model?'));
        if (chosen !== undefined) {
          await open({ name: chosen, ...stateOf(args), page: 'compare' });
        }
      }
    },
    {
      id: CommandIDs.setAlias,
      label: trans.__('Set Alias…'),
      caption: trans.__('Have a name like champion stand for a version'),
      icon: tagIcon,
      args: { name, alias, version: STRING(trans.__('the version that it is to stand for')) },
      run: async args => {
        const found = await meant(args, trans.__('Set an alias of which model?'));
        if (found?.versions.length === 0) {
          Notification.info(trans.__('%1 has no version yet.', found.name), { autoClose: 3000 });
        } else if (found) {
          tell(await setAlias(context, found, { alias: text(args.alias), version: text(args.version) }), trans.__('The alias is set.'));
        }
      }
    },
    {
      id: CommandIDs.deleteAlias,
      label: trans.__('Delete Alias…'),
      caption: trans.__('Take a name like champion away; the version stays'),
      icon: trashIcon,
      args: { name, alias },
      run: async args => {
        const found = await meant(args, trans.__('Delete an alias of which model?'));
        const gone = found && (text(args.alias) ?? (await choose(trans.__('Delete which alias?'), Object.keys(found.aliases), each => each, trans.__('It has no alias.'))));
        if (found && gone) {
          tell(await deleteAlias(context, found, gone), trans.__('The alias is deleted.'));
        }
      }
    },
    {
      id: CommandIDs.protectAlias,
      label: trans.__('Protect Alias…'),
      caption: trans.__('Have a second person approve each change of an alias, or no longer'),
      icon: lockIcon,
      args: { name, alias, protect: { type: 'boolean', description: trans.__('false ends it') } },
      run: async args => {
        const found = await meant(args, trans.__('Protect an alias of which model?'));
        const asked =
          found &&
          (text(args.alias) ??
            (
              await InputDialog.getItem({
                title: trans.__('Protect which alias?'),
                label: trans.__('One that is there, or will be'),
                items: Object.keys(found.aliases).filter(each => !found.protected.includes(each)),
                editable: true
              })
            ).value?.trim());
        if (!found || !asked) {
          return;
        }
        const protect = args.protect !== false;
        const why = protect ? await surely(asked) : await reason(asked);
        if (why !== null) {
          const now = await models.protect(found.name, asked, protect, why);
          model.changed('models');
          if (now.protected.includes(asked) === protect) {
            Notification.success(protect ? trans.__('%1 is protected.', asked) : trans.__('%1 is no longer protected.', asked), { autoClose: 3000 });
          } else {
            Notification.info(trans.__('Asked for: %1 stays protected until somebody else approves.', asked), { autoClose: 8000 });
          }
        }
      }
    }
  ];
}
