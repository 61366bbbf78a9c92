/** The versions of a model as a table, of which only the rows that are seen are in the page. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { ModelVersion, RegisteredModel } from '../../types';
import { Empty } from '../../widgets/feedback';
import { compareIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { Space, useReveal, useWindow } from '../../widgets/rows';
import { StateBadge } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { Link } from '../context';
import { AliasChips } from '../models/chips';
import type { IModelState } from './state';
import { versionState } from './words';

/** Pixels of a row and of the head. */
const ROW = 32;
const HEAD = 28;

/** Aliases that a row has room for. */
const ALIASES = 4;

interface IVersionsProps {
  readonly model: RegisteredModel;
  readonly chosen: string | null;
  readonly choose: (state: Partial<IModelState>) => void;
}

export function Versions({ model, chosen, choose }: IVersionsProps): JSX.Element {
  const trans = useTrans();
  const id = React.useId();
  const { versions } = model;
  return (
    <section className="jp-mlplat-card" aria-labelledby={id}>
      <h2 id={id}>{trans.__('Versions')}</h2>
      {versions.length === 0 ? (
        <Empty title={trans.__('It has no version yet. Log a model under its name:')}>
          <code className="jp-mlplat-teach">mlflow.sklearn.log_model(model, registered_model_name=…)</code>
        </Empty>
      ) : (
        <Table model={model} chosen={chosen} choose={choose} />
      )}
    </section>
  );
}

function Table({ model, chosen, choose }: IVersionsProps): JSX.Element {
  const trans = useTrans();
  const box = React.useRef<HTMLDivElement>(null);
  const rows = React.useMemo(() => model.versions.map(version => ({ id: version.version, version })), [model.versions]);
  const { first, last, page } = useWindow(box, rows.length, ROW, HEAD);
  const reveal = useReveal(box, rows, ROW, HEAD);
  const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
  const onKey = (event: React.KeyboardEvent): void => {
    const step = Object.hasOwn(steps, event.key) ? steps[event.key] : null;
    if (step === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    const at = rows.findIndex(row => row.id === chosen);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    choose({ version: next.id });
    reveal(next.id);
  };
  return (
    <div ref={box} className="jp-mlplat-versionScroll" tabIndex={-1} onKeyDown={onKey}>
      <table role="grid" className="jp-mlplat-table jp-mlplat-versions" aria-label={trans.__('Versions')} aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <th scope="col" data-column="version">{trans.__('Version')}</th>
            <th scope="col">{trans.__('Aliases')}</th>
            <th scope="col" data-column="created">{trans.__('Created')}</th>
            <th scope="col" data-column="run">{trans.__('Run')}</th>
            <th scope="col" data-column="status">{trans.__('Status')}</th>
            <th scope="col" data-column="acts">
              <span className="jp-mlplat-sr">{trans.__('Actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          <Space height={first * ROW} columns={6} />
          {rows.slice(first, last + 1).map((row, index) => (
            <Row
              key={row.id}
              version={row.version}
              place={first + index}
              locked={model.protected}
              chosen={chosen}
              reachable={row.id === chosen || (index === 0 && !rows.some(each => each.id === chosen))}
              choose={choose}
            />
          ))}
          <Space height={(rows.length - 1 - last) * ROW} columns={6} />
        </tbody>
      </table>
    </div>
  );
}

interface IRowProps {
  readonly version: ModelVersion;
  readonly place: number;
  readonly locked: ReadonlyArray<string>;
  readonly chosen: string | null;
  readonly reachable: boolean;
  readonly choose: (state: Partial<IModelState>) => void;
}

function Row({ version, place, locked, chosen, reachable, choose }: IRowProps): JSX.Element {
  const trans = useTrans();
  const { version: number, run_id: run } = version;
  const open = (): void => {
    choose({ version: number });
  };
  return (
    <tr
      data-row={number}
      data-version={number}
      aria-rowindex={place + 2}
      aria-selected={number === chosen}
      tabIndex={reachable ? 0 : -1}
      onClick={open}
      onKeyDown={event => {
        if (event.target === event.currentTarget && (event.key === 'Enter' || event.key === ' ')) {
          event.preventDefault();
          open();
        }
      }}
    >
      <th scope="row" data-column="version">
        {number}
      </th>
      <td>
        <AliasChips aliases={version.aliases.map(alias => [alias, null] as const)} locked={locked} most={ALIASES} label={trans.__('Aliases of version %1', number)} />
      </td>
      <td data-column="created">{version.created_at ? <RelativeTime time={version.created_at} /> : '–'}</td>
      <td data-column="run">{run ? <Link command={CommandIDs.openRun} id={run} words={run.slice(0, 8)} /> : '–'}</td>
      <td data-column="status">
        <StateBadge state={versionState(version.status)} />
      </td>
      <td data-column="acts">
        {chosen !== null && number !== chosen && (
          <IconButton
            icon={compareIcon}
            label={trans.__('Compare version %1 with version %2', chosen, number)}
            onClick={() => {
              choose({ page: 'compare', against: number });
            }}
          />
        )}
      </td>
    </tr>
  );
}
