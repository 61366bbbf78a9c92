/** A canvas as wide as its room, as sharp as the screen. */

import * as React from 'react';

export interface IRoom {
  readonly width: number;
  readonly height: number;
}

/** Fills `canvas`: `draw` is called when it or the size changes. The box that gives the room, and its width in pixels of the page. */
export function useCanvas(
  canvas: React.RefObject<HTMLCanvasElement>,
  height: number,
  draw: (pen: CanvasRenderingContext2D, room: IRoom) => void
): { readonly box: React.RefObject<HTMLDivElement>; readonly width: number } {
  const box = React.useRef<HTMLDivElement>(null);
  const [width, setWidth] = React.useState(800);
  React.useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return;
    }
    const sizes = new ResizeObserver(() => {
      setWidth(Math.max(320, node.clientWidth));
    });
    sizes.observe(node);
    return () => {
      sizes.disconnect();
    };
  }, []);
  React.useLayoutEffect(() => {
    const node = canvas.current;
    const pen = node?.getContext('2d');
    if (!node || !pen) {
      return;
    }
    const scale = devicePixelRatio;
    node.width = width * scale;
    node.height = height * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    draw(pen, { width, height });
  }, [canvas, width, height, draw]);
  return { box, width };
}
