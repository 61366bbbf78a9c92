/** Changes of a run from its own view: sent, taken over at once, and told where they failed. */

import * as React from 'react';
import type { ApiError } from '../../api';
import { asApiError } from '../../resource';
import type { RunChange } from '../../types';
import { usePanel } from '../context';

export interface IEditing {
  /** Sends a change; true when it is done. */
  readonly send: (change: Partial<RunChange>) => Promise<boolean>;
  readonly busy: boolean;
  readonly error: ApiError | null;
}

export function useEditing(id: string): IEditing {
  const { model } = usePanel();
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState<ApiError | null>(null);
  const send = async (change: Partial<RunChange>): Promise<boolean> => {
    setBusy(true);
    try {
      await model.api.runs.edit(id, change);
      setError(null);
      model.changed('runs');
      return true;
    } catch (reason) {
      setError(asApiError(reason));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { send, busy, error };
}

/** What went wrong in one line, with what is wrong with the fields. */
export function problemOf(error: ApiError): { readonly message: string; readonly hint: string } {
  return { message: [error.message, ...Object.values(error.fields)].join(' '), hint: error.hint };
}
