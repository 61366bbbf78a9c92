/** Data sets in words. */

import type { RunDetail } from '../../types';
import { short } from '../../widgets/format';

/** What a data set was for, how large it is, and its digest. */
export function dataWords({ context, digest, rows, columns, source }: RunDetail['datasets'][number]): string {
  const size = rows ? `${String(rows)} × ${String(columns ?? '?')}` : '';
  const words = [context, size, digest].map(part => (typeof part === 'string' ? part : '')).filter(Boolean);
  return words.join(' · ') || short(source ?? '');
}
