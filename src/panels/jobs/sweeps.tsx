/** The list of sweeps, the newest first. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Page, Sweep } from '../../types';
import { Empty } from '../../widgets/feedback';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { SweepProgress } from '../sweep/row';
import { failedPoints, pointWords, progressWords } from '../sweep/words';
import { GroupTable } from './group-table';

export function SweepList({ page }: { readonly page: Page<Sweep> }): JSX.Element {
  const trans = useTrans();
  if (page.items.length === 0) {
    return (
      <Empty title={trans.__('No sweeps yet. A sweep runs one notebook at many points of its parameters.')}>
        <p className="jp-mlplat-hint">{trans.__('Press “Run as job” in the toolbar of a notebook, open “More”, and give a parameter several values.')}</p>
      </Empty>
    );
  }
  return (
    <GroupTable
      kind="sweep"
      label={trans.__('Sweeps')}
      page={page}
      open={CommandIDs.openSweep}
      more={CommandIDs.moreSweeps}
      columns={[
        {
          title: trans.__('Points'),
          cell: sweep => (
            <span className="jp-mlplat-cellProgress">
              {sweep.state === 'running' && <SweepProgress sweep={sweep} />}
              <span>{progressWords(sweep, trans)}</span>
            </span>
          )
        },
        { title: trans.__('Best at'), cell: sweep => (sweep.best ? pointWords(sweep.best.point) : '–') },
        { title: trans.__('Began'), cell: sweep => <RelativeTime time={sweep.created_at} /> }
      ]}
      cancel={sweep => ({ command: CommandIDs.cancelSweep, label: trans.__('Cancel the sweep %1', sweep.name) })}
      again={sweep => {
        const failed = failedPoints(sweep);
        const label = trans.__('Run the %1 of %2 that failed again', failed, sweep.name);
        return failed > 0 ? { command: CommandIDs.rerunSweep, label } : null;
      }}
    />
  );
}
