/** What can be done with the runs that are chosen. */

import * as React from 'react';
import type { IRunRows, RunList } from '../../model';
import { CommandIDs } from '../../tokens';
import type { ISelection } from '../../widgets/selection';
import { TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';

interface IBulkProps {
  readonly list: RunList;
  readonly shown: IRunRows;
  readonly selection: ISelection;
}

export function Bulk({ list, shown, selection }: IBulkProps): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const chosen = React.useMemo(() => shown.rows.filter(run => selection.chosen.has(run.id)), [shown.rows, selection.chosen]);
  const ids = chosen.map(run => run.id);
  const { archived } = list.query;
  const coming = shown.arrived + shown.left.size;
  const count = shown.total ?? shown.rows.length;
  const words = shown.complete || shown.total !== null ? trans._n('%2 run', '%2 runs', count, count.toLocaleString()) : '';
  return (
    <div
      className="jp-mlplat-bulk"
      role="toolbar"
      aria-label={trans.__('Selected runs')}
      onClickCapture={() => {
        // Whoever compares them need not ask for them again.
        model.noteRuns(chosen);
      }}
    >
      <span aria-live="polite">
        {chosen.length > 0
          ? trans._n('%1 selected', '%1 selected', chosen.length)
          : words || trans.__('the first %1 runs; more as you scroll', shown.rows.length)}
      </span>
      {chosen.length > 0 && (
        <>
          <CommandButton command={CommandIDs.compareRuns} args={{ ids }} label={trans.__('Compare')} />
          {archived ? (
            <CommandButton command={CommandIDs.restoreRuns} args={{ ids }} label={trans.__('Restore')} />
          ) : (
            <>
              <CommandButton command={CommandIDs.tagRuns} args={{ ids }} label={trans.__('Tag…')} />
              <CommandButton command={CommandIDs.archiveRuns} args={{ ids }} label={trans.__('Archive')} />
            </>
          )}
          <CommandButton command={CommandIDs.deleteRuns} args={{ ids }} label={trans.__('Delete permanently…')} />
          <TextButton label={trans.__('Clear')} title={trans.__('Choose none (Escape)')} onClick={selection.clear} />
        </>
      )}
      {coming > 0 && (
        <span className="jp-mlplat-coming">
          <TextButton
            label={trans._n('%1 change ▴', '%1 changes ▴', coming)}
            title={trans.__('Rows that come or go wait while the pointer or the focus is in the list')}
            onClick={() => {
              list.admit();
            }}
          />
        </span>
      )}
    </div>
  );
}
