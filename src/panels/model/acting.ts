/** What is done from the view of a model: sent, taken over at once, and told where it failed. */

import * as React from 'react';
import type { ApiError } from '../../api';
import { asApiError } from '../../resource';
import { usePanel } from '../context';

export interface IActing {
  /** Does something; true when it is done. */
  readonly act: (work: () => Promise<unknown>) => Promise<boolean>;
  readonly busy: boolean;
  readonly error: ApiError | null;
  readonly forget: () => void;
}

export function useActing(): IActing {
  const { model } = usePanel();
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState<ApiError | null>(null);
  const act = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    try {
      await work();
      setError(null);
      model.changed('models');
      return true;
    } catch (reason) {
      setError(asApiError(reason));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return {
    act,
    busy,
    error,
    forget: () => {
      setError(null);
    }
  };
}
