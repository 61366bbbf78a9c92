/** How much room a graph has. */

import * as React from 'react';

/** Pixels around the graph, for outlines. */
export const EDGE = 4;

/** Pixels that the graph may be wide without a scroll bar. */
export function useRoom(frame: React.RefObject<HTMLElement>): number {
  const [room, setRoom] = React.useState(0);
  React.useLayoutEffect(() => {
    const node = frame.current;
    if (node === null) {
      return;
    }
    const look = (): void => {
      setRoom(node.clientWidth - 2 * EDGE);
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(node);
    look();
    return () => {
      sizes.disconnect();
    };
  }, [frame]);
  return room;
}
