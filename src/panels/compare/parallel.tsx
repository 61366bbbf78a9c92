/** Parallel coordinates: a line per run through what it was given and what came out; a stretch of an axis picks the runs that go through it. */

import * as React from 'react';
import type { Run } from '../../types';
import { type IRoom, useCanvas } from '../../widgets/charts/canvas';
import { Choose, Ramp } from '../../widgets/charts/choosers';
import { savePicture } from '../../widgets/charts/files';
import { pictureIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { Popover } from '../../widgets/popover';
import { rampOf, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { Brush, type IStretch } from './brush';
import { fieldsOf, type IField, spreads } from './fields';

const HEIGHT = 430;
const TOP = 46;
const BOTTOM = 16;
const SIDE = 70;

/** Axes at first, and at most. */
const FIRST = 7;
const MOST = 16;

/** Lines of one colour are drawn at once; so many colours there are. */
const SHADES = 24;

/** In so many rounds many lines are drawn. */
const ROUNDS = 12;

export function Parallel({ runs }: { readonly runs: ReadonlyArray<Run> }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const fields = React.useMemo(() => fieldsOf(runs), [runs]);
  const [wanted, setWanted] = React.useState<ReadonlyArray<string> | null>(null);
  const [coloured, setColoured] = React.useState('');
  const [stretches, setStretches] = React.useState<Readonly<Record<string, IStretch>>>({});
  const axes = React.useMemo(() => {
    const differing = fields.filter(spreads);
    const metrics = differing.filter(field => field.metric).slice(0, 3);
    const given = differing.filter(field => !field.metric).slice(0, FIRST - metrics.length);
    const ids = new Set(wanted ?? [...given, ...metrics].map(field => field.id));
    return fields.filter(field => ids.has(field.id)).slice(0, MOST);
  }, [fields, wanted]);
  const colour = fields.find(field => field.id === coloured) ?? axes.findLast(field => field.metric) ?? fields.at(-1) ?? null;
  const inside = React.useMemo(() => {
    const active = axes.flatMap(axis => (Object.hasOwn(stretches, axis.id) ? [{ axis, stretch: stretches[axis.id] }] : []));
    return runs.map((_, index) =>
      active.every(({ axis, stretch }) => {
        const place = axis.places[index];
        return place !== null && place >= stretch.low && place <= stretch.high;
      })
    );
  }, [runs, axes, stretches]);
  const draw = React.useCallback(
    (pen: CanvasRenderingContext2D, room: IRoom) => {
      drawLines(pen, room, axes, colour, inside, share => rampOf(share, ink), ink.faint);
      drawAxes(pen, room, axes, ink.text, ink.faint, ink.font, ink.ground);
    },
    [axes, colour, inside, ink]
  );
  const { box, width } = useCanvas(canvas, HEIGHT, draw);
  const count = inside.filter(Boolean).length;
  if (fields.length === 0 || colour === null) {
    return <p className="jp-mlplat-hint">{trans.__('These runs have no parameter and no metric yet.')}</p>;
  }
  return (
    <div className="jp-mlplat-figure">
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('How the lines are drawn')}>
        <Popover label={trans.__('Axes')} detail={String(axes.length)}>
          {() => (
            <div className="jp-mlplat-choiceList">
              {fields.map(field => (
                <label key={field.id} className="jp-mlplat-tick">
                  <input
                    type="checkbox"
                    checked={axes.includes(field)}
                    onChange={event => {
                      const ids = axes.map(axis => axis.id).filter(id => id !== field.id);
                      setWanted(event.target.checked ? [...ids, field.id] : ids);
                    }}
                  />
                  <bdi>{field.title.slice(0, 80)}</bdi>
                </label>
              ))}
            </div>
          )}
        </Popover>
        <Choose label={trans.__('Colour')} choices={fields} chosen={colour.id} choose={setColoured} />
        <Ramp title={colour.title} ends={colour.ends} />
        <span aria-live="polite">{trans.__('%1 of %2 runs', count, runs.length)}</span>
        <IconButton
          icon={pictureIcon}
          label={trans.__('Save as a picture')}
          onClick={() => {
            if (canvas.current) {
              savePicture(canvas.current, trans.__('Parallel coordinates'), ink);
            }
          }}
        />
      </div>
      <div ref={box} className="jp-mlplat-canvasRoom" style={{ height: HEIGHT }}>
        <canvas ref={canvas} role="img" aria-label={trans.__('%1 runs between %2 axes; the tab Differences has the figures', runs.length, axes.length)} />
        {axes.map((axis, index) => (
          <Brush
            key={axis.id}
            label={axis.title.slice(0, 80)}
            left={placeOf(index, axes.length, width)}
            top={TOP}
            height={HEIGHT - TOP - BOTTOM}
            stretch={Object.hasOwn(stretches, axis.id) ? stretches[axis.id] : null}
            change={stretch => {
              const others = Object.entries(stretches).filter(([id]) => id !== axis.id);
              setStretches(Object.fromEntries(stretch === null ? others : [...others, [axis.id, stretch]]));
            }}
          />
        ))}
      </div>
      <p className="jp-mlplat-hint">{trans.__('Draw along an axis to keep the runs that go through; a press without drawing, or Escape, lets go.')}</p>
    </div>
  );
}

/** Pixels from the left to the n-th of some axes. */
function placeOf(index: number, count: number, width: number): number {
  return count < 2 ? width / 2 : SIDE + (index * (width - 2 * SIDE)) / (count - 1);
}

function drawLines(
  pen: CanvasRenderingContext2D,
  { width, height }: IRoom,
  axes: ReadonlyArray<IField>,
  colour: IField | null,
  inside: ReadonlyArray<boolean>,
  shade: (share: number) => string,
  faint: string
): void {
  const inner = height - TOP - BOTTOM;
  const lefts = axes.map((_, index) => placeOf(index, axes.length, width));
  const many = inside.length > 500;
  pen.lineWidth = many ? 0.7 : 1.4;
  // What is drawn later hides what is below it: in several rounds each colour has its turn on top.
  const rounds = many ? ROUNDS : 1;
  for (let round = 0; round < rounds; round++) {
    const paths = Array.from({ length: SHADES + 1 }, () => new Path2D());
    for (let run = round; run < inside.length; run += rounds) {
      const share = colour?.places[run] ?? null;
      const path = paths[inside[run] && share !== null ? 1 + Math.max(0, Math.min(SHADES - 1, Math.floor(share * SHADES))) : 0];
      let drawing = false;
      axes.forEach((axis, index) => {
        const place = axis.places[run];
        if (place === null) {
          drawing = false;
          return;
        }
        const y = TOP + (1 - place) * inner;
        if (drawing) {
          path.lineTo(lefts[index], y);
        } else {
          path.moveTo(lefts[index], y);
          drawing = true;
        }
      });
    }
    paths.forEach((path, index) => {
      pen.strokeStyle = index === 0 ? faint : shade((index - 0.5) / SHADES);
      pen.globalAlpha = index === 0 ? (many ? 0.05 : 0.16) : many ? 0.35 : 0.9;
      pen.stroke(path);
    });
  }
  pen.globalAlpha = 1;
}

function drawAxes(
  pen: CanvasRenderingContext2D,
  { width, height }: IRoom,
  axes: ReadonlyArray<IField>,
  text: string,
  faint: string,
  font: string,
  ground: string
): void {
  const inner = height - TOP - BOTTOM;
  const room = axes.length < 2 ? width : (width - 2 * SIDE) / (axes.length - 1);
  pen.font = font;
  axes.forEach((axis, index) => {
    const left = placeOf(index, axes.length, width);
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(left, TOP);
    pen.lineTo(left, TOP + inner);
    pen.stroke();
    pen.fillStyle = text;
    pen.textAlign = 'center';
    pen.fillText(fitted(pen, axis.title, Math.max(60, room - 14)), left, TOP - 22);
    pen.textAlign = 'left';
    const shown = axis.ticks.length > 12 ? axis.ticks.filter((_, at) => at % Math.ceil(axis.ticks.length / 12) === 0) : axis.ticks;
    for (const { at, label } of shown) {
      const y = TOP + (1 - at) * inner;
      const words = fitted(pen, label, Math.max(40, room - 20));
      pen.fillStyle = ground;
      pen.globalAlpha = 0.75;
      pen.fillRect(left + 5, y - 8, pen.measureText(words).width + 4, 15);
      pen.globalAlpha = 1;
      pen.fillStyle = faint;
      pen.fillText(words, left + 7, y + 4);
    }
  });
}

/** As much of a text as there is room for. */
function fitted(pen: CanvasRenderingContext2D, text: string, room: number): string {
  if (pen.measureText(text.slice(0, 60)).width <= room && text.length <= 60) {
    return text;
  }
  let size = Math.min(60, text.length);
  while (size > 1 && pen.measureText(`${text.slice(0, size)}…`).width > room) {
    size -= 1;
  }
  return `${text.slice(0, size)}…`;
}
