/** Commands of the platform as a whole: its panel, its status. */

import { refreshIcon } from '@jupyterlab/ui-components';
import { showStatus } from '../panels/status';
import { CommandIDs, type SectionName, SECTIONS } from '../tokens';
import { platformIcon, statusIcon } from '../widgets/icons';
import type { ICommand, ICommandContext } from './command';

export function platformCommands({ app, context, panel }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  return [
    {
      id: CommandIDs.openPanel,
      label: trans.__('Show ML Platform'),
      caption: trans.__('Open the side panel with jobs, runs, models, deployments, features, drift and GPUs'),
      icon: platformIcon,
      args: { section: { type: 'string', enum: [...SECTIONS], description: trans.__('the section to open') } },
      run: args => {
        const section = SECTIONS.find(name => name === args.section);
        if (section) {
          panel.reveal(section satisfies SectionName);
        }
        app.shell.activateById(panel.id);
      }
    },
    {
      id: CommandIDs.refresh,
      label: trans.__('Refresh ML Platform'),
      caption: trans.__('Fetch everything again'),
      icon: refreshIcon,
      run: () => {
        model.refreshAll();
      }
    },
    {
      id: CommandIDs.showStatus,
      label: trans.__('Show Platform Status'),
      caption: trans.__('Versions, where data lives, what runs, and what is not available and why'),
      icon: statusIcon,
      run: () => showStatus(context)
    }
  ];
}
