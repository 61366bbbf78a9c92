/** The section Runs: the last MLflow runs of an experiment and their metrics. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Experiment, Page, Run } from '../../types';
import { Empty } from '../../widgets/feedback';
import { number } from '../../widgets/format';
import { isState, StateIcon, stateTone, stateWord } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, Show, usePanel, useResource } from '../context';
import { Section } from '../section';

/** Metrics that a row has room for. */
const SHOWN = 2;

export class RunsSection extends Section {
  constructor(context: IPanelContext) {
    const { trans } = context;
    super(context, {
      name: 'runs',
      label: trans.__('Runs'),
      opens: { command: CommandIDs.openRuns, label: trans.__('Open the table of all runs') }
    });
    this.follow(context.model.runs);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const active = (model.runs.data?.items ?? []).filter(run => run.status === 'RUNNING').length;
    const about = model.experiment ?? '';
    return [about, active ? trans.__('%1 running', active) : ''].filter(Boolean).join(' · ');
  }

  demand(): void {
    this.context.model.runs.demand();
    this.context.model.experiments.demand();
    this.context.model.models.demand();
  }

  protected content(): JSX.Element {
    return (
      <>
        <ExperimentChooser />
        <Show resource={this.context.model.runs}>{page => <RunList page={page} />}</Show>
      </>
    );
  }
}

function ExperimentChooser(): JSX.Element | null {
  const { model, commands } = usePanel();
  const trans = useTrans();
  const { data } = useResource<Page<Experiment>>(model.experiments);
  const [, render] = React.useReducer((count: number) => count + 1, 0);
  if (data === null || data.items.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlplat-chooser">
      <label htmlFor="jp-mlplat-experiment">{trans.__('Experiment')}</label>
      <select
        id="jp-mlplat-experiment"
        value={model.experiment ?? ''}
        onChange={event => {
          void commands.execute(CommandIDs.chooseExperiment, { name: event.target.value }).then(render);
        }}
      >
        <option value="">{trans.__('All')}</option>
        {data.items.map(experiment => (
          <option key={experiment.id} value={experiment.name}>
            {experiment.name}
          </option>
        ))}
      </select>
    </div>
  );
}

function RunList(props: { readonly page: Page<Run> }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  if (props.page.items.length === 0) {
    return (
      <Empty title={trans.__('No runs yet. Every job is a run, and so is whatever logs to MLflow.')}>
        <code className="jp-mlplat-teach">mlflow.log_metric(&quot;loss&quot;, 0.1)</code>
      </Empty>
    );
  }
  return (
    <ul className="jp-mlplat-list" aria-label={trans.__('Runs')}>
      {props.page.items.map(run => {
        const state = isState(run.status) ? run.status : 'SCHEDULED';
        const metrics = Object.entries(run.metrics).slice(0, SHOWN);
        return (
          <li key={run.id} className="jp-mlplat-row" data-state={state}>
            <StateIcon state={state} />
            <div className="jp-mlplat-rowMain">
              <button
                type="button"
                className="jp-mlplat-rowName"
                title={trans.__('Open the run %1', run.name)}
                onClick={() => {
                  void commands.execute(CommandIDs.openRun, { id: run.id });
                }}
              >
                {run.name}
              </button>
              <div className="jp-mlplat-rowDetail">
                <span className="jp-mlplat-word" data-tone={stateTone(state)}>
                  {stateWord(state, trans)}
                </span>
                {run.started_at && <RelativeTime time={run.started_at} />}
                {metrics.map(([name, value]) => (
                  <span key={name} className="jp-mlplat-rowMetric" title={`${name} ${number(value)}`}>
                    {name} <b>{number(value)}</b>
                  </span>
                ))}
              </div>
            </div>
          </li>
        );
      })}
    </ul>
  );
}
