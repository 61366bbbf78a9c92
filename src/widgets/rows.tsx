/** What long tables share: only the rows that are seen are in the page, so that 100,000 of them scroll. */

import * as React from 'react';

/** Rows above and below what is seen that are drawn as well. */
const AROUND = 8;

interface IRow {
  readonly id: string;
}

/** Which rows are seen, with some around them, and how many fit. */
export function useWindow(
  box: React.RefObject<HTMLElement>,
  count: number,
  row: number,
  head: number
): { readonly first: number; readonly last: number; readonly page: number } {
  const [place, setPlace] = React.useState({ top: 0, height: 600 });
  React.useLayoutEffect(() => {
    const scroller = box.current;
    if (scroller === null) {
      return;
    }
    const look = (): void => {
      setPlace(last =>
        last.top === scroller.scrollTop && last.height === scroller.clientHeight
          ? last
          : { top: scroller.scrollTop, height: scroller.clientHeight }
      );
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller);
    scroller.addEventListener('scroll', look, { passive: true });
    look();
    return () => {
      sizes.disconnect();
      scroller.removeEventListener('scroll', look);
    };
  }, [box]);
  const page = Math.max(1, Math.floor((place.height - head) / row) - 1);
  const first = Math.max(0, Math.min(count - 1, Math.floor(place.top / row) - AROUND));
  return { first, last: Math.min(count - 1, Math.floor(place.top / row) + page + 2 + AROUND), page };
}

/** When rows come or go above what is read, what is read stays where it is. */
export function useStillRows(box: React.RefObject<HTMLElement>, rows: ReadonlyArray<IRow>, height: number): void {
  const before = React.useRef<{ readonly id: string; readonly at: number } | null>(null);
  React.useLayoutEffect(() => {
    const scroller = box.current;
    const last = before.current;
    if (scroller && last && scroller.scrollTop > 0 && rows.at(last.at)?.id !== last.id) {
      const at = rows.findIndex(row => row.id === last.id);
      if (at >= 0) {
        scroller.scrollTop += (at - last.at) * height;
      }
    }
  }, [box, rows, height]);
  React.useEffect(() => {
    const at = Math.ceil((box.current?.scrollTop ?? 0) / height);
    const id = rows.at(at)?.id;
    before.current = id === undefined ? null : { id, at };
  });
}

/** Scrolls to a row, whose element has its id as `data-row`, and gives it the focus once it is drawn. */
export function useReveal(
  box: React.RefObject<HTMLElement>,
  rows: ReadonlyArray<IRow>,
  height: number,
  head: number
): (id: string) => void {
  const wanted = React.useRef<string | null>(null);
  React.useEffect(() => {
    const id = wanted.current;
    const row = id === null ? null : box.current?.querySelector<HTMLElement>(`tr[data-row="${CSS.escape(id)}"]`);
    if (row) {
      wanted.current = null;
      row.focus({ preventScroll: true });
    }
  });
  return id => {
    const scroller = box.current;
    const at = rows.findIndex(row => row.id === id);
    if (scroller && at >= 0) {
      const room = scroller.clientHeight - head;
      scroller.scrollTop = Math.max(Math.min(scroller.scrollTop, at * height), (at + 1) * height - room);
      wanted.current = id;
      // The row that has the focus may go before the other one is drawn: keys that come meanwhile would be lost.
      scroller.focus({ preventScroll: true });
    }
  };
}

/** The room of rows that are not drawn. */
export function Space(props: { readonly height: number; readonly columns: number }): JSX.Element | null {
  return props.height > 0 ? (
    <tr aria-hidden className="jp-mlplat-space" style={{ height: props.height }}>
      <td colSpan={props.columns} />
    </tr>
  ) : null;
}
