/** Runs as points between any two of their parameters and metrics, with the colour of a third. */

import * as React from 'react';
import type { Run } from '../../types';
import { CommandIDs } from '../../tokens';
import { pictureIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { rampOf, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { valueText } from '../runs/columns';
import { usePanel } from '../context';
import { type IRoom, useCanvas } from './canvas';
import { FieldSelect, Ramp } from './choosers';
import { fieldsOf, type IField, spreads } from './fields';
import { savePicture } from './files';

const HEIGHT = 430;
const LEFT = 76;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 48;

/** Pixels within which a point is near. */
const NEAR = 14;

interface IPoint {
  readonly run: number;
  readonly left: number;
  readonly top: number;
}

function pointsOf(x: IField, y: IField, { width, height }: IRoom): IPoint[] {
  return x.places.flatMap((across, run) => {
    const up = y.places[run];
    return across === null || up === null
      ? []
      : [{ run, left: LEFT + across * (width - LEFT - RIGHT), top: TOP + (1 - up) * (height - TOP - BOTTOM) }];
  });
}

export function Scatter({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const { commands } = usePanel();
  const fields = React.useMemo(() => fieldsOf(runs), [runs]);
  const [wanted, setWanted] = React.useState<Readonly<Record<'x' | 'y' | 'colour', string>>>({ x: '', y: '', colour: '' });
  const [near, setNear] = React.useState<IPoint | null>(null);
  const differing = fields.filter(spreads);
  const metrics = differing.filter(field => field.metric);
  const given = (id: string, first: IField | undefined): IField | undefined => fields.find(field => field.id === id) ?? first ?? fields.at(0);
  const y = given(wanted.y, metrics.at(0));
  const x = given(wanted.x, differing.find(field => !field.metric) ?? metrics.at(1));
  const colour = given(wanted.colour, metrics.at(1) ?? metrics.at(0));
  const draw = React.useCallback(
    (pen: CanvasRenderingContext2D, room: IRoom) => {
      if (x && y && colour) {
        drawGrid(pen, room, x, y, ink);
        for (const { run, left, top } of pointsOf(x, y, room)) {
          const share = colour.places[run];
          pen.beginPath();
          pen.arc(left, top, 5, 0, 2 * Math.PI);
          pen.fillStyle = share === null ? ink.faint : rampOf(share, ink);
          pen.fill();
          pen.lineWidth = 1;
          pen.strokeStyle = ink.ground;
          pen.stroke();
        }
      }
    },
    [x, y, colour, ink]
  );
  const { box, canvas, width } = useCanvas(HEIGHT, draw);
  const points = React.useMemo(() => (x && y ? pointsOf(x, y, { width, height: HEIGHT }) : []), [x, y, width]);
  if (!x || !y || !colour) {
    return <p className="jp-mlplat-hint">{trans.__('These runs have no parameter and no metric yet.')}</p>;
  }
  const find = (event: React.MouseEvent): IPoint | null => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    let best: IPoint | null = null;
    let least = NEAR;
    for (const point of points) {
      const far = Math.hypot(point.left - (event.clientX - left), point.top - (event.clientY - top));
      if (far < least) {
        least = far;
        best = point;
      }
    }
    return best;
  };
  const choose = (name: 'x' | 'y' | 'colour') => (id: string) => {
    setWanted({ ...wanted, [name]: id });
  };
  return (
    <div className="jp-mlplat-figure">
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('What is drawn')}>
        <FieldSelect label={trans.__('Across')} fields={fields} chosen={x.id} choose={choose('x')} />
        <FieldSelect label={trans.__('Up')} fields={fields} chosen={y.id} choose={choose('y')} />
        <FieldSelect label={trans.__('Colour')} fields={fields} chosen={colour.id} choose={choose('colour')} />
        <Ramp field={colour} />
        <IconButton
          icon={pictureIcon}
          label={trans.__('Save as a picture')}
          onClick={() => {
            if (canvas.current) {
              savePicture(canvas.current, `${y.title} / ${x.title}`, ink);
            }
          }}
        />
      </div>
      <div
        ref={box}
        className="jp-mlplat-canvasRoom"
        style={{ height: HEIGHT, cursor: near ? 'pointer' : undefined }}
        onPointerMove={event => {
          setNear(find(event));
        }}
        onPointerLeave={() => {
          setNear(null);
        }}
        onClick={event => {
          const point = find(event);
          if (point) {
            void commands.execute(CommandIDs.openRun, { id: runs[point.run].id });
          }
        }}
      >
        <canvas ref={canvas} role="img" aria-label={trans.__('%1 by %2 of %3 runs; the tab Differences has the figures', y.title.slice(0, 80), x.title.slice(0, 80), points.length)} />
        {near && (
          <p className="jp-mlplat-chartTip" data-side={near.left > width / 2 ? 'left' : 'right'} style={{ left: near.left, top: near.top }} role="status">
            <bdi>{runs[near.run].name.slice(0, 80)}</bdi>
            {[...new Set([y, x, colour])].map(field => (
              <span key={field.id}>
                <bdi>{field.title.slice(0, 40)}</bdi> <b>{valueText(field.values[near.run] ?? undefined).slice(0, 40)}</b>
              </span>
            ))}
          </p>
        )}
      </div>
    </div>
  );
}

function drawGrid(pen: CanvasRenderingContext2D, { width, height }: IRoom, x: IField, y: IField, ink: ReturnType<typeof useInk>): void {
  const [across, up] = [width - LEFT - RIGHT, height - TOP - BOTTOM];
  pen.font = ink.font;
  pen.strokeStyle = ink.grid;
  pen.fillStyle = ink.faint;
  pen.lineWidth = 1;
  const every = (field: IField, most: number): IField['ticks'] => field.ticks.filter((_, at) => at % Math.ceil(field.ticks.length / most) === 0);
  pen.textAlign = 'center';
  for (const { at, label } of every(x, 10)) {
    const left = LEFT + at * across;
    pen.beginPath();
    pen.moveTo(left, TOP);
    pen.lineTo(left, TOP + up);
    pen.stroke();
    pen.fillText(label, left, TOP + up + 18);
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
  pen.fillText(x.title.slice(0, 80), LEFT + across / 2, height - 8);
  pen.save();
  pen.translate(14, TOP + up / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(y.title.slice(0, 60), 0, 0);
  pen.restore();
}
