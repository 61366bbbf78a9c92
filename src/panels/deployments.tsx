/** The section Deployments: which endpoints answer, and for which model. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { CommandIDs } from '../tokens';
import type { Deployment, Page } from '../types';
import { Empty } from '../widgets/feedback';
import { Copyable } from '../widgets/parts';
import { StateIcon, stateTone, stateWord } from '../widgets/state';
import { useTrans } from '../widgets/trans';
import { CommandButton, type IPanelContext, Show, usePanel } from './context';
import { Section } from './section';

export class DeploymentsSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'deployments', label: context.trans.__('Deployments') });
    this.follow(context.model.deployments);
  }

  get summary(): string {
    const { model, trans } = this.context;
    return deploymentsSummary(model.deployments.data?.items ?? [], trans);
  }

  demand(): void {
    this.context.model.deployments.demand();
  }

  protected content(): JSX.Element {
    return <Show resource={this.context.model.deployments}>{page => <DeploymentList page={page} />}</Show>;
  }
}

function deploymentsSummary(all: ReadonlyArray<Deployment>, trans: TranslationBundle): string {
  const ready = all.filter(each => each.state === 'ready').length;
  const ill = all.filter(each => each.state === 'failed' || each.state === 'degraded').length;
  return [ready ? trans.__('%1 ready', ready) : '', ill ? trans.__('%1 in trouble', ill) : ''].filter(Boolean).join(' · ');
}

/** "wine v3", or the shares when several versions answer. */
export function servedVersions(deployment: Deployment): string {
  const several = deployment.versions.length > 1;
  return deployment.versions
    .map(each => `${each.model} v${each.version}${several ? ` ${each.traffic} %` : ''}`)
    .join(' · ');
}

function DeploymentList(props: { readonly page: Page<Deployment> }): JSX.Element {
  const trans = useTrans();
  if (props.page.items.length === 0) {
    return (
      <Empty title={trans.__('Nothing is deployed. A deployment serves a registered model over HTTP.')}>
        <CommandButton command={CommandIDs.deployModel} />
      </Empty>
    );
  }
  return (
    <ul className="jp-mlplat-list" aria-label={trans.__('Deployments')}>
      {props.page.items.map(deployment => (
        <DeploymentRow key={deployment.name} deployment={deployment} />
      ))}
    </ul>
  );
}

function DeploymentRow(props: { readonly deployment: Deployment }): JSX.Element {
  const { deployment } = props;
  const trans = useTrans();
  const { commands } = usePanel();
  const args = { name: deployment.name };
  return (
    <li className="jp-mlplat-row" data-state={deployment.state} data-deployment={deployment.name}>
      <StateIcon state={deployment.state} />
      <div className="jp-mlplat-rowMain">
        <button
          type="button"
          className="jp-mlplat-rowName"
          title={trans.__('Open %1', deployment.name)}
          onClick={() => {
            void commands.execute(CommandIDs.openDeployment, args);
          }}
        >
          {deployment.name}
        </button>
        <div className="jp-mlplat-rowDetail">
          <span className="jp-mlplat-word" data-tone={stateTone(deployment.state)}>
            {stateWord(deployment.state, trans)}
          </span>
          <span className="jp-mlplat-rowMetric">{servedVersions(deployment)}</span>
        </div>
        {deployment.message && deployment.state !== 'ready' && (
          <p className="jp-mlplat-rowMessage" title={deployment.message}>
            {deployment.message}
          </p>
        )}
        {deployment.url && (
          <Copyable text={deployment.url} shown={deployment.url.replace(/^https?:\/\//, '')} label={trans.__('address')} />
        )}
      </div>
      <div className="jp-mlplat-rowActions">
        <CommandButton command={CommandIDs.openDeployment} args={args} label={trans.__('Try %1', deployment.name)} iconOnly />
        <CommandButton
          command={CommandIDs.deleteDeployment}
          args={args}
          label={trans.__('Delete %1', deployment.name)}
          iconOnly
          className="jp-mod-cancel"
        />
      </div>
    </li>
  );
}
