/** The marks of a plane, told apart by their shape and not only by their colour. */

export type Shape = 'dot' | 'ring' | 'triangle' | 'square' | 'cross' | 'star';

/** Something that stands on a plane. */
export interface IMark {
  /** From 0, at the left, to 1. */
  readonly x: number;
  /** From 0, at the foot, to 1. */
  readonly y: number;
  readonly shape: Shape;
  readonly colour: string;
}

const STAR = 'M0-10 2.9-3.6 9.6-2.9 4.6 1.7 6 8.3 0 4.9-6 8.3-4.6 1.7-9.6-2.9-2.9-3.6z';

/** A shape around 0, as SVG draws it. */
export const PATHS: Readonly<Record<Shape, string>> = {
  dot: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z',
  ring: 'M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z',
  triangle: 'M0 5.5 5.5-4h-11z',
  square: 'M-4.5-4.5h9v9h-9z',
  cross: 'm-4.5-4.5 9 9m0-9-9 9',
  star: STAR
};

/** Shapes that are lines, not surfaces. */
export const HOLLOW: ReadonlySet<Shape> = new Set(['ring', 'triangle', 'square', 'cross']);

/** From so many on marks are smaller, and those without full worth let others shine through. */
const MANY = 250;

/** Draws some marks; those that count most come last and so lie on top. */
export function drawMarks(
  pen: CanvasRenderingContext2D,
  marks: ReadonlyArray<IMark>,
  place: (mark: IMark) => readonly [number, number],
  ground: string
): void {
  const shapes = Object.fromEntries(Object.entries(PATHS).map(([shape, path]) => [shape, new Path2D(path)])) as Record<Shape, Path2D>;
  const weight = (mark: IMark): number => (mark.shape === 'star' ? 2 : HOLLOW.has(mark.shape) ? 0 : 1);
  const many = marks.length > MANY;
  for (const mark of [...marks].sort((one, other) => weight(one) - weight(other))) {
    const [left, top] = place(mark);
    pen.save();
    pen.translate(left, top);
    if (many && mark.shape !== 'star') {
      pen.scale(0.62, 0.62);
      pen.globalAlpha = HOLLOW.has(mark.shape) ? 0.45 : 0.8;
    }
    if (HOLLOW.has(mark.shape)) {
      pen.lineWidth = 1.8;
      pen.strokeStyle = mark.colour;
    } else {
      pen.fillStyle = mark.colour;
      pen.fill(shapes[mark.shape]);
      pen.lineWidth = 1;
      pen.strokeStyle = ground;
    }
    pen.stroke(shapes[mark.shape]);
    pen.restore();
  }
}
