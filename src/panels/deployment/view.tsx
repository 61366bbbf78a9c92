/** The view of one deployment: its state and address, and a place to try it. */

import * as React from 'react';
import type { IIdentity } from '../../links';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { Deployment } from '../../types';
import { tryIcon } from '../../widgets/icons';
import { Copyable, Facts } from '../../widgets/parts';
import { StateBadge, stateTone } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, type IPanelContext, PanelWidget, Show } from '../context';
import { CopyLink } from '../copy-link';
import { servedVersions } from '../deployments';
import { GPUFacts } from '../gpus/facts';
import { TryIt } from './try-it';

export class DeploymentView extends PanelWidget {
  constructor(context: IPanelContext, readonly name: string) {
    super(context);
    this.id = `jp-mlplat-deployment-${name}`;
    this.addClass('jp-mlplat-view');
    this.title.label = name;
    this.title.caption = context.trans.__('Deployment %1', name);
    this.title.icon = tryIcon;
    this.title.closable = true;
    this._deployment = context.model.watchDeployment(name);
    this._deployment.demand();
  }

  override dispose(): void {
    this._deployment.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openDeployment, args: { name: this.name } };
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page">
        <Show resource={this._deployment} lines={5}>
          {deployment => <Detail deployment={deployment} />}
        </Show>
      </div>
    );
  }

  private readonly _deployment: Resource<Deployment>;
}

function Detail(props: { readonly deployment: Deployment }): JSX.Element {
  const { deployment } = props;
  const trans = useTrans();
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{deployment.name}</h1>
          <span aria-live="polite">
            <StateBadge state={deployment.state} />
          </span>
          <div className="jp-mlplat-actions">
            <CopyLink />
            <CommandButton command={CommandIDs.deleteDeployment} args={{ name: deployment.name }} />
          </div>
        </div>
        {deployment.message && deployment.state !== 'ready' && (
          <p className="jp-mlplat-reason" data-tone={stateTone(deployment.state)}>
            {deployment.message}
          </p>
        )}
        <Facts
          rows={[
            [trans.__('Serves'), servedVersions(deployment)],
            ...(deployment.url ? [[trans.__('Address'), <Copyable key="url" text={deployment.url} label={trans.__('address')} />] as const] : []),
            ...(deployment.token_file
              ? [[trans.__('Token'), <Copyable key="token" text={deployment.token_file} shown={trans.__('file with the token')} label={trans.__('path of the token file')} />] as const]
              : []),
            ...(deployment.gpus > 0 ? [[trans.__('GPUs'), <GPUFacts key="gpus" work={deployment} />] as const] : []),
            [trans.__('Owner'), deployment.owner],
            [trans.__('Changed'), <RelativeTime key="t" time={deployment.updated_at} />],
            ...(deployment.restarts ? [[trans.__('Restarts'), String(deployment.restarts)] as const] : [])
          ]}
        />
      </header>
      <TryIt key={deployment.name} deployment={deployment} />
    </>
  );
}
