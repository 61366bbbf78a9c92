/** The aliases of a model: what they stand for, who may move them, and what became of them. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { RegisteredModel } from '../../types';
import { editIcon, lockIcon, trashIcon, unlockIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { AliasChip } from '../models/chips';
import { EndedRequests, History } from './history';

interface IAliasesProps {
  readonly model: RegisteredModel;
  /** Shows a version. */
  readonly show: (version: string) => void;
}

export function Aliases({ model, show }: IAliasesProps): JSX.Element {
  const trans = useTrans();
  const id = React.useId();
  // One that is protected stays so while it stands for nothing.
  const names = [...new Set([...Object.keys(model.aliases), ...model.protected])].sort((one, other) => one.localeCompare(other));
  return (
    <section className="jp-mlplat-card" aria-labelledby={id}>
      <div className="jp-mlplat-cardHead">
        <h2 id={id}>{trans.__('Aliases')}</h2>
        <CommandButton command={CommandIDs.protectAlias} args={{ name: model.name }} />
      </div>
      {names.length === 0 ? (
        <p className="jp-mlplat-hint">
          {trans.__('None. An alias is a name that moves from version to version, so that programs load “models:/…@champion” and need not know its number.')}
        </p>
      ) : (
        <table className="jp-mlplat-table jp-mlplat-aliasTable" aria-labelledby={id}>
          <thead>
            <tr>
              <th scope="col">{trans.__('Alias')}</th>
              <th scope="col">{trans.__('Version')}</th>
              <th scope="col">{trans.__('Since')}</th>
              <th scope="col">{trans.__('Protected')}</th>
              <th scope="col">
                <span className="jp-mlplat-sr">{trans.__('Actions')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {names.map(alias => (
              <AliasRow key={alias} model={model} alias={alias} show={show} />
            ))}
          </tbody>
        </table>
      )}
      <History changes={model.history} show={show} />
      <EndedRequests requests={model.requests} />
    </section>
  );
}

function AliasRow({ model, alias, show }: IAliasesProps & { readonly alias: string }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const version = Object.hasOwn(model.aliases, alias) ? model.aliases[alias] : null;
  const locked = model.protected.includes(alias);
  const last = model.history.find(change => change.alias === alias && change.version === version);
  const run = (command: string, args: Record<string, string | boolean> = {}): void => {
    void commands.execute(command, { name: model.name, alias, ...args });
  };
  return (
    <tr data-alias={alias}>
      <th scope="row">
        <AliasChip alias={alias} locked={locked} />
      </th>
      <td>
        {version === null ? (
          <span className="jp-mlplat-hint">{trans.__('stands for nothing')}</span>
        ) : (
          <button
            type="button"
            className="jp-mlplat-link"
            onClick={() => {
              show(version);
            }}
          >
            {trans.__('version %1', version)}
          </button>
        )}
      </td>
      <td>{last ? <RelativeTime time={last.at} /> : '–'}</td>
      <td>
        <IconButton
          icon={locked ? lockIcon : unlockIcon}
          label={locked ? trans.__('%1 is protected: end that…', alias) : trans.__('%1 can be moved by anybody: protect it…', alias)}
          className={locked ? 'jp-mod-on' : ''}
          onClick={() => {
            run(CommandIDs.protectAlias, { protect: !locked });
          }}
        />
      </td>
      <td className="jp-mlplat-rowButtons">
        <IconButton
          icon={editIcon}
          label={trans.__('Have %1 stand for another version…', alias)}
          onClick={() => {
            run(CommandIDs.setAlias);
          }}
        />
        {version !== null && (
          <IconButton
            icon={trashIcon}
            label={trans.__('Delete the alias %1…', alias)}
            onClick={() => {
              run(CommandIDs.deleteAlias);
            }}
          />
        )}
      </td>
    </tr>
  );
}
