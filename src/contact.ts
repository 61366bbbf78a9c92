/** Whether the server side is there, of our version, and back after it was away. */

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, API_VERSION, type ApiError } from './api';
import { Resource } from './resource';
import type { Status } from './types';

/** Milliseconds until the server is asked again, after it could not be reached. */
const RETRY = [1000, 2000, 4000, 8000, 15000];

/** Whether the server side is there at all. */
export type Availability =
  | { readonly kind: 'unknown' | 'ok' | 'offline' | 'missing' }
  | { readonly kind: 'mismatch'; readonly server: number; readonly version: string };

export class Contact implements IDisposable {
  constructor(api: Api) {
    this.status = new Resource(
      signal => api.status(signal),
      error => {
        this.failed(error);
      }
    );
    this.status.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._set(
          snapshot.data.api === API_VERSION
            ? { kind: 'ok' }
            : { kind: 'mismatch', server: snapshot.data.api, version: snapshot.data.version }
        );
      }
    });
  }

  readonly status: Resource<Status>;

  get availability(): Availability {
    return this._availability;
  }

  get availabilityChanged(): ISignal<this, Availability> {
    return this._availabilityChanged;
  }

  /** The server answers again. */
  get mended(): ISignal<this, void> {
    return this._mended;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** A request failed: what that says about the server. */
  failed(error: ApiError): void {
    if (error.offline) {
      this.retry();
    } else if (error.extensionMissing) {
      this._set({ kind: 'missing' });
    }
  }

  /** Asks the server until it answers, ever more slowly. */
  retry(): void {
    if (this._timer !== 0 || this._disposed) {
      return;
    }
    const wait = RETRY[Math.min(this._attempt, RETRY.length - 1)];
    this._timer = window.setTimeout(() => {
      this._attempt += 1;
      void this.status.refresh().then(() => {
        this._timer = 0;
        const { phase } = this.status.snapshot;
        if (phase === 'offline') {
          this._set({ kind: 'offline' });
          this.retry();
        } else if (phase === 'ready') {
          this._attempt = 0;
          this._mended.emit();
        }
      });
    }, wait);
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      window.clearTimeout(this._timer);
      this.status.dispose();
      Signal.clearData(this);
    }
  }

  private _set(availability: Availability): void {
    if (this._availability.kind !== availability.kind) {
      this._availability = availability;
      this._availabilityChanged.emit(availability);
    }
  }

  private readonly _availabilityChanged = new Signal<this, Availability>(this);
  private readonly _mended = new Signal<this, void>(this);
  private _availability: Availability = { kind: 'unknown' };
  private _attempt = 0;
  private _timer = 0;
  private _disposed = false;
}
