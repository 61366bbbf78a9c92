/** The best point of a sweep, or those of its front one at a time: its job, its run, and the model that the run logged. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IJobRun } from '../../followed';
import { isRecord } from '../../http';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { RunDetail, Sweep, SweepPoint } from '../../types';
import { number } from '../../widgets/format';
import { bestIcon, deployIcon } from '../../widgets/icons';
import { TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { CommandButton, usePanel, useResource } from '../context';
import { metricWords, pointWords } from './words';

export function Best({ sweep }: { readonly sweep: Sweep }): JSX.Element | null {
  const trans = useTrans();
  const [chosen, setChosen] = React.useState('');
  const points = sweep.best ? [sweep.best] : sweep.points.filter(point => point.front);
  const point = points.find(each => each.job_id === chosen) ?? points.at(0);
  if (!point) {
    return null;
  }
  return (
    <div className="jp-mlplat-bestPoint" role="group" aria-label={sweep.best ? trans.__('The best point') : trans.__('The points of the front')}>
      <bestIcon.react tag="span" width="16px" height="16px" />
      {sweep.best ? (
        <span>
          {trans.__('Best:')} <b>{valueWords(sweep, point, trans)}</b>
        </span>
      ) : (
        <label className="jp-mlplat-labelled">
          {trans._n('%1 point on the front:', '%1 points on the front:', points.length)}
          <select
            value={point.job_id}
            onChange={event => {
              setChosen(event.target.value);
            }}
          >
            {points.map(each => (
              <option key={each.job_id} value={each.job_id}>
                {valueWords(sweep, each, trans)}
              </option>
            ))}
          </select>
        </label>
      )}
      <span>{trans.__('at %1', pointWords(point.point))}</span>
      <span className="jp-mlplat-bestActions">
        <CommandButton command={CommandIDs.openJob} args={{ id: point.job_id }} label={trans.__('Open its job')} />
        <RunActions key={point.job_id} jobId={point.job_id} />
      </span>
    </div>
  );
}

/** "auc 0.93", of several objectives each. */
function valueWords(sweep: Sweep, point: SweepPoint, trans: TranslationBundle): string {
  return sweep.objectives.length > 1
    ? sweep.objectives.map((objective, at) => `${objective.metric} ${number(point.values[at] ?? null)}`).join(', ')
    : `${metricWords(sweep, trans)} ${number(point.value)}`;
}

/** The first registered version of what a run logged; null where none is registered. */
function registeredOf(run: RunDetail): { readonly model: string; readonly version: string } | null {
  const versions = run.models.flatMap(model => (Array.isArray(model.registered) ? (model.registered as unknown[]) : []));
  const first = versions.find(isRecord);
  return first === undefined ? null : { model: String(first.name), version: String(first.version) };
}

function RunActions({ jobId }: { readonly jobId: string }): JSX.Element | null {
  const { model } = usePanel();
  const [found, setFound] = React.useState<Resource<IJobRun> | null>(null);
  React.useEffect(() => {
    const made = model.watchRunOfJob(jobId);
    made.demand();
    setFound(made);
    return () => {
      made.dispose();
    };
  }, [model, jobId]);
  return found && <FoundActions found={found} />;
}

function FoundActions({ found }: { readonly found: Resource<IJobRun> }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const { data, error } = useResource(found);
  const run = data?.run ?? null;
  const version = run && registeredOf(run);
  const why =
    data === null
      ? (error?.message ?? '')
      : run === null
        ? trans.__('Its job left no run.')
        : version !== null
          ? ''
          : run.models.length > 0
            ? trans.__('Its run logged a model and did not register it: what is registered can be deployed.')
            : trans.__('Its run logged no model.');
  return (
    <>
      <TextButton
        label={trans.__('Open its run')}
        disabled={run === null}
        onClick={() => {
          void commands.execute(CommandIDs.openRun, { id: run?.id });
        }}
      />
      <TextButton
        label={version ? trans.__('Deploy %1 %2…', version.model, version.version) : trans.__('Deploy its model…')}
        icon={deployIcon}
        disabled={version === null}
        primary={version !== null}
        title={why || undefined}
        onClick={() => {
          void commands.execute(CommandIDs.deployModel, { ...version });
        }}
      />
      {why && <small className="jp-mlplat-hint">{why}</small>}
    </>
  );
}
