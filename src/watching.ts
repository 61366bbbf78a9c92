/** Which resource is fetched again when which thing changed. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Resource } from './resource';
import type { Change } from './types';

export type Topic = Change['topic'];

/** What an event said; without a topic anything, without a key any of that noun may have changed. */
export interface INews {
  readonly topic: Topic | null;
  readonly key: string | null;
}

interface IWatched {
  readonly topics: ReadonlyArray<Topic>;
  /** The thing it shows; null for any of that noun. */
  readonly key: string | null;
  /** It shows something of the others, too, at the moment. */
  readonly wide: () => boolean;
  readonly resource: { invalidate(): void; readonly isDisposed: boolean };
}

export class Watching {
  /** Every change, for lists that renew single rows. */
  get news(): ISignal<this, INews> {
    return this._news;
  }

  /** From now on `resource` follows the events of `topics`, until it is disposed. */
  add<T>(
    topics: ReadonlyArray<Topic>,
    key: string | null,
    resource: Resource<T>,
    wide: (data: T | null) => boolean = () => false
  ): Resource<T> {
    this._all = this._all.filter(watched => !watched.resource.isDisposed);
    this._all.push({ topics, key, resource, wide: () => wide(resource.data) });
    return resource;
  }

  /** Something changed; without a key, any of that noun may have. */
  changed(topic: Topic, key?: string): void {
    const any = !key || key === '*';
    for (const watched of this._all) {
      if (watched.topics.includes(topic) && (any || watched.key === null || watched.key === key || watched.wide())) {
        watched.resource.invalidate();
      }
    }
    this._news.emit({ topic, key: any ? null : key });
  }

  /** Anything may have changed. */
  all(): void {
    for (const watched of this._all) {
      watched.resource.invalidate();
    }
    this._news.emit({ topic: null, key: null });
  }

  private readonly _news = new Signal<this, INews>(this);
  private _all: IWatched[] = [];
}
