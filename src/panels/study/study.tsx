/** The study of a sweep whose points Optuna chooses, live: what it found, which parameters matter, what it gave up. */

import * as React from 'react';
import type { Resource } from '../../resource';
import type { Sweep, SweepStudy } from '../../types';
import { Choose, Switch } from '../../widgets/charts/choosers';
import { Empty, Loading } from '../../widgets/feedback';
import { useTrans } from '../../widgets/trans';
import { Show, usePanel } from '../context';
import { Front } from './front';
import { History } from './history';
import { Importance } from './importance';
import { Intermediate } from './intermediate';
import { Slices } from './slices';
import { trialsOf } from './trials';

/** The study of a sweep, live until another one is shown. */
function useStudy(sweep: Sweep): Resource<SweepStudy> | null {
  const { model } = usePanel();
  const [study, setStudy] = React.useState<Resource<SweepStudy> | null>(null);
  const latest = React.useRef(sweep);
  latest.current = sweep;
  React.useEffect(() => {
    const made = model.watchStudy(sweep.id, () => latest.current.state === 'running');
    made.demand();
    setStudy(made);
    return () => {
      made.dispose();
    };
  }, [model, sweep.id]);
  return study;
}

export function Study({ sweep }: { readonly sweep: Sweep }): JSX.Element {
  const trans = useTrans();
  const study = useStudy(sweep);
  return (
    <section className="jp-mlplat-card jp-mlplat-study" aria-labelledby="jp-mlplat-h-study">
      <h2 id="jp-mlplat-h-study">{trans.__('Study')}</h2>
      {study === null ? (
        <Loading lines={6} />
      ) : (
        <Show resource={study} lines={6}>
          {data => <Pictures sweep={sweep} study={data} />}
        </Show>
      )}
    </section>
  );
}

function Pictures({ sweep, study }: { readonly sweep: Sweep; readonly study: SweepStudy }): JSX.Element {
  const trans = useTrans();
  const [chosen, setChosen] = React.useState(0);
  const [log, setLog] = React.useState(false);
  const trials = React.useMemo(() => trialsOf(sweep, study), [sweep, study]);
  const at = Math.min(chosen, sweep.objectives.length - 1);
  if (trials.length === 0) {
    return <Empty title={trans.__('No trial yet: the first ones appear as soon as Optuna has chosen them.')} />;
  }
  const several = sweep.objectives.length > 1;
  const [most] = Object.entries(study.importance ?? {}).sort(([, one], [, other]) => other - one);
  return (
    <>
      <div className="jp-mlplat-curveTools" role="toolbar" aria-label={trans.__('How the study is drawn')}>
        {several && (
          <Choose
            label={trans.__('Objective')}
            choices={sweep.objectives.map(({ metric }, index) => ({ id: String(index), title: metric }))}
            chosen={String(at)}
            choose={id => {
              setChosen(Number(id));
            }}
          />
        )}
        <Switch label={trans.__('Log scale')} on={log} turn={setLog} />
      </div>
      <div className="jp-mlplat-studyGrid">
        <History sweep={sweep} trials={trials} at={at} log={log} />
        {several && <Front sweep={sweep} trials={trials} log={log} />}
        <Slices sweep={sweep} trials={trials} at={at} log={log} first={most?.[0]} />
        <Intermediate sweep={sweep} trials={trials} log={log} />
        <Importance sweep={sweep} trials={trials} importance={study.importance} />
      </div>
    </>
  );
}
