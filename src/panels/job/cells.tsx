/** The cells of a job: as a strip above its notebook, and as a table. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Cell } from '../../types';
import { bytes, duration } from '../../widgets/format';
import { StateBadge, stateTone, stateWord } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';

interface ICellsProps {
  readonly cells: ReadonlyArray<Cell>;
  readonly reveal: (index: number) => void;
}

/** Seconds that a cell took; 0 while it has not ended. */
function took(cell: Cell): number {
  return cell.started_at && cell.ended_at ? (Date.parse(cell.ended_at) - Date.parse(cell.started_at)) / 1000 : 0;
}

function words(cell: Cell, trans: TranslationBundle): string {
  const seconds = took(cell);
  return [
    trans.__('Cell %1: %2', cell.index, stateWord(cell.state, trans)),
    seconds ? duration(seconds) : '',
    cell.peak_rss ? trans.__('%1 of memory', bytes(cell.peak_rss)) : '',
    cell.error ?? ''
  ]
    .filter(Boolean)
    .join(', ');
}

/** One block per code cell: its colour is its state, its width its share of the time. */
export function CellStrip({ cells, reveal }: ICellsProps): JSX.Element | null {
  const trans = useTrans();
  if (cells.length === 0) {
    return null;
  }
  return (
    <ol className="jp-mlplat-strip" aria-label={trans.__('Cells')}>
      {cells.map(cell => (
        <li key={cell.index} style={{ flexGrow: 1 + Math.sqrt(took(cell)) }}>
          <button
            type="button"
            data-tone={stateTone(cell.state)}
            data-state={cell.state}
            title={words(cell, trans)}
            aria-label={words(cell, trans)}
            onClick={() => {
              reveal(cell.index);
            }}
          />
        </li>
      ))}
    </ol>
  );
}

/** The same in numbers: state, time and memory of each cell. */
export function CellTable({ cells, reveal }: ICellsProps): JSX.Element {
  const trans = useTrans();
  const most = Math.max(1, ...cells.map(cell => cell.peak_rss ?? 0));
  return (
    <table className="jp-mlplat-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Cell')}</th>
          <th scope="col">{trans.__('State')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Took')}
          </th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Memory peak')}
          </th>
          <th scope="col" aria-label={trans.__('Memory peak as a bar')} />
        </tr>
      </thead>
      <tbody>
        {cells.map(cell => (
          <tr key={cell.index}>
            <th scope="row">
              <button
                type="button"
                className="jp-mlplat-link"
                onClick={() => {
                  reveal(cell.index);
                }}
              >
                {trans.__('Cell %1', cell.index)}
              </button>
            </th>
            <td>
              <StateBadge state={cell.state} />
            </td>
            <td className="jp-mod-number">{took(cell) ? duration(took(cell)) : '–'}</td>
            <td className="jp-mod-number">{cell.peak_rss ? bytes(cell.peak_rss) : '–'}</td>
            <td className="jp-mlplat-barCell">
              {cell.peak_rss !== null && (
                <span className="jp-mlplat-bar" aria-hidden>
                  <span style={{ transform: `scaleX(${cell.peak_rss / most})` }} />
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
