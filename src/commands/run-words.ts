/** What was done with many runs in words, and tags as people type them. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { RunsDone } from '../types';

/** What went wrong; empty where nothing did. */
export function doneWords(done: RunsDone, trans: TranslationBundle): string {
  const wrong = done.items.filter(item => !item.ok);
  const first = wrong.at(0);
  return first === undefined
    ? ''
    : trans._n('%1 of %2 run: %3', '%1 of %2 runs: %3', wrong.length, done.items.length, first.message ?? trans.__('it failed'));
}

/** "name=value" as a change of tags; null where it cannot be read. */
export function parseTag(words: string): { readonly key: string; readonly value: string | null } | null {
  const at = words.indexOf('=');
  const key = (at < 0 ? '' : words.slice(0, at)).trim();
  const value = words.slice(at + 1).trim();
  return key === '' ? null : { key, value: value === '' ? null : value };
}
