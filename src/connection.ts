/** Knows when the event stream was cut and came back: what happened in between was never heard. */

import type { Event } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

/**
 * The event manager reconnects by itself and tells nobody. Its socket is looked at, not touched, and only
 * here: without it (a later JupyterLab) the browser's `online` event and failed requests remain.
 */
interface ISocketOwner {
  readonly _socket?: WebSocket | null;
}

/** Milliseconds between two looks for the next socket, only while there is none. */
const LOOK = 250;

export class EventConnection implements IDisposable {
  constructor(private readonly _events: Event.IManager) {
    window.addEventListener('online', this._onOnline);
    this._look();
  }

  /** The stream is open: at first, and again after every cut. */
  get opened(): ISignal<this, void> {
    return this._opened;
  }

  /** The stream was cut. */
  get closed(): ISignal<this, void> {
    return this._closed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    window.removeEventListener('online', this._onOnline);
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private _look(): void {
    if (this._disposed || this._events.isDisposed) {
      return;
    }
    const socket = (this._events as unknown as ISocketOwner)._socket ?? null;
    if (socket === null || socket === this._socket) {
      this._timer = window.setTimeout(() => {
        this._look();
      }, LOOK);
      return;
    }
    this._socket = socket;
    socket.addEventListener('close', () => {
      if (!this._disposed) {
        this._closed.emit();
        this._look();
      }
    });
    if (socket.readyState === WebSocket.OPEN) {
      this._opened.emit();
    } else {
      socket.addEventListener('open', () => {
        if (!this._disposed) {
          this._opened.emit();
        }
      });
    }
  }

  private readonly _onOnline = (): void => {
    this._opened.emit();
  };

  private readonly _opened = new Signal<this, void>(this);
  private readonly _closed = new Signal<this, void>(this);
  private _socket: WebSocket | null = null;
  private _timer = 0;
  private _disposed = false;
}
