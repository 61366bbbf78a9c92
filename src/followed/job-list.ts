/** A list of jobs that may be very long: read page by page, its rows renewed in place. */

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type { Api, ApiError, JobFilter } from '../api';
import { asApiError } from '../resource';
import type { Job } from '../types';
import type { INews, Watching } from '../watching';

/** Jobs of one page. */
const PAGE = 200;

/** Milliseconds between two renewals, however many events arrive. */
const GAP = 300;

/** So many jobs are asked for one by one; more are asked for as a range. */
const SINGLE = 6;

/** What a list shows. */
export interface IJobList {
  /** The newest first. */
  readonly rows: ReadonlyArray<Job>;
  /** Rows that belong to the list no longer, and stay until it may move. */
  readonly left: ReadonlySet<string>;
  /** Jobs that belong to the list and wait until it may move. */
  readonly arrived: number;
  /** There are no older ones. */
  readonly complete: boolean;
  readonly phase: 'loading' | 'ready' | 'error';
  readonly error: ApiError | null;
}

/** True where `job` is one of those that `filter` names. */
export function fits(job: Job, filter: JobFilter): boolean {
  return (
    (!filter.states?.length || filter.states.includes(job.state)) &&
    (!filter.owner || job.owner === filter.owner) &&
    (!filter.schedule || job.schedule_id === filter.schedule) &&
    (!filter.sweep || job.sweep_id === filter.sweep) &&
    (!filter.pipeline || job.pipeline_id === filter.pipeline) &&
    (!filter.name || job.name.toLowerCase().includes(filter.name.toLowerCase()))
  );
}

/** Where a job stands in a list: the newest first. */
function newerFirst(one: Job, other: Job): number {
  return Date.parse(other.submitted_at) - Date.parse(one.submitted_at) || Number(other.id) - Number(one.id) || 0;
}

