/** Commands of deployments. */

import { DeploymentView } from '../panels/deployment/view';
import { CommandIDs } from '../tokens';
import { deployIcon, trashIcon, tryIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

export function deploymentCommands({ context, show, close }: ICommandContext): ICommand[] {
  const { model, commands, trans } = context;

  const chosen = async (title: string): Promise<string | undefined> => {
    await model.deployments.refresh();
    const names = (model.deployments.data?.items ?? []).map(each => each.name);
    return choose(title, names, name => name, trans.__('Nothing is deployed.'));
  };

  return [
    {
      id: CommandIDs.deployModel,
      label: trans.__('Deploy Model…'),
      caption: trans.__('Serve a registered model over HTTP'),
      icon: deployIcon,
      args: {
        model: STRING(trans.__('name of the registered model')),
        version: STRING(trans.__('its version')),
        run_id: STRING(trans.__('take the model that this run registered'))
      },
      run: async args => {
        const { deployModel } = await import('../panels/deploy');
        const deployment = await deployModel(context, {
          model: text(args.model),
          version: text(args.version),
          runId: text(args.run_id)
        });
        if (deployment) {
          model.deployments.demand();
          model.deployments.invalidate();
          await commands.execute(CommandIDs.openDeployment, { name: deployment.name });
        }
        return deployment?.name ?? null;
      }
    },
    {
      id: CommandIDs.openDeployment,
      label: trans.__('Try Deployment'),
      caption: trans.__('Open a deployment and send it a row'),
      icon: tryIcon,
      args: { name: STRING(trans.__('name of the deployment')) },
      run: async args => {
        const name = text(args.name) ?? (await chosen(trans.__('Open which deployment?')));
        if (name) {
          await show(`jp-mlplat-deployment-${name}`, () => new DeploymentView(context, name));
        }
      }
    },
    {
      id: CommandIDs.deleteDeployment,
      label: trans.__('Delete Deployment'),
      caption: trans.__('Stop an endpoint and forget it; the model stays'),
      icon: trashIcon,
      args: { name: STRING(trans.__('name of the deployment')) },
      run: async args => {
        const name = text(args.name) ?? (await chosen(trans.__('Delete which deployment?')));
        if (!name) {
          return;
        }
        const question = trans.__('Its address stops answering and its token is void. The model and its versions stay.');
        if (await sure(trans, trans.__('Delete %1?', name), question, trans.__('Delete'))) {
          // First its view, which would ask for what is no longer there.
          close(`jp-mlplat-deployment-${name}`);
          await model.api.deployments.remove(name);
          model.deployments.invalidate();
        }
      }
    }
  ];
}
