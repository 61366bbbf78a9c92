/** What the trials reported on their way: a line each, that of a pruned one ending where it was pruned. */

import type uPlot from 'uplot';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Sweep } from '../../types';
import { Chart } from '../../widgets/charts/chart';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import type { ISeries } from '../../widgets/charts/plot';
import { type IInk, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import { pointWords } from '../sweep/words';
import { stateWords } from './looks';
import type { ITrial } from './trials';

interface IIntermediateProps {
  readonly sweep: Sweep;
  readonly trials: ReadonlyArray<ITrial>;
  readonly log: boolean;
}

/** From more lines on each is drawn so faint that one sees where many lie. */
const MANY = 60;

function colourOf(trial: ITrial, many: boolean, ink: IInk): string {
  if (trial.best) {
    return ink.success;
  }
  const [colour, share] = trial.state === 'pruned' ? [ink.faint, many ? 16 : 60] : [ink.brand, many ? 30 : 85];
  return `color-mix(in srgb, ${colour} ${share}%, transparent)`;
}

export function Intermediate({ sweep, trials, log }: IIntermediateProps): JSX.Element | null {
  const trans = useTrans();
  const ink = useInk();
  const { commands } = usePanel();
  const plot = React.useRef<uPlot | null>(null);
  const reported = React.useMemo(() => trials.filter(trial => trial.steps.length > 0), [trials]);
  const series = React.useMemo(() => {
    const many = reported.length > MANY;
    // Drawn one above the other: pruned ones, those that were not, the best one.
    const weight = (trial: ITrial): number => (trial.best ? 2 : trial.state === 'pruned' ? 0 : 1);
    return [...reported]
      .sort((one, other) => weight(one) - weight(other))
      .map(
        (trial): ISeries => ({
          id: String(trial.number),
          name: trans.__('Trial %1', trial.number),
          colour: colourOf(trial, many, ink),
          x: trial.steps,
          y: trial.reported,
          raw: null,
          band: null,
          pale: trial.state === 'pruned'
        })
      );
  }, [reported, ink, trans]);
  const byNumber = React.useMemo(() => new Map(reported.map(trial => [String(trial.number), trial])), [reported]);
  const { metric } = sweep.objectives[0];
  const title = trans.__('%1 on the way', metric);
  if (reported.length === 0) {
    return sweep.objectives.length > 1 ? null : (
      <Figure title={title} picture={null} table={null}>
        <p className="jp-mlplat-hint">{trans.__('No trial has reported a value on its way. A notebook does it so, and a hopeless trial then ends early:')}</p>
        <code className="jp-mlplat-teach">mlplat.report(loss, epoch)</code>
      </Figure>
    );
  }
  const pruned = reported.filter(trial => trial.state === 'pruned').length;
  return (
    <Figure
      title={title}
      picture={() => {
        if (plot.current) {
          savePicture(plot.current.ctx.canvas, title, ink);
        }
      }}
      table={() => {
        const rows = reported.flatMap(trial => trial.steps.map((step, index) => [trial.number, trial.state, step, trial.reported[index]]));
        saveTable([['trial', 'state', 'step', metric], ...rows], title);
      }}
    >
      <div data-lines={series.length} data-pruned={pruned}>
        <Chart
          label={trans.__('%1: %2 trials that reported, %3 of them pruned', title, reported.length, pruned)}
          series={series}
          axis="step"
          log={log}
          lit={null}
          more={id => {
            const trial = byNumber.get(id);
            return (
              trial && (
                <>
                  <span>{stateWords(trial, trans)}</span>
                  <span>{pointWords(trial.params)}</span>
                </>
              )
            );
          }}
          open={id => {
            const jobId = byNumber.get(id)?.jobId ?? null;
            if (jobId !== null) {
              void commands.execute(CommandIDs.openJob, { id: jobId });
            }
          }}
          plot={plot}
        />
      </div>
      <ul className="jp-mlplat-legend" aria-label={trans.__('What the lines mean')}>
        <li data-line="best">{trans.__('the best')}</li>
        <li data-line="whole">{trans.__('ran to its end, or still runs')}</li>
        <li data-line="pruned">{trans.__('pruned: dashed, ends where it was pruned')}</li>
      </ul>
    </Figure>
  );
}
