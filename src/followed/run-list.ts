/** A list of runs that may be very long: read page by page through the server's cursor, its rows renewed in place. */

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type { Api, ApiError, IRunQuery } from '../api';
import { asApiError } from '../resource';
import type { Run } from '../types';
import type { INews, Watching } from '../watching';

/** Runs of the first page, which is waited for, and of those that are read ahead. */
const FIRST = 100;
const PAGE = 300;

/** Milliseconds between two renewals, however many events arrive. */
const GAP = 700;

/** What a list shows. */
export interface IRunRows {
  readonly rows: ReadonlyArray<Run>;
  /** How many there are of all; null where the server did not count them. */
  readonly total: number | null;
  /** Rows that belong to the list no longer, and stay until it may move. */
  readonly left: ReadonlySet<string>;
  /** Runs that belong to the list and are not in it yet. */
  readonly arrived: number;
  readonly complete: boolean;
  readonly phase: 'loading' | 'ready' | 'error';
  readonly error: ApiError | null;
}

/** Runs that were read together, and the cursor that they were read with. */
interface IPart {
  readonly after: string | null;
  readonly rows: ReadonlyArray<Run>;
}

export class RunList implements IDisposable {
  constructor(
    private readonly _api: Api,
    private readonly _watching: Watching,
    readonly query: IRunQuery
  ) {
    _watching.news.connect(this._onNews, this);
    void this.more();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get snapshot(): IRunRows {
    return this._snapshot;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** While it is held no row comes or goes; rows are renewed where they are. */
  get held(): boolean {
    return this._held;
  }

  set held(held: boolean) {
    this._held = held;
    if (!held) {
      this.admit();
    }
  }

  /** The rows that are seen: only those are renewed. */
  see(first: number, last: number): void {
    this._seen = [first, last];
  }

  /** Lets in what arrived, and out what left. */
  admit(): void {
    const { left } = this._snapshot;
    if (this._arrived.length > 0 || left.size > 0) {
      this._parts = this._parts.map(({ after, rows }, index) => ({
        after,
        rows: index === 0 ? this._headOf(rows, left) : rows.filter(run => !left.has(run.id))
      }));
      this._arrived = [];
      this._place({ left: new Set() });
    }
  }

  /** Reads the next page; does nothing while one is read, or where there is none. */
  async more(): Promise<void> {
    if (this._reading || this._snapshot.complete || this._disposed) {
      return;
    }
    this._reading = true;
    this._show({ phase: 'loading', error: null });
    const first = this._parts.length === 0;
    try {
      let after = this._cursor;
      let page = await this._api.runs.find(this.query, first ? FIRST : PAGE, after, first, this._abort.signal);
      while (page.items.length === 0 && page.next !== null) {
        // An MLflow server is looked through part by part; in this one nothing fits.
        after = page.next;
        page = await this._api.runs.find(this.query, PAGE, after, false, this._abort.signal);
      }
      const known = new Set((this._parts.at(-1)?.rows ?? []).map(run => run.id));
      this._parts.push({ after, rows: page.items.filter(run => !known.has(run.id)) });
      this._cursor = page.next;
      this._place({ complete: page.next === null, phase: 'ready', ...(first ? { total: page.total ?? null } : {}) });
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

  private _onNews(_: unknown, { topic }: INews): void {
    if (topic !== null && topic !== 'runs') {
      return;
    }
    this._stale = true;
    this._later();
  }

  private _later(): void {
    if (this._timer === 0 && !this._disposed) {
      this._timer = window.setTimeout(() => {
        this._stale = false;
        void this._renew().then(() => {
          this._timer = 0;
          if (this._stale) {
            this._later();
          }
        });
      }, GAP);
    }
  }

  /** Reads the head, and what is seen, again. */
  private async _renew(): Promise<void> {
    const [first, last] = this._seen;
    let at = 0;
    const wanted = this._parts.filter((part, index) => {
      const from = at;
      at += part.rows.length;
      return index === 0 || (from <= last && at >= first);
    });
    if (wanted.length === 0) {
      return this.more();
    }
    try {
      const pages = await Promise.all(
        wanted.map(part => {
          const size = part === this._parts[0] ? Math.max(FIRST, Math.min(500, part.rows.length)) : PAGE;
          return this._api.runs.find(this.query, size, part.after, part.after === null, this._abort.signal);
        })
      );
      wanted.forEach((part, index) => {
        this._merge(part, pages[index].items, pages[index].next === null);
      });
      const left = this._snapshot.left;
      this._place({ left, total: pages[0].total ?? this._snapshot.total });
    } catch {
      // Whoever tells of the connection tells of this too; it is asked again with the next event.
      return;
    }
    if (!this._held) {
      this.admit();
    }
  }

  /** Takes what a part is now. */
  private _merge(part: IPart, now: ReadonlyArray<Run>, end: boolean): void {
    const place = this._parts.indexOf(part);
    if (place < 0) {
      return;
    }
    const fresh = new Map(now.map(run => [run.id, run]));
    const reached = end ? part.rows.length - 1 : part.rows.findLastIndex(run => fresh.has(run.id));
    const left = new Set(this._snapshot.left);
    const rows = part.rows.map((run, index) => {
      const renewed = fresh.get(run.id);
      if (renewed !== undefined) {
        left.delete(run.id);
      } else if (index <= reached) {
        left.add(run.id);
      }
      return renewed === undefined || JSON.stringify(renewed) === JSON.stringify(run) ? run : renewed;
    });
    this._parts[place] = { after: part.after, rows };
    if (place === 0) {
      this._head = now;
      const listed = new Set(this._parts.flatMap(each => each.rows.map(run => run.id)));
      this._arrived = now.slice(0, reached < 0 ? now.length : now.findIndex(run => run.id === part.rows[reached].id)).filter(run => !listed.has(run.id));
    }
    this._snapshot = { ...this._snapshot, left };
  }

  /** The first part as the server has it now. */
  private _headOf(rows: ReadonlyArray<Run>, left: ReadonlySet<string>): ReadonlyArray<Run> {
    const own = new Set([...rows, ...this._arrived].map(run => run.id));
    const head = this._head.filter(run => own.has(run.id));
    const known = new Set(head.map(run => run.id));
    return [...head, ...rows.filter(run => !known.has(run.id) && !left.has(run.id))];
  }

  private _place(change: Partial<IRunRows>): void {
    this._show({ rows: this._parts.flatMap(part => part.rows), arrived: this._arrived.length, ...change });
  }

  private _show(change: Partial<IRunRows>): void {
    if (!this._disposed) {
      this._snapshot = { ...this._snapshot, ...change };
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _abort = new AbortController();
  private _snapshot: IRunRows = {
    rows: [],
    total: null,
    left: new Set(),
    arrived: 0,
    complete: false,
    phase: 'loading',
    error: null
  };
  private _parts: IPart[] = [];
  private _arrived: ReadonlyArray<Run> = [];
  private _head: ReadonlyArray<Run> = [];
  private _cursor: string | null = null;
  private _seen: readonly [number, number] = [0, 50];
  private _reading = false;
  private _held = false;
  private _stale = false;
  private _timer = 0;
  private _disposed = false;
}
