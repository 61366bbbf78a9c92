/** Values of several things: bars from zero, the longest first. */

import * as React from 'react';
import { number } from '../format';
import type { IInk } from '../theme';

/** Bars that are shown. */
const MOST = 200;

/** Bars that are shown at once; the others when the browser has painted what else there is. */
const FIRST = 20;

export interface IBar {
  readonly id: string;
  readonly name: string;
  readonly value: number | null;
  readonly colour: string;
  /** How the value reads, where not as a plain number. */
  readonly words?: string;
  /** Said after the value. */
  readonly note?: string;
  readonly dim?: boolean;
}

interface IBarsProps {
  readonly label: string;
  readonly bars: ReadonlyArray<IBar>;
}

function wordsOf(bar: IBar): string {
  return bar.words ?? number(bar.value);
}

function longestFirst(bars: ReadonlyArray<IBar>): IBar[] {
  return [...bars].sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity)).slice(0, MOST);
}

function useMost(): number {
  const [most, setMost] = React.useState(FIRST);
  React.useEffect(() => {
    React.startTransition(() => {
      setMost(MOST);
    });
  }, []);
  return most;
}

export function Bars({ label, bars }: IBarsProps): JSX.Element {
  const most = useMost();
  const values = bars.flatMap(bar => (bar.value === null ? [] : [bar.value]));
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const place = (value: number): number => (high === low ? 0 : ((value - low) / (high - low)) * 100);
  return (
    <ul className="jp-mlplat-bars" aria-label={label} tabIndex={0}>
      {longestFirst(bars).slice(0, most).map(bar => (
        <li key={bar.id} data-dim={bar.dim || undefined} title={`${bar.name.slice(0, 500)}: ${wordsOf(bar)}`}>
          <bdi>{bar.name.slice(0, 80)}</bdi>
          <span className="jp-mlplat-barRoom" aria-hidden>
            {bar.value !== null && (
              <i
                style={{
                  left: `${place(Math.min(0, bar.value))}%`,
                  width: `${Math.max(0.5, Math.abs(place(bar.value) - place(0)))}%`,
                  background: bar.colour
                }}
              />
            )}
          </span>
          <b>
            {wordsOf(bar)}
            {bar.note && <small>{` ${bar.note}`}</small>}
          </b>
        </li>
      ))}
    </ul>
  );
}

/** The same as a canvas, for a picture of it; none of the values is below 0. */
export function barsCanvas(bars: ReadonlyArray<IBar>, ink: IInk): HTMLCanvasElement {
  const [width, line, left, right] = [720, 26, 220, 190];
  const rows = longestFirst(bars);
  const most = Math.max(...rows.map(bar => bar.value ?? 0)) || 1;
  const scale = devicePixelRatio;
  const canvas = document.createElement('canvas');
  canvas.width = width * scale;
  canvas.height = line * rows.length * scale;
  const pen = canvas.getContext('2d');
  if (pen !== null) {
    pen.scale(scale, scale);
    pen.font = ink.font;
    rows.forEach((bar, index) => {
      const top = index * line;
      pen.fillStyle = ink.text;
      pen.textAlign = 'right';
      pen.fillText(bar.name.slice(0, 30), left - 10, top + 17);
      pen.textAlign = 'left';
      const long = ((bar.value ?? 0) / most) * (width - left - right);
      pen.fillText([wordsOf(bar), bar.note].filter(Boolean).join('  '), left + long + 8, top + 17);
      pen.fillStyle = bar.colour;
      pen.fillRect(left, top + 6, Math.max(1, long), 14);
    });
  }
  return canvas;
}
