/** Living jobs, sweeps, pipelines, endpoints and leases in JupyterLab's panel of running things: people look there to free them. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { IRunningSessions } from '@jupyterlab/running';
import { type ISignal, Signal } from '@lumino/signaling';
import { ended } from './model';
import type { IPanelContext } from './panels/context';
import { servedVersions } from './panels/deployments';
import { asked, leasesOf, placeAndTime } from './panels/gpus/words';
import { counted, figuresOf } from './panels/jobs/figures';
import { shortId } from './panels/jobs/words';
import { allNodes, endedNodes, progressWords as pipelineWords } from './panels/pipeline/words';
import { progressWords } from './panels/sweep/words';
import { CommandIDs } from './tokens';
import type { Deployment, Job, Lease, Pipeline, Sweep } from './types';
import { deployIcon, gpuIcon, pipelineIcon, runAsJobIcon, sweepIcon } from './widgets/icons';
import { stateWord } from './widgets/state';

type Item = IRunningSessions.IRunningItem;

export class RunningManager implements IRunningSessions.IManager {
  constructor(private readonly _context: IPanelContext) {
    const { model, trans } = _context;
    this.name = trans.__('ML Platform');
    this.shutdownAllLabel = trans.__('Cancel All Jobs');
    for (const resource of [...counted(model), model.deployments, model.gpus]) {
      (resource.changed as ISignal<unknown, unknown>).connect(() => {
        this._runningChanged.emit();
      });
    }
  }

  readonly name: string;
  readonly shutdownAllLabel: string;

  readonly shutdownLabel = (): string => this._context.trans.__('Cancel or delete');

  readonly shutdownAllConfirmationText = (): string => {
    const { trans } = this._context;
    const count = figuresOf(this._context.model).running + figuresOf(this._context.model).queued;
    if (count === 0) {
      return trans.__('No job runs. Endpoints are asked about next.');
    }
    return trans._n(
      'Cancel %1 job? What it computed and did not save is lost. Endpoints are asked about after that.',
      'Cancel %1 jobs? What they computed and did not save is lost. Endpoints are asked about after that.',
      count
    );
  };

  get runningChanged(): ISignal<this, void> {
    return this._runningChanged;
  }

  running(): Item[] {
    return [
      ...this._sweeps.map(sweep => this._ofSweep(sweep)),
      ...this._pipelines.map(pipeline => this._ofPipeline(pipeline)),
      ...this._jobs.map(job => this._ofJob(job)),
      ...this._endpoints.map(deployment => this._ofDeployment(deployment)),
      ...this._leases.map(lease => this._ofLease(lease))
    ];
  }

  refreshRunning(): void {
    const { model } = this._context;
    [...counted(model), model.deployments, model.gpus].forEach(resource => {
      resource.invalidate();
    });
  }

  shutdownAll(): void {
    void this._shutdownAll();
  }

  private async _shutdownAll(): Promise<void> {
    const { model, trans } = this._context;
    const { jobs, sweeps, pipelines, deployments } = model.api;
    const names = this._endpoints.map(each => each.name);
    // What has ended meanwhile needs no end, and what cannot be reached is told by the panel.
    await Promise.allSettled([
      ...this._sweeps.map(each => sweeps.cancel(each.id)),
      ...this._pipelines.map(each => pipelines.cancel(each.id)),
      ...this._jobs.map(each => jobs.cancel(each.id))
    ]);
    if (names.length > 0) {
      const answer = await showDialog({
        title: trans._n('Delete %1 endpoint, too?', 'Delete %1 endpoints, too?', names.length),
        body: trans.__('%1: their addresses stop answering and their tokens are void. The models stay.', names.join(', ')),
        buttons: [Dialog.cancelButton({ label: trans.__('Keep') }), Dialog.warnButton({ label: trans.__('Delete') })]
      });
      if (answer.button.accept) {
        await Promise.allSettled(names.map(name => deployments.remove(name)));
      }
    }
    this.refreshRunning();
  }

  private _ofJob(job: Job): Item {
    const { trans } = this._context;
    const progress = job.state === 'running' && job.cells_total > 0 ? `${job.cells_done}/${job.cells_total}` : '';
    return {
      icon: () => runAsJobIcon,
      label: () => `${job.name} ${shortId(job.id)}`.trim(),
      labelTitle: () => trans.__('Job %1: %2, %3 of %4 cells', job.id, stateWord(job.state, trans), job.cells_done, job.cells_total),
      detail: () => progress || stateWord(job.state, trans),
      open: this._run(CommandIDs.openJob, { id: job.id }),
      shutdown: this._run(CommandIDs.cancelJob, { id: job.id, name: job.name })
    };
  }

  private _ofSweep(sweep: Sweep): Item {
    const { trans } = this._context;
    return {
      icon: () => sweepIcon,
      label: () => trans.__('%1, sweep %2', sweep.name, shortId(sweep.id)),
      labelTitle: () => trans.__('Sweep %1: %2', sweep.id, stateWord(sweep.state, trans)),
      detail: () => progressWords(sweep, trans),
      open: this._run(CommandIDs.openSweep, { id: sweep.id }),
      shutdown: this._run(CommandIDs.cancelSweep, { id: sweep.id })
    };
  }

  private _ofPipeline(pipeline: Pipeline): Item {
    const { trans } = this._context;
    return {
      icon: () => pipelineIcon,
      label: () => trans.__('%1, pipeline %2', pipeline.name, shortId(pipeline.id)),
      labelTitle: () => trans.__('Pipeline %1: %2', pipeline.id, pipelineWords(pipeline, trans)),
      detail: () => `${endedNodes(pipeline)}/${allNodes(pipeline)}`,
      open: this._run(CommandIDs.openPipeline, { id: pipeline.id }),
      shutdown: this._run(CommandIDs.cancelPipeline, { id: pipeline.id })
    };
  }

  private _ofDeployment(deployment: Deployment): Item {
    const { trans } = this._context;
    return {
      icon: () => deployIcon,
      label: () => deployment.name,
      labelTitle: () => trans.__('Endpoint %1: %2', deployment.name, servedVersions(deployment)),
      detail: () => stateWord(deployment.state, trans),
      open: this._run(CommandIDs.openDeployment, { name: deployment.name }),
      shutdown: this._run(CommandIDs.deleteDeployment, { name: deployment.name })
    };
  }

  private _ofLease(lease: Lease): Item {
    const { trans } = this._context;
    return {
      icon: () => gpuIcon,
      label: () => trans.__('%1 for %2', asked(lease, trans), lease.label || lease.owner),
      labelTitle: () => trans.__('Lease %1 of %2', lease.id, lease.owner),
      detail: () => (lease.state === 'queued' ? placeAndTime(lease, trans) : trans.__('held')),
      open: this._run(CommandIDs.openPanel, { section: 'gpus' }),
      shutdown: this._run(CommandIDs.releaseLease, { id: lease.id })
    };
  }

  private _run(command: string, args: Record<string, string>): () => void {
    return () => {
      void this._context.commands.execute(command, args);
    };
  }

  private get _jobs(): Job[] {
    return (this._context.model.jobs.data?.items ?? []).filter(job => !ended(job));
  }

  private get _sweeps(): Sweep[] {
    return (this._context.model.sweeps.data?.items ?? []).filter(sweep => sweep.state === 'running');
  }

  private get _pipelines(): Pipeline[] {
    return (this._context.model.pipelines.data?.items ?? []).filter(pipeline => pipeline.state === 'running');
  }

  private get _endpoints(): Deployment[] {
    return (this._context.model.deployments.data?.items ?? []).filter(each => each.state !== 'stopped');
  }

  /** Those of jobs and deployments end with these, which are listed themselves. */
  private get _leases(): Lease[] {
    return leasesOf(this._context.model.gpus.data).filter(lease => lease.job_id === null && lease.deployment === null);
  }

  private readonly _runningChanged = new Signal<this, void>(this);
}
