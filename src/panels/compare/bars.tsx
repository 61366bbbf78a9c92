/** A metric with one value of each run: bars from zero, the longest first. */

import * as React from 'react';
import { number } from '../../widgets/format';
import type { ISeries } from './series';

/** Bars of one card. */
const MOST = 200;

interface IBarsProps {
  readonly label: string;
  readonly series: ReadonlyArray<ISeries>;
  readonly lit: string | null;
}

export function Bars({ label, series, lit }: IBarsProps): JSX.Element {
  const rows = series
    .map(each => ({ ...each, value: each.y.find(value => value !== null) ?? null }))
    .sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity));
  const values = rows.flatMap(row => (row.value === null ? [] : [row.value]));
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const place = (value: number): number => (high === low ? 0 : ((value - low) / (high - low)) * 100);
  return (
    <ul className="jp-mlplat-bars" aria-label={label} tabIndex={0}>
      {rows.slice(0, MOST).map(({ id, name, colour, value, band }) => (
        <li key={id} data-dim={(lit !== null && lit !== id) || undefined} title={`${name.slice(0, 500)}: ${number(value)}`}>
          <bdi>{name.slice(0, 80)}</bdi>
          <span className="jp-mlplat-barRoom" aria-hidden>
            {value !== null && (
              <i
                style={{
                  left: `${place(Math.min(0, value))}%`,
                  width: `${Math.max(0.5, Math.abs(place(value) - place(0)))}%`,
                  background: colour
                }}
              />
            )}
          </span>
          <b>
            {number(value)}
            {band && band.low[0] !== band.high[0] && <small>{` ${number(band.low[0])} … ${number(band.high[0])}`}</small>}
          </b>
        </li>
      ))}
    </ul>
  );
}
