/** Aliases as chips: the name, what it stands for where that is not plain, a lock where somebody has to approve. */

import * as React from 'react';
import { lockIcon } from '../../widgets/icons';
import { useTrans } from '../../widgets/trans';

/** Letters of a chip. */
const LETTERS = 28;

interface IAliasChipProps {
  readonly alias: string;
  readonly locked: boolean;
  /** What it stands for; null where that is plain. */
  readonly version?: string | null;
}

export function AliasChip({ alias, locked, version = null }: IAliasChipProps): JSX.Element {
  const trans = useTrans();
  const shown = alias.length > LETTERS ? `${alias.slice(0, LETTERS - 1)}…` : alias;
  return (
    <span className="jp-mlplat-alias" data-locked={locked || undefined} title={locked ? trans.__('%1: protected, somebody else has to approve a change', alias) : alias}>
      {locked && (
        <>
          <lockIcon.react tag="span" width="11px" height="11px" />
          <span className="jp-mlplat-sr">{trans.__('protected')}</span>
        </>
      )}
      <bdi>{shown}</bdi>
      {version !== null && <b>{version}</b>}
    </span>
  );
}

/** Some aliases, each with what it stands for; those beyond `most` are counted. */
export function AliasChips(props: {
  readonly aliases: ReadonlyArray<readonly [string, string | null]>;
  readonly locked: ReadonlyArray<string>;
  readonly most: number;
  readonly label: string;
}): JSX.Element | null {
  const { aliases, locked, most, label } = props;
  if (aliases.length === 0) {
    return null;
  }
  const rest = aliases.slice(most);
  return (
    <ul className="jp-mlplat-aliases" aria-label={label}>
      {aliases.slice(0, most).map(([alias, version]) => (
        <li key={alias}>
          <AliasChip alias={alias} version={version} locked={locked.includes(alias)} />
        </li>
      ))}
      {rest.length > 0 && (
        <li className="jp-mlplat-hint" title={rest.map(([alias, version]) => [alias, version].filter(Boolean).join(' ')).join('\n')}>
          +{rest.length}
        </li>
      )}
    </ul>
  );
}
