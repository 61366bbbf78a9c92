/** The list that a query names; the one before stays until the next one is there, and where the next one cannot be. */

import * as React from 'react';
import type { ApiError, IRunQuery } from '../../api';
import type { IRunRows, RunList } from '../../model';
import { usePanel } from '../context';

export interface IListing {
  readonly list: RunList | null;
  readonly error: ApiError | null;
  readonly again: () => void;
}

export function useRunList(query: IRunQuery): IListing {
  const { model } = usePanel();
  const key = JSON.stringify(query);
  const [list, setList] = React.useState<RunList | null>(null);
  const [error, setError] = React.useState<ApiError | null>(null);
  const [attempt, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const next = model.listRuns(query);
    const ready = (): void => {
      const { phase, error: wrong } = next.snapshot;
      if (phase === 'loading') {
        return;
      }
      next.changed.disconnect(ready);
      setError(wrong);
      if (phase === 'error') {
        next.dispose();
        return;
      }
      setList(last => {
        if (last !== next) {
          last?.dispose();
        }
        return next;
      });
    };
    next.changed.connect(ready);
    return () => {
      next.changed.disconnect(ready);
      if (next.snapshot.phase === 'loading' && next.snapshot.rows.length === 0) {
        next.dispose();
      }
    };
  }, [model, key, attempt]);
  const shown = React.useRef<RunList | null>(null);
  shown.current = list;
  React.useEffect(() => () => shown.current?.dispose(), []);
  return { list, error, again };
}

/** What a list shows; a change renders again. */
export function useRows(list: RunList): IRunRows {
  return React.useSyncExternalStore(
    React.useCallback(
      notify => {
        list.changed.connect(notify);
        return () => {
          list.changed.disconnect(notify);
        };
      },
      [list]
    ),
    () => list.snapshot
  );
}
