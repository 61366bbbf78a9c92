/** Some runs that are looked at together, and the curves of their metrics. */

import type { Api } from '../api';
import { Resource } from '../resource';
import type { Run, RunCurves } from '../types';
import type { INews, Watching } from '../watching';

/** Milliseconds between two readings of the same curves or runs, however many events arrive. */
const GAP = 1000;

/** Renews `resource` when one of `ids` changes, as long as `living` says so; until it is disposed. */
function follow<T>(watching: Watching, ids: ReadonlyArray<string>, resource: Resource<T>, living: () => boolean): Resource<T> {
  const meant = new Set(ids);
  const heard = (_: unknown, { topic, key }: INews): void => {
    if (resource.isDisposed) {
      watching.news.disconnect(heard);
    } else if (topic === null || (topic === 'runs' && (key === null || meant.has(key)) && living())) {
      resource.invalidate();
    }
  };
  watching.news.connect(heard);
  return resource;
}

/** The runs in the order of `ids`; those that are gone are left out. */
export function watchRuns(
  api: Api,
  watching: Watching,
  ids: ReadonlyArray<string>,
  known: ReadonlyArray<Run>
): Resource<ReadonlyArray<Run>> {
  const first = new Map(known.map(run => [run.id, run]));
  const runs = new Resource<ReadonlyArray<Run>>(
    async (signal, last) => {
      // What has ended changes only by a hand: the first time it is as it was seen, after that it is read again.
      const seen = last === null ? first : new Map<string, Run>();
      const missing = ids.filter(id => seen.get(id) === undefined || seen.get(id)?.status === 'RUNNING');
      const found = new Map([...seen, ...(await api.runs.some(missing, signal)).map(run => [run.id, run] as const)]);
      return ids.flatMap(id => found.get(id) ?? []);
    },
    () => undefined,
    GAP
  );
  return follow(watching, ids, runs, () => true);
}

/** One metric of some runs. */
export function watchCurves(
  api: Api,
  watching: Watching,
  ids: ReadonlyArray<string>,
  key: string,
  living: () => boolean
): Resource<RunCurves> {
  const curves = new Resource<RunCurves>(signal => api.runs.curves(ids, key, signal), () => undefined, GAP);
  return follow(watching, ids, curves, living);
}
