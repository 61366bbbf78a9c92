/** How an objective developed from trial to trial, with a line through the best so far. */

import * as React from 'react';
import type { Sweep } from '../../types';
import { wholeAxis } from '../../widgets/charts/axis';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import { useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { heightOf, valueAxis } from './axes';
import { MarkLegend } from './looks';
import { TrialPlane } from './trial-plane';
import { bestSoFar, bestWords, countWords, type ITrial, trialRows } from './trials';

/** What all pictures of one objective are drawn from. */
export interface IObjectiveProps {
  readonly sweep: Sweep;
  readonly trials: ReadonlyArray<ITrial>;
  /** Which of the objectives. */
  readonly at: number;
  readonly log: boolean;
}

export function History({ sweep, trials, at, log }: IObjectiveProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const { metric, direction } = sweep.objectives[at];
  const x = React.useMemo(() => wholeAxis(trans.__('trial'), 0, Math.max(1, trials.length - 1)), [trials.length, trans]);
  const y = React.useMemo(() => valueAxis(metric, trials, at, log), [metric, trials, at, log]);
  const place = React.useCallback((trial: ITrial) => [x.place(trial.number) ?? 0, heightOf(y, trial, at)] as const, [x, y, at]);
  const line = React.useMemo(() => {
    const steps = bestSoFar(trials, at, direction);
    const last = steps.at(-1);
    // A step goes on at the height of the last one up to where it was bettered.
    const corners = steps.flatMap(([number, value], index) => (index === 0 ? [[number, value]] : [[number, steps[index - 1][1]], [number, value]]));
    return [...corners, ...(last ? [[trials.length - 1, last[1]]] : [])].map(
      ([number, value]) => [x.place(number) ?? 0, y.place(value) ?? 0] as const
    );
  }, [trials, at, direction, x, y]);
  const title = trans.__('History of %1', metric);
  return (
    <Figure
      title={title}
      picture={() => {
        if (canvas.current) {
          savePicture(canvas.current, title, ink);
        }
      }}
      table={() => {
        saveTable(trialRows(sweep, trials), title);
      }}
    >
      <TrialPlane
        sweep={sweep}
        label={[metric, countWords(trials, trans), bestWords(trials, at, direction, trans)].filter(Boolean).join('; ')}
        x={x}
        y={y}
        trials={trials}
        place={place}
        line={line}
        canvas={canvas}
      />
      <MarkLegend trials={trials} several={sweep.objectives.length > 1} line />
    </Figure>
  );
}
