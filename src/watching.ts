/** Which resource is fetched again when which thing changed. */

import type { Resource } from './resource';
import type { Change } from './types';

export type Topic = Change['topic'] | 'schedules';

interface IWatched {
  readonly topics: ReadonlyArray<Topic>;
  /** The thing it shows; null for any of that noun. */
  readonly key: string | null;
  /** It shows something of the others, too, at the moment. */
  readonly wide: () => boolean;
  readonly resource: { invalidate(): void; readonly isDisposed: boolean };
}

export class Watching {
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
  }

  /** Anything may have changed. */
  all(): void {
    for (const watched of this._all) {
      watched.resource.invalidate();
    }
  }

  private _all: IWatched[] = [];
}
