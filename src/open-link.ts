/** Links in the address of the page: taken out of it, and followed. */

import type { IRouter } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type Api, ApiError } from './api';
import { told } from './commands/command';
import { type IIdentity, linkIn, parse, without } from './links';
import type { IPanelContext } from './panels/context';
import { CommandIDs } from './tokens';

/** Takes the link out of the address of the page: what is left opens nothing again. Null where there is none. */
export function takeLink(router: IRouter): string | null {
  const link = linkIn(router.current.search ?? '');
  if (link !== null) {
    // Not `router.navigate`: it would leave the link one step back in the history.
    const { pathname, search, hash } = window.location;
    window.history.replaceState(window.history.state, '', pathname + without(search) + hash);
  }
  return link;
}

/** Opens the view that a link names. What cannot be opened is told, and nothing else happens. */
export async function openLink({ model, commands, trans }: IPanelContext, link: string): Promise<void> {
  await told(trans, trans.__('Open Link'), async () => {
    const identity = parse(link);
    if (identity === null) {
      throw gone(trans.__('It names nothing that can be opened here.'), trans.__('Is it complete?'));
    }
    await find(identity, model.api, trans);
    await commands.execute(identity.command, identity.args);
  });
}

function gone(message: string, hint = ''): ApiError {
  return new ApiError(message, 404, 'gone', hint, {});
}

/** Raises where what a link names is not there. */
async function find({ command, args }: IIdentity, api: Api, trans: TranslationBundle): Promise<void> {
  const [id, name] = [String(args.id), String(args.name)];
  switch (command) {
    case CommandIDs.openJob:
      await api.jobs.get(id);
      break;
    case CommandIDs.openSchedules:
      await (args.id === null ? null : api.schedules.get(id));
      break;
    case CommandIDs.openSweep:
      await api.sweeps.get(id);
      break;
    case CommandIDs.openPipeline:
      await api.pipelines.get(id);
      break;
    case CommandIDs.openRun:
      await api.runs.get(id);
      break;
    case CommandIDs.compareRuns:
      if ((await api.runs.some(args.ids as string[])).length === 0) {
        throw gone(trans.__('None of these runs is there any more.'));
      }
      break;
    case CommandIDs.openModel: {
      const { versions } = await api.models.get(name);
      if (args.version !== null && !versions.some(each => each.version === args.version)) {
        throw gone(trans.__('There is no version %1 of this model.', String(args.version)));
      }
      break;
    }
    case CommandIDs.openDeployment:
      await api.deployments.get(name);
      break;
  }
}
