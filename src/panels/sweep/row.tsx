/** One line of the side panel for a sweep: how far it is and how good, instead of its jobs one by one. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Sweep } from '../../types';
import { Progress } from '../../widgets/parts';
import { StateIcon, stateTone, stateWord } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel } from '../context';
import { shortId } from '../jobs/words';
import { endedPoints, progressWords } from './words';

export function SweepRow({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const running = sweep.state === 'running';
  const args = { id: sweep.id };
  return (
    <li className="jp-mlplat-row" data-state={sweep.state} data-sweep={sweep.id}>
      <StateIcon state={sweep.state} />
      <div className="jp-mlplat-rowMain">
        <button
          type="button"
          className="jp-mlplat-rowName"
          title={trans.__('Open the sweep %1', sweep.name)}
          onClick={() => {
            void commands.execute(CommandIDs.openSweep, args);
          }}
        >
          {sweep.name} <span className="jp-mlplat-number">{trans.__('sweep %1', shortId(sweep.id))}</span>
        </button>
        <div className="jp-mlplat-rowDetail">
          <span className="jp-mlplat-word" data-tone={stateTone(sweep.state)}>
            {stateWord(sweep.state, trans)}
          </span>
          {running && <SweepProgress sweep={sweep} />}
          <span className="jp-mlplat-rowMetric">{progressWords(sweep, trans)}</span>
          {!running && <RelativeTime time={sweep.ended_at ?? sweep.created_at} />}
        </div>
      </div>
      {running && (
        <CommandButton
          command={CommandIDs.cancelSweep}
          args={args}
          label={trans.__('Cancel the sweep %1', sweep.name)}
          iconOnly
          className="jp-mod-cancel"
        />
      )}
    </li>
  );
}

/** How many of its points have ended. */
export function SweepProgress({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const done = endedPoints(sweep);
  return (
    <Progress value={done} of={sweep.trials} label={trans.__('%1 of %2 points of %3', done, sweep.trials, sweep.name)} />
  );
}
