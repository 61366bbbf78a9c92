/** An objective over one parameter: where in its range the good values lie, and how late they were tried. */

import * as React from 'react';
import { Choose, Ramp } from '../../widgets/charts/choosers';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import { number } from '../../widgets/format';
import { rampOf, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { axisOf } from '../sweep/space';
import { parametersOf } from '../sweep/words';
import { heightOf, valueAxis } from './axes';
import type { IObjectiveProps } from './history';
import { MarkLegend } from './looks';
import { TrialPlane } from './trial-plane';
import { countWords, type ITrial, trialRows } from './trials';

interface ISlicesProps extends IObjectiveProps {
  /** The parameter that is shown first. */
  readonly first: string | undefined;
}

export function Slices({ sweep, trials, at, log, first }: ISlicesProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [wanted, setWanted] = React.useState<string | null>(null);
  const names = parametersOf(sweep);
  const name = [wanted, first].find(each => each && names.includes(each)) ?? names[0];
  const { metric } = sweep.objectives[at];
  const x = React.useMemo(() => axisOf(sweep, name), [sweep, name]);
  const y = React.useMemo(() => valueAxis(metric, trials, at, log), [metric, trials, at, log]);
  const place = React.useCallback(
    (trial: ITrial) => {
      const across = x.place(trial.params[name]);
      return across === null ? null : ([across, heightOf(y, trial, at)] as const);
    },
    [x, y, name, at]
  );
  const last = Math.max(1, trials.length - 1);
  const tint = React.useCallback((trial: ITrial) => rampOf(trial.number / last, ink), [last, ink]);
  const title = trans.__('%1 by %2', metric, name);
  return (
    <Figure
      title={title}
      choosers={
        <>
          <Choose label={trans.__('Parameter')} choices={names.map(id => ({ id, title: id }))} chosen={name} choose={setWanted} />
          <Ramp title={trans.__('trial')} ends={['0', number(last)]} />
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
      <TrialPlane sweep={sweep} label={trans.__('%1, coloured by trial; %2', title, countWords(trials, trans))} x={x} y={y} trials={trials} place={place} tint={tint} canvas={canvas} />
      <MarkLegend trials={trials} several={sweep.objectives.length > 1} tinted />
    </Figure>
  );
}
