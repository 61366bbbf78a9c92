/** The button in the head of a view that copies a link to it. */

import * as React from 'react';
import { linkOf } from '../links';
import { CommandIDs } from '../tokens';
import { CommandButton, useIdentity } from './context';

export function CopyLink(): JSX.Element | null {
  const identity = useIdentity();
  const to = identity && linkOf(identity);
  return to === null ? null : <CommandButton command={CommandIDs.copyLink} args={{ to }} iconOnly />;
}
