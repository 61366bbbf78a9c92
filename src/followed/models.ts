/** Registered models, and one version of one: live as long as somebody looks. */

import type { IDisposable } from '@lumino/disposable';
import type { Api, ApiError, ITagged } from '../api';
import { Resource } from '../resource';
import type { Lineage, ModelCard, ModelVersionDetail, Page, RegisteredModel } from '../types';
import type { Topic, Watching } from '../watching';

/** Milliseconds between two readings, however many events arrive: any program that logs to MLflow makes some. */
const GAP = 1000;

/** The same of the list, which may have hundreds of models with all their versions. */
const LIST_GAP = 2000;

/** A key that no run has: what changed in the registry is told of as a change of any run. */
const NO_RUN = '';

/** One version with all that hangs on it, while somebody looks at it. */
export interface IVersionView {
  readonly detail: Resource<ModelVersionDetail>;
  readonly lineage: Resource<Lineage>;
  readonly card: Resource<ITagged<ModelCard>>;
}

function follow<T>(watching: Watching, resource: Resource<T>, others: ReadonlyArray<Topic> = []): Resource<T> {
  watching.add(['runs'], NO_RUN, resource);
  return watching.add(['models', ...others], null, resource);
}

/** Lets the list of models follow them. */
export function watchModels(api: Api, watching: Watching, failed: (error: ApiError) => void): Resource<Page<RegisteredModel>> {
  return follow(watching, new Resource(signal => api.models.list(signal), failed, LIST_GAP));
}

/** A model with its versions, the history of its aliases and the requests for them, live until disposed. */
export function watchModel(api: Api, watching: Watching, name: string): Resource<RegisteredModel> {
  return follow(watching, new Resource(signal => api.models.get(name, signal), () => undefined, GAP));
}

/** One version: what it is made of, where it comes from and what is written about it, live until disposed. */
export function watchVersion(api: Api, watching: Watching, name: string, version: string): IVersionView & IDisposable {
  const detail = follow(watching, new Resource(signal => api.models.version(name, version, signal), () => undefined, GAP), ['deployments']);
  const lineage = follow(watching, new Resource(signal => api.models.lineage(name, version, signal), () => undefined, GAP), ['deployments']);
  const card = follow(watching, new Resource(signal => api.models.card(name, version, signal), () => undefined, GAP));
  return {
    detail,
    lineage,
    card,
    dispose: () => {
      detail.dispose();
      lineage.dispose();
      card.dispose();
    },
    get isDisposed() {
      return detail.isDisposed;
    }
  };
}
