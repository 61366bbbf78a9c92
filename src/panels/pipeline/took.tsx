/** How long a node took, or takes so far. */

import * as React from 'react';
import type { PipelineNodeRun } from '../../types';
import { duration } from '../../widgets/format';
import { Elapsed } from '../../widgets/time';

export function Took({ node }: { readonly node: PipelineNodeRun }): JSX.Element | null {
  const { started_at: began, ended_at: end } = node;
  if (began === null) {
    return null;
  }
  return end === null ? <Elapsed since={began} /> : <span>{duration((Date.parse(end) - Date.parse(began)) / 1000)}</span>;
}
