/** The head of a model: its name, what its aliases stand for, and what can be done with it. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { ModelVersion, RegisteredModel } from '../../types';
import { Copyable, Facts } from '../../widgets/parts';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton } from '../context';
import { CopyLink } from '../copy-link';
import { AliasChips } from '../models/chips';
import { tip } from '../runs/cells';
import { titleOf } from './words';

/** Letters of a description that are shown, and aliases. */
const DESCRIPTION = 2000;
const ALIASES = 12;

export function Head({ model, version }: { readonly model: RegisteredModel; readonly version: ModelVersion | null }): JSX.Element {
  const trans = useTrans();
  const aliases = Object.entries(model.aliases);
  const args = { name: model.name, ...(version ? { version: version.version } : {}) };
  return (
    <header className="jp-mlplat-head">
      <div className="jp-mlplat-headTitle">
        <h1 title={tip(model.name)}>
          <bdi>{titleOf(model.name)}</bdi>
        </h1>
        <div className="jp-mlplat-actions">
          <CopyLink />
          <CommandButton command={CommandIDs.setAlias} args={args} />
          {version && (
            <CommandButton
              command={CommandIDs.deployModel}
              args={{ model: model.name, version: version.version }}
              label={trans.__('Deploy version %1…', version.version)}
              primary
            />
          )}
        </div>
      </div>
      {model.description && (
        <p className="jp-mlplat-modelDescription" dir="auto">
          {model.description.slice(0, DESCRIPTION)}
        </p>
      )}
      <Facts
        rows={[
          [trans.__('Versions'), String(model.versions.length)],
          ...(model.updated_at ? [[trans.__('Changed'), <RelativeTime key="t" time={model.updated_at} />] as const] : []),
          [trans.__('Name'), <Copyable key="n" text={model.name} shown={model.name.slice(0, 40)} label={trans.__('name of the model')} />],
          ...(aliases.length > 0
            ? [[trans.__('Aliases'), <AliasChips key="a" aliases={aliases} locked={model.protected} most={ALIASES} label={trans.__('Aliases')} />] as const]
            : [])
        ]}
      />
    </header>
  );
}
