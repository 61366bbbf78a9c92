/** The row of the side panel that says what runs next by itself. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Schedule } from '../../types';
import { scheduleIcon } from '../../widgets/icons';
import { Ahead } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel, useResource } from '../context';

/** Active schedules, the next to fire first. */
function upcoming(schedules: ReadonlyArray<Schedule>): Array<Schedule & { readonly next_at: string }> {
  return schedules
    .filter((each): each is Schedule & { readonly next_at: string } => each.state === 'active' && each.next_at !== null)
    .sort((one, other) => Date.parse(one.next_at) - Date.parse(other.next_at));
}

/** "Next: nightly_etl, in 3 h"; nothing where there is no schedule. */
export function NextScheduled(): JSX.Element | null {
  const { model, commands } = usePanel();
  const trans = useTrans();
  const all = useResource(model.schedules).data?.items ?? [];
  if (all.length === 0) {
    return null;
  }
  const first = upcoming(all).at(0);
  const open = (id?: string): void => {
    void commands.execute(CommandIDs.openSchedules, id === undefined ? {} : { id });
  };
  return (
    <div className="jp-mlplat-next">
      <scheduleIcon.react tag="span" width="14px" height="14px" aria-hidden />
      {first ? (
        <>
          <span>{trans.__('Next:')}</span>
          <button
            type="button"
            className="jp-mlplat-rowName"
            title={trans.__('Open the schedule %1', first.name)}
            onClick={() => {
              open(first.id);
            }}
          >
            {first.name}
          </button>
          <Ahead time={first.next_at} />
        </>
      ) : (
        <span>{trans.__('Nothing is due.')}</span>
      )}
      <button
        type="button"
        className="jp-mlplat-link"
        aria-label={trans.__('All schedules')}
        title={trans.__('All schedules: %1', all.length)}
        onClick={() => {
          open();
        }}
      >
        {trans.__('All')}
      </button>
    </div>
  );
}
