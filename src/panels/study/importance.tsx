/** How much each parameter has to do with the best values. */

import * as React from 'react';
import type { Sweep, SweepStudy } from '../../types';
import { Bars, barsCanvas } from '../../widgets/charts/bars';
import { Figure } from '../../widgets/charts/figure';
import { savePicture, saveTable } from '../../widgets/charts/files';
import { percent } from '../../widgets/format';
import { useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import type { ITrial } from './trials';

/** Complete trials that it takes; the server computes nothing from fewer. */
const FEWEST = 5;

interface IImportanceProps {
  readonly sweep: Sweep;
  readonly trials: ReadonlyArray<ITrial>;
  readonly importance: SweepStudy['importance'];
}

export function Importance({ sweep, trials, importance }: IImportanceProps): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const title = trans.__('Importance of the parameters');
  const complete = trials.filter(trial => trial.state === 'succeeded').length;
  const bars = Object.entries(importance ?? {}).map(([name, share]) => ({ id: name, name, value: share, colour: ink.brand, words: percent(share) }));
  const shares = [...bars].sort((one, other) => other.value - one.value);
  if (shares.length === 0) {
    return (
      <Figure title={title} picture={null} table={null}>
        <p className="jp-mlplat-hint">
          {complete < FEWEST
            ? trans.__('It takes %1 trials that ran to their end; there are %2 so far.', FEWEST, complete)
            : trans.__('The trials do not differ enough to tell the parameters apart.')}
        </p>
      </Figure>
    );
  }
  return (
    <Figure
      title={title}
      picture={() => {
        savePicture(barsCanvas(bars, ink), title, ink);
      }}
      table={() => {
        saveTable([['parameter', 'share'], ...shares.map(({ name, value }) => [name, value])], title);
      }}
    >
      <Bars label={title} bars={bars} />
      <p className="jp-mlplat-hint">
        {sweep.objectives.length > 1
          ? trans.__('Share of each in reaching the front, of %1 trials (PED-ANOVA).', complete)
          : trans.__('Share of each in reaching the best values of %1, of %2 trials (PED-ANOVA).', sweep.objectives[0].metric, complete)}
      </p>
    </Figure>
  );
}
