/** The routes of runs: find, compare, edit, delete, and what they left behind. */

import type { Http } from '../http';
import type {
  ArtifactPage,
  ArtifactTable,
  Experiment,
  Job,
  Page,
  Run,
  RunChange,
  RunCurves,
  RunDetail,
  RunImportance,
  RunPage,
  RunsDone,
} from '../types';

/** Which runs a list has, and in which order. */
export interface IRunQuery {
  /** Name of the experiment; null for all. */
  readonly experiment: string | null;
  /** MLflow's search syntax, with OR, NOT, IN and parentheses. */
  readonly filter: string;
  /** Like "metrics.auc DESC"; empty for the newest first. */
  readonly order: ReadonlyArray<string>;
  /** Those that were archived, instead of the others. */
  readonly archived: boolean;
}

/** Runs of one request that changes many. */
const TOGETHER = 200;

/** Ids of one request that reads many: an address may have some 8,000 letters. */
const NAMED = 120;

/** Points of a curve that are asked for. */
const POINTS = 1000;

/** Milliseconds that a request may take which deletes many runs with their files, or learns from many. */
const SLOW = 300_000;

export class RunApi {
  constructor(private readonly _http: Http) {}

  list(experiment?: string | null, limit = 50, signal?: AbortSignal): Promise<Page<Run>> {
    return this._http.json(['runs'], { query: { experiment, limit }, signal });
  }

  /** A page of those that `query` names; with `count`, how many there are of all. */
  find(query: IRunQuery, limit: number, after: string | null, count: boolean, signal?: AbortSignal): Promise<RunPage> {
    const { experiment, filter, order, archived } = query;
    return this._http.json(['runs'], {
      query: { experiment, filter, order_by: order, archived: archived || null, limit, after, count: count || null },
      signal
    });
  }

  get(id: string, signal?: AbortSignal): Promise<RunDetail> {
    return this._http.json(['runs', id], { signal });
  }

  /** Those of `ids` that are there, in any order. */
  async some(ids: ReadonlyArray<string>, signal?: AbortSignal): Promise<Run[]> {
    const found: Run[] = [];
    for (let at = 0; at < ids.length; at += NAMED) {
      const names = ids.slice(at, at + NAMED).map(id => `'${id.replace(/'/g, '')}'`);
      const query = { experiment: null, filter: `attributes.run_id IN (${names.join(', ')})`, order: [], archived: false };
      found.push(...(await this.find(query, NAMED, null, false, signal)).items);
    }
    return found;
  }

  experiments(signal?: AbortSignal): Promise<Page<Experiment>> {
    return this._http.json(['experiments'], { query: { limit: 500 }, signal });
  }

  /** One metric of some runs, at most `points` points of each. */
  curves(runs: ReadonlyArray<string>, key: string, signal?: AbortSignal, points = POINTS): Promise<RunCurves> {
    return this._http.json(['runs', 'curves'], { query: { run: runs, key, points }, signal });
  }

  /** How much each parameter of some runs has to do with a metric. */
  importance(runs: ReadonlyArray<string>, metric: string, signal?: AbortSignal): Promise<RunImportance> {
    return this._http.json(['runs', 'importance'], { method: 'POST', body: { runs, metric }, signal, timeout: SLOW });
  }

  edit(id: string, change: Partial<RunChange>): Promise<Run> {
    return this._http.json(['runs', id], { method: 'PATCH', body: change });
  }

  /** The same change to many; what failed is among the items of the answer. */
  editMany(runs: ReadonlyArray<string>, change: Partial<RunChange>): Promise<RunsDone> {
    return this._many(runs, some => this._http.json(['runs', 'edit'], { method: 'POST', body: { runs: some, ...change }, timeout: SLOW }));
  }

  /** Deletes for good: metrics, parameters, tags and files. */
  remove(runs: ReadonlyArray<string>): Promise<RunsDone> {
    const body = (some: ReadonlyArray<string>): unknown => ({ runs: some, permanent: true });
    return this._many(runs, some => this._http.json(['runs', 'delete'], { method: 'POST', body: body(some), timeout: SLOW }));
  }

  /** Runs again what it ran, with its parameters, as a job. */
  rerun(id: string): Promise<Job> {
    return this._http.json(['runs', id, 'rerun'], { method: 'POST' });
  }

  /** What is in a folder of its artifacts. */
  artifacts(id: string, path: string, signal?: AbortSignal): Promise<ArtifactPage> {
    return this._http.json(['runs', id, 'artifacts'], { query: { path }, signal });
  }

  /** One of its files. */
  artifact(id: string, path: string): Promise<Blob> {
    return this._http.blob(['runs', id, 'artifacts', ...path.split('/')]);
  }

  /** The first rows of a parquet file among them. */
  table(id: string, path: string, signal?: AbortSignal): Promise<ArtifactTable> {
    return this._http.json(['runs', id, 'tables', ...path.split('/')], { signal });
  }

  private async _many(runs: ReadonlyArray<string>, ask: (some: ReadonlyArray<string>) => Promise<RunsDone>): Promise<RunsDone> {
    const items: RunsDone['items'][number][] = [];
    let freed = 0;
    for (let at = 0; at < runs.length; at += TOGETHER) {
      const done = await ask(runs.slice(at, at + TOGETHER));
      items.push(...done.items);
      freed += done.freed_bytes;
    }
    return { items, freed_bytes: freed };
  }
}
