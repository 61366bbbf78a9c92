/** A stretch of an upright axis, drawn with the pointer or set with the arrow keys. */

import * as React from 'react';
import { useTrans } from '../../widgets/trans';

/** From 0 at the foot to 1 at the top. */
export interface IStretch {
  readonly low: number;
  readonly high: number;
}

interface IBrushProps {
  readonly label: string;
  readonly left: number;
  readonly top: number;
  readonly height: number;
  readonly stretch: IStretch | null;
  readonly change: (stretch: IStretch | null) => void;
}

/** How far one key goes. */
const STEP = 0.05;

/** Less than this was a press, not a stretch. */
const LEAST = 0.01;

export function Brush({ label, left, top, height, stretch, change }: IBrushProps): JSX.Element {
  const trans = useTrans();
  const from = React.useRef<number | null>(null);
  const placeOf = (event: React.PointerEvent): number => {
    const { top: above } = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, 1 - (event.clientY - above) / height));
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const { low, high } = stretch ?? { low: 0, high: 1 };
    const by = event.key === 'ArrowUp' ? STEP : event.key === 'ArrowDown' ? -STEP : 0;
    if (event.key === 'Escape') {
      change(null);
    } else if (by !== 0) {
      // With Shift the upper end moves, otherwise the lower one.
      const next = event.shiftKey
        ? { low, high: Math.max(low, Math.min(1, high + by)) }
        : { low: Math.max(0, Math.min(high, low + by)), high };
      change(next.low <= 0 && next.high >= 1 ? null : next);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const { low, high } = stretch ?? { low: 0, high: 1 };
  return (
    <div
      className="jp-mlplat-brush"
      role="slider"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={trans.__('%1: arrows move the lower end, with Shift the upper one', label)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(low * 100)}
      aria-valuetext={stretch === null ? trans.__('all') : trans.__('from %1 % to %2 % of the axis', Math.round(low * 100), Math.round(high * 100))}
      style={{ left: left - 11, top, height }}
      onKeyDown={onKey}
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = placeOf(event);
      }}
      onPointerMove={event => {
        if (from.current !== null) {
          const at = placeOf(event);
          if (Math.abs(at - from.current) >= LEAST) {
            change({ low: Math.min(at, from.current), high: Math.max(at, from.current) });
          }
        }
      }}
      onPointerUp={event => {
        if (from.current !== null && Math.abs(placeOf(event) - from.current) < LEAST) {
          change(null);
        }
        from.current = null;
      }}
    >
      {stretch && <i style={{ top: `${(1 - high) * 100}%`, height: `${(high - low) * 100}%` }} aria-hidden />}
    </div>
  );
}
