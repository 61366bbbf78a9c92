/** Where some runs differ: parameters, metrics and tags as rows, the runs as columns. */

import * as React from 'react';
import type { Run } from '../../types';
import { CommandIDs } from '../../tokens';
import { Switch } from '../../widgets/charts/choosers';
import { duration } from '../../widgets/format';
import { isState, StateBadge } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { Cut, tip } from '../runs/cells';
import { isSystem, type Kind, tookOf, valueOf, valueText } from '../runs/columns';

/** Runs and rows of the table. */
const MOST = 100;
const ROWS = 1000;

interface IRow {
  readonly kind: Kind;
  readonly key: string;
  readonly values: ReadonlyArray<string>;
  readonly differs: boolean;
}

function rowsOf(runs: ReadonlyArray<Run>, kind: 'params' | 'metrics' | 'tags'): IRow[] {
  const of = (run: Run): object => (kind === 'params' ? run.parameters : kind === 'metrics' ? run.metrics : run.tags);
  return [...new Set(runs.flatMap(run => Object.keys(of(run))))]
    .filter(key => !isSystem({ kind, key }))
    .sort((one, other) => one.localeCompare(other, undefined, { numeric: true }))
    .map(key => {
      const values = runs.map(run => valueOf(run, { kind, key }));
      return { kind, key, values: values.map(valueText), differs: values.some(value => value !== values[0]) };
    });
}

export function Differences({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const [only, setOnly] = React.useState(true);
  const shown = React.useMemo(() => runs.slice(0, MOST), [runs]);
  const parts = React.useMemo(
    () => [
      { title: trans.__('Parameters'), rows: rowsOf(shown, 'params') },
      { title: trans.__('Metrics'), rows: rowsOf(shown, 'metrics') },
      { title: trans.__('Tags'), rows: rowsOf(shown, 'tags') }
    ],
    [shown, trans]
  );
  const visible = parts.map(part => ({ ...part, rows: part.rows.filter(row => !only || row.differs).slice(0, ROWS) })).filter(part => part.rows.length > 0);
  return (
    <>
      <div className="jp-mlplat-curveTools">
        <Switch label={trans.__('Only what differs')} on={only} turn={setOnly} />
        {runs.length > MOST && <span className="jp-mlplat-hint">{trans.__('The first %1 of %2 runs.', MOST, runs.length)}</span>}
      </div>
      <div className="jp-mlplat-jobScroll" tabIndex={0} role="region" aria-label={trans.__('Differences between the runs')}>
        <table className="jp-mlplat-table jp-mlplat-differences">
          <thead>
            <tr>
              <th scope="col">{trans.__('Run')}</th>
              {shown.map(run => (
                <th key={run.id} scope="col" title={tip(run.name)}>
                  <button
                    type="button"
                    className="jp-mlplat-rowName"
                    onClick={() => {
                      void commands.execute(CommandIDs.openRun, { id: run.id });
                    }}
                  >
                    <Cut text={run.name} />
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">{trans.__('Status')}</th>
              {shown.map(run => (
                <td key={run.id}>{isState(run.status) ? <StateBadge state={run.status} /> : run.status}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">{trans.__('Took')}</th>
              {shown.map(run => {
                const took = tookOf(run);
                return <td key={run.id}>{took === null ? '–' : duration(took)}</td>;
              })}
            </tr>
          </tbody>
          {visible.map(part => (
            <tbody key={part.title}>
              <tr className="jp-mlplat-partRow">
                <th scope="rowgroup" colSpan={shown.length + 1}>
                  <span>{part.title}</span>
                </th>
              </tr>
              {part.rows.map(row => (
                <tr key={row.key} data-differs={row.differs || undefined}>
                  <th scope="row" title={tip(row.key)}>
                    <Cut text={row.key} />
                  </th>
                  {row.values.map((value, index) => (
                    <td key={shown[index].id} className={row.kind === 'metrics' ? 'jp-mod-number' : undefined} title={tip(value)}>
                      <Cut text={value} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
        {visible.length === 0 && <p className="jp-mlplat-hint">{trans.__('They have the same parameters, metrics and tags.')}</p>}
      </div>
    </>
  );
}
