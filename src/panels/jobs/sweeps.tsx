/** The list of sweeps, the newest first. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Page, Sweep } from '../../types';
import { Empty } from '../../widgets/feedback';
import { StateBadge } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { SweepProgress } from '../sweep/row';
import { failedPoints, pointWords, progressWords } from '../sweep/words';
import { shortId } from './words';

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
    <div className="jp-mlplat-jobScroll" tabIndex={-1}>
      <table className="jp-mlplat-table jp-mlplat-sweeps" aria-label={trans.__('Sweeps')}>
        <thead>
          <tr>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('Points')}</th>
            <th scope="col">{trans.__('Best at')}</th>
            <th scope="col">{trans.__('Began')}</th>
            <th scope="col">{trans.__('Owner')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Actions')}
            </th>
          </tr>
        </thead>
        <tbody>
          {page.items.map(sweep => (
            <SweepLine key={sweep.id} sweep={sweep} />
          ))}
        </tbody>
      </table>
      {page.next !== null && <CommandButton command={CommandIDs.moreSweeps} />}
    </div>
  );
}

function SweepLine({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const args = { id: sweep.id };
  const running = sweep.state === 'running';
  return (
    <tr data-sweep={sweep.id} data-state={sweep.state}>
      <td>
        <StateBadge state={sweep.state} />
      </td>
      <th scope="row">
        <button
          type="button"
          className="jp-mlplat-rowName"
          onClick={() => {
            void commands.execute(CommandIDs.openSweep, args);
          }}
        >
          {sweep.name} <span className="jp-mlplat-number">{shortId(sweep.id)}</span>
        </button>
      </th>
      <td>
        <span className="jp-mlplat-cellProgress">
          {running && <SweepProgress sweep={sweep} />}
          <span>{progressWords(sweep, trans)}</span>
        </span>
      </td>
      <td>{sweep.best ? pointWords(sweep.best.point) : '–'}</td>
      <td>
        <RelativeTime time={sweep.created_at} />
      </td>
      <td>{sweep.owner}</td>
      <td className="jp-mlplat-rowButtons">
        {running ? (
          <CommandButton
            command={CommandIDs.cancelSweep}
            args={args}
            label={trans.__('Cancel the sweep %1', sweep.name)}
            iconOnly
            className="jp-mod-cancel"
          />
        ) : (
          failedPoints(sweep) > 0 && (
            <CommandButton
              command={CommandIDs.rerunSweep}
              args={args}
              label={trans.__('Run the %1 of %2 that failed again', failedPoints(sweep), sweep.name)}
              iconOnly
            />
          )
        )}
      </td>
    </tr>
  );
}
