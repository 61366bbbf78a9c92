/** Which rows of a long list are chosen, by pointer and by keyboard, after the ARIA grid pattern. */

import * as React from 'react';

export interface ISelection {
  readonly chosen: ReadonlySet<string>;
  /** The row that keys act on. */
  readonly active: string | null;
  /** Makes a row active; `range` chooses all rows between the last one that was chosen and this one. */
  readonly toggle: (id: string, range?: boolean) => void;
  readonly activate: (id: string) => void;
  readonly all: () => void;
  readonly clear: () => void;
  /** Handles a key; returns the row to be shown, or null where the key means nothing here. */
  readonly key: (event: IKey, page: number) => string | null;
}

/** The parts of a keyboard event that matter. */
export interface IKey {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

interface IState {
  readonly chosen: ReadonlySet<string>;
  readonly active: string | null;
  /** Where a range begins. */
  readonly anchor: string | null;
}

const NOTHING: IState = { chosen: new Set(), active: null, anchor: null };

/**
 * The choice among `ids`, in their order; another `list` begins anew.
 *
 * Keys and focus may come faster than they are drawn, so each acts on the newest state and not on what was drawn last.
 */
export function useSelection(ids: ReadonlyArray<string>, list: unknown): ISelection {
  const [state, draw] = React.useState<IState>(NOTHING);
  const newest = React.useRef(state);
  const change = (changed: Partial<IState>): void => {
    newest.current = { ...newest.current, ...changed };
    draw(newest.current);
  };
  React.useEffect(() => {
    newest.current = NOTHING;
    draw(NOTHING);
  }, [list]);
  const places = React.useMemo(() => new Map(ids.map((id, index) => [id, index])), [ids]);
  const listed = (all: ReadonlySet<string>): ReadonlySet<string> => (all.size === 0 ? all : new Set([...all].filter(id => places.has(id))));
  const chosen = React.useMemo(() => listed(state.chosen), [state.chosen, places]);

  const between = (from: string, to: string): string[] => {
    const one = places.get(from) ?? 0;
    const other = places.get(to) ?? 0;
    return ids.slice(Math.min(one, other), Math.max(one, other) + 1);
  };
  const toggle = (id: string, range = false): void => {
    const { anchor } = newest.current;
    const next = new Set(listed(newest.current.chosen));
    if (range && anchor !== null) {
      between(anchor, id).forEach(each => next.add(each));
    } else if (!next.delete(id)) {
      next.add(id);
    }
    change({ chosen: next, active: id, anchor: range ? (anchor ?? id) : id });
  };
  const all = (): void => {
    change({ chosen: new Set(ids) });
  };
  const clear = (): void => {
    change({ chosen: new Set(), anchor: null });
  };

  const move = (to: number, extend: boolean): string | null => {
    const id = ids.at(Math.max(0, Math.min(ids.length - 1, to)));
    if (id === undefined) {
      return null;
    }
    const last = newest.current;
    const anchor = extend ? (last.anchor ?? last.active ?? id) : last.anchor;
    const extended = extend && anchor !== null;
    change({
      chosen: extended ? new Set([...listed(last.chosen), ...between(anchor, id)]) : last.chosen,
      active: id,
      anchor
    });
    return id;
  };

  const key = (event: IKey, page: number): string | null => {
    const { active } = newest.current;
    const at = active === null ? -1 : (places.get(active) ?? -1);
    switch (event.key) {
      case 'ArrowDown':
        return move(at + 1, event.shiftKey);
      case 'ArrowUp':
        return move(Math.max(0, at - 1), event.shiftKey);
      case 'PageDown':
        return move(at + page, event.shiftKey);
      case 'PageUp':
        return move(at - page, event.shiftKey);
      case 'Home':
        return move(0, event.shiftKey);
      case 'End':
        return move(ids.length - 1, event.shiftKey);
      case ' ':
        if (active !== null) {
          toggle(active, event.shiftKey);
        }
        return active;
      case 'Escape':
        if (listed(newest.current.chosen).size > 0) {
          clear();
          return active;
        }
        return null;
      case 'a':
        if (event.ctrlKey || event.metaKey) {
          all();
          return active;
        }
        return null;
      default:
        return null;
    }
  };
  return {
    chosen,
    active: state.active !== null && places.has(state.active) ? state.active : null,
    toggle,
    activate: id => {
      change({ active: id });
    },
    all,
    clear,
    key
  };
}
