/** Marks between two axes on a canvas: the pointer or the arrow keys read them, a press or Enter opens what is read. */

import * as React from 'react';
import { type IInk, useInk } from '../theme';
import { useTrans } from '../trans';
import type { IAxis } from './axis';
import { type IRoom, useCanvas } from './canvas';
import { drawMarks, type IMark } from './marks';

const LEFT = 76;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 48;

/** Pixels within which a mark is near. */
const NEAR = 14;

export type PlaneAxis = Pick<IAxis, 'name' | 'ticks'> & { readonly scale?: IAxis['scale'] };

interface IPlaneProps {
  /** What is drawn, in words. */
  readonly label: string;
  readonly x: PlaneAxis;
  readonly y: PlaneAxis;
  readonly marks: ReadonlyArray<IMark>;
  /** Corners of a line behind the marks. */
  readonly line?: ReadonlyArray<readonly [number, number]>;
  readonly height: number;
  /** The canvas, for whoever makes a picture of it. */
  readonly canvas: React.RefObject<HTMLCanvasElement>;
  /** What is said of the mark with this index. */
  readonly tip: (index: number) => React.ReactNode;
  readonly open: (index: number) => void;
}

function placeIn({ width, height }: IRoom, { x, y }: Pick<IMark, 'x' | 'y'>): readonly [number, number] {
  return [LEFT + x * (width - LEFT - RIGHT), TOP + (1 - y) * (height - TOP - BOTTOM)];
}

export function Plane({ label, x, y, marks, line, height, canvas, tip, open }: IPlaneProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const [near, setNear] = React.useState<number | null>(null);
  const draw = React.useCallback(
    (pen: CanvasRenderingContext2D, room: IRoom) => {
      drawGrid(pen, room, x, y, ink);
      if (line && line.length > 1) {
        drawLine(pen, line.map(([across, up]) => placeIn(room, { x: across, y: up })), ink);
      }
      drawMarks(pen, marks, mark => placeIn(room, mark), ink.ground);
    },
    [x, y, marks, line, ink]
  );
  const { box, width } = useCanvas(canvas, height, draw);
  const room = { width, height };
  const order = React.useMemo(() => marks.map((_, index) => index).sort((one, other) => marks[one].x - marks[other].x), [marks]);
  const find = (event: React.MouseEvent): number | null => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    let best: number | null = null;
    let least = NEAR;
    marks.forEach((mark, index) => {
      const [across, down] = placeIn(room, mark);
      const far = Math.hypot(across - (event.clientX - left), down - (event.clientY - top));
      if (far < least) {
        least = far;
        best = index;
      }
    });
    return best;
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0 && order.length > 0) {
      const at = near === null ? (step > 0 ? -1 : order.length) : order.indexOf(near);
      setNear(order[Math.max(0, Math.min(order.length - 1, at + step))]);
    } else if (event.key === 'Enter' && near !== null) {
      open(near);
    } else if (event.key === 'Escape' && near !== null) {
      setNear(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const shown = near !== null && near < marks.length ? near : null;
  const [left, top] = shown === null ? [0, 0] : placeIn(room, marks[shown]);
  return (
    <div
      ref={box}
      className="jp-mlplat-canvasRoom"
      role="group"
      tabIndex={0}
      aria-label={trans.__('%1; arrows read it, Enter opens', label)}
      data-marks={marks.length}
      style={{ height, cursor: shown === null ? undefined : 'pointer' }}
      onKeyDown={onKey}
      onPointerMove={event => {
        setNear(find(event));
      }}
      onPointerLeave={() => {
        setNear(null);
      }}
      onBlur={() => {
        setNear(null);
      }}
      onClick={event => {
        const index = find(event);
        if (index !== null) {
          open(index);
        }
      }}
    >
      <canvas ref={canvas} role="img" aria-label={label} />
      {shown !== null && (
        <>
          <i className="jp-mlplat-markRing" style={{ left, top }} aria-hidden />
          <p className="jp-mlplat-chartTip" data-side={left > width / 2 ? 'left' : 'right'} style={{ left, top: Math.max(40, Math.min(height - 40, top)) }} role="status">
            {tip(shown)}
          </p>
        </>
      )}
    </div>
  );
}

function drawLine(pen: CanvasRenderingContext2D, corners: ReadonlyArray<readonly [number, number]>, ink: IInk): void {
  pen.beginPath();
  for (const [left, top] of corners) {
    pen.lineTo(left, top);
  }
  pen.strokeStyle = ink.brand;
  pen.lineWidth = 1.6;
  pen.stroke();
}

function drawGrid(pen: CanvasRenderingContext2D, { width, height }: IRoom, x: PlaneAxis, y: PlaneAxis, ink: IInk): void {
  const [across, up] = [width - LEFT - RIGHT, height - TOP - BOTTOM];
  pen.font = ink.font;
  pen.strokeStyle = ink.grid;
  pen.fillStyle = ink.faint;
  pen.lineWidth = 1;
  const every = (axis: PlaneAxis, most: number): IAxis['ticks'] => axis.ticks.filter((_, at) => at % Math.ceil(axis.ticks.length / most) === 0);
  const name = (axis: PlaneAxis, most: number): string => `${axis.name.slice(0, most)}${axis.scale === 'log' ? ' (log)' : ''}`;
  pen.textAlign = 'center';
  for (const { at, label } of every(x, 10)) {
    const left = LEFT + at * across;
    pen.beginPath();
    pen.moveTo(left, TOP);
    pen.lineTo(left, TOP + up);
    pen.stroke();
    pen.fillText(label.slice(0, 24), left, TOP + up + 18);
  }
  pen.textAlign = 'right';
  for (const { at, label } of every(y, 12)) {
    const top = TOP + (1 - at) * up;
    pen.beginPath();
    pen.moveTo(LEFT, top);
    pen.lineTo(LEFT + across, top);
    pen.stroke();
    pen.fillText(label.slice(0, 10), LEFT - 10, top + 4);
  }
  pen.fillStyle = ink.text;
  pen.textAlign = 'center';
  pen.fillText(name(x, 80), LEFT + across / 2, height - 8);
  pen.save();
  pen.translate(14, TOP + up / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(name(y, 60), 0, 0);
  pen.restore();
}
