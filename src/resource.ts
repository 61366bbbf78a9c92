/** One thing that the server knows, kept fresh: fetched on demand, again when it changed. */

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import { ApiError } from './api';

/** What a panel renders. `data` stays while it is fetched again, and while offline. */
export interface ISnapshot<T> {
  readonly phase: 'idle' | 'loading' | 'ready' | 'error' | 'offline';
  readonly data: T | null;
  readonly error: ApiError | null;
}

/** Milliseconds between two fetches of the same thing, however many events arrive, unless it says otherwise. */
const GAP = 250;

/** Any failure as an ApiError. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), 500, 'error', '', {});
}

export class Resource<T> implements IDisposable {
  constructor(
    private readonly _fetch: (signal: AbortSignal, last: T | null) => Promise<T>,
    private readonly _failed: (error: ApiError) => void = () => undefined,
    private readonly _gap = GAP
  ) {}

  /** Emitted with every new snapshot. */
  get changed(): ISignal<this, ISnapshot<T>> {
    return this._changed;
  }

  get snapshot(): ISnapshot<T> {
    return this._snapshot;
  }

  get data(): T | null {
    return this._snapshot.data;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Somebody wants to see this: fetches the first time, does nothing after that. */
  demand(): void {
    if (this._snapshot.phase === 'idle') {
      void this.refresh();
    }
  }

  /** It changed: fetches again soon, once for many calls. Nothing happens when nobody asked yet. */
  invalidate(): void {
    if (this._snapshot.phase === 'idle' || this._disposed) {
      return;
    }
    if (this._running) {
      this._stale = true;
      return;
    }
    if (this._timer === null) {
      const wait = Math.max(0, this._began + this._gap - performance.now());
      this._timer = window.setTimeout(() => {
        this._timer = null;
        void this.refresh();
      }, wait);
    }
  }

  /** Fetches now; a call while a fetch is under way makes one more follow it. */
  refresh(): Promise<void> {
    if (this._disposed) {
      return Promise.resolve();
    }
    if (this._running) {
      this._stale = true;
      return this._running;
    }
    this._running = this._run().finally(() => {
      this._running = null;
      if (this._stale) {
        this._stale = false;
        this.invalidate();
      }
    });
    return this._running;
  }

  /** Takes what an action just answered, without waiting for the event. */
  set(data: T): void {
    this._show({ phase: 'ready', data, error: null });
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._abort.abort();
    if (this._timer !== null) {
      window.clearTimeout(this._timer);
    }
    Signal.clearData(this);
  }

  private async _run(): Promise<void> {
    this._began = performance.now();
    if (this._snapshot.data === null) {
      this._show({ ...this._snapshot, phase: 'loading' });
    }
    try {
      const data = await this._fetch(this._abort.signal, this._snapshot.data);
      this._show({ phase: 'ready', data, error: null });
    } catch (reason) {
      if (this._disposed) {
        return;
      }
      const error = asApiError(reason);
      this._show({ phase: error.offline ? 'offline' : 'error', data: this._snapshot.data, error });
      this._failed(error);
    }
  }

  private _show(snapshot: ISnapshot<T>): void {
    if (!this._disposed) {
      this._snapshot = snapshot;
      this._changed.emit(snapshot);
    }
  }

  private readonly _changed = new Signal<this, ISnapshot<T>>(this);
  private readonly _abort = new AbortController();
  private _snapshot: ISnapshot<T> = { phase: 'idle', data: null, error: null };
  private _running: Promise<void> | null = null;
  private _timer: number | null = null;
  private _began = -Infinity;
  private _stale = false;
  private _disposed = false;
}
