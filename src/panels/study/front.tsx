/** The trade between two objectives: the points than which no other one is better in all of them are marked. */

import * as React from 'react';
import type { Sweep } from '../../types';
import { Choose } from '../../widgets/charts/choosers';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import { useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { heightOf, valueAxis } from './axes';
import { MarkLegend } from './looks';
import { TrialPlane } from './trial-plane';
import { countWords, type ITrial, trialRows } from './trials';

interface IFrontProps {
  readonly sweep: Sweep;
  readonly trials: ReadonlyArray<ITrial>;
  readonly log: boolean;
}

export function Front({ sweep, trials, log }: IFrontProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [[across, up], setChosen] = React.useState<readonly [number, number]>([0, 1]);
  const choices = sweep.objectives.map((objective, at) => ({ id: String(at), title: objective.metric }));
  const valued = React.useMemo(() => trials.filter(trial => sweep.objectives.every((_, at) => (trial.values[at] ?? null) !== null)), [trials, sweep]);
  const x = React.useMemo(() => valueAxis(sweep.objectives[across].metric, valued, across, log), [sweep, valued, across, log]);
  const y = React.useMemo(() => valueAxis(sweep.objectives[up].metric, valued, up, log), [sweep, valued, up, log]);
  const place = React.useCallback((trial: ITrial) => [heightOf(x, trial, across), heightOf(y, trial, up)] as const, [x, y, across, up]);
  const words = ({ metric, direction }: Sweep['objectives'][number]): string =>
    direction === 'minimize' ? trans.__('%1: smaller is better', metric) : trans.__('%1: larger is better', metric);
  const title = trans.__('Front of %1 and %2', sweep.objectives[across].metric, sweep.objectives[up].metric);
  const best = valued.filter(trial => trial.best).length;
  return (
    <Figure
      title={title}
      choosers={
        <>
          <Choose
            label={trans.__('Across')}
            choices={choices}
            chosen={String(across)}
            choose={id => {
              setChosen([Number(id), Number(id) === up ? across : up]);
            }}
          />
          <Choose
            label={trans.__('Up')}
            choices={choices}
            chosen={String(up)}
            choose={id => {
              setChosen([Number(id) === across ? up : across, Number(id)]);
            }}
          />
          <span className="jp-mlplat-hint">{[sweep.objectives[across], sweep.objectives[up]].map(words).join(' · ')}</span>
        </>
      }
      picture={() => {
        if (canvas.current) {
          savePicture(canvas.current, title, ink);
        }
      }}
      table={() => {
        saveTable(trialRows(sweep, trials), title);
      }}
    >
      <TrialPlane sweep={sweep} label={trans.__('%1; %2, %3 of them on the front', title, countWords(valued, trans), best)} x={x} y={y} trials={valued} place={place} canvas={canvas} />
      <MarkLegend trials={valued} several />
    </Figure>
  );
}
