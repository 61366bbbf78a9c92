/** The command that copies a link to a view. */

import { Notification } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { linkIcon } from '@jupyterlab/ui-components';
import { ApiError } from '../api';
import { linkOf, LONGEST_LINK, parse, searchOf } from '../links';
import { CommandIDs } from '../tokens';
import { copyText } from '../widgets/copy';
import { type ICommand, type ICommandContext, STRING, text } from './command';

/** The address at which others find it: through the hub, where there is one, and in their own workspace. */
function addressOf(link: string): string {
  const lab = PageConfig.getUrl({ mode: 'multiple-document', workspace: PageConfig.defaultWorkspace, treePath: '', toShare: true });
  return lab + searchOf(link);
}

export function linkCommands({ app, context, tracker }: ICommandContext): ICommand[] {
  const { commands, trans } = context;
  const front = (): string | null => {
    const view = tracker.find(each => each === app.shell.currentWidget);
    return view === undefined ? null : linkOf(view.content.identity);
  };
  app.shell.currentChanged?.connect(() => {
    commands.notifyCommandChanged(CommandIDs.copyLink);
  });
  return [
    {
      id: CommandIDs.copyLink,
      label: trans.__('Copy Link'),
      caption: trans.__('Copy a link that opens this view in JupyterLab'),
      icon: linkIcon,
      args: { to: STRING(trans.__('what it opens, like “runs/<id>” or “models/<name>/<version>”; the view in front by default')) },
      enabled: args => text(args.to) !== undefined || front() !== null,
      run: async args => {
        const link = text(args.to) ?? front();
        if (link === null) {
          return null;
        }
        if (link.length > LONGEST_LINK) {
          throw new ApiError(trans.__('It would be too long to be sent.'), 413, 'too_long', trans.__('Choose fewer runs, or save the filter as a view.'), {});
        }
        if (parse(link) === null) {
          throw new ApiError(trans.__('Nothing has such a link.'), 422, 'no_link', trans.__('It looks like “runs/<id>”.'), {});
        }
        const address = addressOf(link);
        await copyText(address);
        Notification.success(trans.__('Link copied.'), { autoClose: 2000 });
        return address;
      }
    }
  ];
}
