/** What the view of a model shows: it comes back after a reload. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

export const PAGES = ['overview', 'lineage', 'card', 'compare'] as const;
export type PageName = (typeof PAGES)[number];

export interface IModelState {
  readonly name: string;
  /** The version that is looked at; null for the newest. */
  readonly version: string | null;
  readonly page: PageName;
  /** The version that it is compared with; null for the one before it. */
  readonly against: string | null;
}

/** What `args` say of it, null being what is shown at first; what they do not say is left out. */
export function stateOf(args: ReadonlyPartialJSONObject): Partial<IModelState> {
  const page = args.page === null ? PAGES[0] : PAGES.find(each => each === args.page);
  const { version, against } = args;
  return {
    ...(version === null || (typeof version === 'string' && version !== '') ? { version } : {}),
    ...(against === null || (typeof against === 'string' && against !== '') ? { against } : {}),
    ...(page ? { page } : {})
  };
}