export class JobList implements IDisposable {
  constructor(
    private readonly _api: Api,
    private readonly _watching: Watching,
    readonly filter: JobFilter
  ) {
    _watching.news.connect(this._onNews, this);
    void this.more();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get snapshot(): IJobList {
    return this._snapshot;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** While it is held no row comes, goes or moves; rows are renewed where they are. */
  get held(): boolean {
    return this._held;
  }

  set held(held: boolean) {
    this._held = held;
    if (!held) {
      this.admit();
    }
  }

  /** The rows that are seen: only those are renewed at once. */
  see(first: number, last: number): void {
    this._seen = [first, last];
    if (this._stale.size > 0) {
      this._later();
    }
  }

  /** Lets in what arrived, and out what left. */
  admit(): void {
    const { rows, left } = this._snapshot;
    if (this._arrived.size > 0 || left.size > 0) {
      const stay = rows.filter(job => !left.has(job.id));
      const come = [...this._arrived.values()];
      this._arrived.clear();
      this._show({ rows: come.length > 0 ? [...come, ...stay].sort(newerFirst) : stay, left: new Set(), arrived: 0 });
    }
  }

  /** Reads the next page; does nothing while one is read, or where there is none. */
  async more(): Promise<void> {
    const { rows, complete } = this._snapshot;
    if (this._reading || complete || this._disposed) {
      return;
    }
    this._reading = true;
    this._show({ phase: 'loading', error: null });
    try {
      const page = await this._api.jobs.find(this.filter, PAGE, this._cursor, this._abort.signal);
      const known = new Set(this._snapshot.rows.slice(Math.max(0, rows.length - PAGE)).map(job => job.id));
      const fresh = page.items.filter(job => !known.has(job.id) && !this._arrived.has(job.id));
      this._cursor = page.next;
      this._show({ rows: [...this._snapshot.rows, ...fresh], complete: page.next === null, phase: 'ready' });
    } catch (reason) {
      this._show({ phase: 'error', error: asApiError(reason) });
    } finally {
      this._reading = false;
    }
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._watching.news.disconnect(this._onNews, this);
      this._abort.abort();
      window.clearTimeout(this._timer);
      Signal.clearData(this);
    }
  }

  private _onNews(_: unknown, { topic, key }: INews): void {
    if (topic !== null && topic !== 'jobs') {
      return;
    }
    if (key !== null) {
      this._stale.add(key);
    } else {
      this._snapshot.rows.forEach(job => this._stale.add(job.id));
      this._head = true;
    }
    this._later();
  }

  private _later(): void {
    if (this._timer === 0 && !this._disposed) {
      this._timer = window.setTimeout(() => {
        void this._renew().then(done => {
          this._timer = 0;
          if (done && (this._head || this._wanted().length > 0)) {
            this._later();
          }
        });
      }, GAP);
    }
  }

  /** What is stale and seen, or not listed at all. */
  private _wanted(): string[] {
    const { rows } = this._snapshot;
    const [first, last] = this._seen;
    const seen = rows.slice(Math.max(0, first), last + 1).filter(job => this._stale.has(job.id));
    const listed = new Set(this._stale.size > 0 ? rows.map(job => job.id) : []);
    return [...seen.map(job => job.id), ...[...this._stale].filter(id => !listed.has(id))];
  }

  /** Asks for what changed; false where it could not be asked. */
  private async _renew(): Promise<boolean> {
    const wanted = this._wanted();
    wanted.forEach(id => this._stale.delete(id));
    const found = new Map<string, Job | null>();
    const take = (jobs: ReadonlyArray<Job>): void => {
      jobs.forEach(job => found.set(job.id, job));
    };
    try {
      if (this._head || wanted.length > SINGLE) {
        this._head = false;
        const [first, last] = this._seen;
        const before = this._snapshot.rows[first - 1]?.id ?? null;
        const size = Math.min(PAGE, Math.max(1, last - first + 1));
        take((await this._api.jobs.find(this.filter, PAGE, null, this._abort.signal)).items);
        if (before !== null) {
          take((await this._api.jobs.find(this.filter, size, before, this._abort.signal)).items);
        }
      }
      await Promise.all(
        wanted
          .filter(id => !found.has(id))
          .slice(0, 50)
          .map(async id => {
            found.set(id, await this._read(id));
          })
      );
    } catch (reason) {
      if (!this._disposed) {
        // Whoever tells of the connection tells of this too; it is asked again with the next event.
        wanted.forEach(id => this._stale.add(id));
        this._head = this._head || asApiError(reason).offline;
      }
      return false;
    }
    this._merge(found);
    return true;
  }

  /** A job as it is now; null where it is gone. */
  private async _read(id: string): Promise<Job | null> {
    try {
      return await this._api.jobs.get(id, this._abort.signal);
    } catch (reason) {
      if (asApiError(reason).status === 404) {
        return null;
      }
      throw reason;
    }
  }

  private _merge(found: ReadonlyMap<string, Job | null>): void {
    const left = new Set(this._snapshot.left);
    const listed = new Set<string>();
    const rows = this._snapshot.rows.map(job => {
      listed.add(job.id);
      const now = found.get(job.id);
      if (now === undefined) {
        return job;
      }
      if (now !== null && fits(now, this.filter)) {
        left.delete(job.id);
      } else {
        left.add(job.id);
      }
      return now ?? job;
    });
    const oldest = this._snapshot.complete ? undefined : rows.at(-1);
    for (const [id, job] of found) {
      if (job !== null && !listed.has(id) && fits(job, this.filter) && (!oldest || newerFirst(job, oldest) < 0)) {
        this._arrived.set(id, job);
      } else {
        this._arrived.delete(id);
      }
    }
    this._show({ rows, left, arrived: this._arrived.size });
    if (!this._held) {
      this.admit();
    }
  }

  private _show(change: Partial<IJobList>): void {
    if (!this._disposed) {
      this._snapshot = { ...this._snapshot, ...change };
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _abort = new AbortController();
  private readonly _stale = new Set<string>();
  private readonly _arrived = new Map<string, Job>();
  private _snapshot: IJobList = { rows: [], left: new Set(), arrived: 0, complete: false, phase: 'loading', error: null };
  private _seen: readonly [number, number] = [0, 0];
  private _cursor: string | null = null;
  private _head = false;
  private _held = false;
  private _reading = false;
  private _timer = 0;
  private _disposed = false;
}
