/** The live model: everything that the panels show, kept fresh by the server's events. Never polls. */

import type { Contents, Event } from '@jupyterlab/services';
import type { IStateDB } from '@jupyterlab/statedb';
import type { JSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, ApiError, type DriftCheckSpec, type IRunQuery, type JobFilter } from './api';
import { EventConnection } from './connection';
import { type Availability, Contact } from './contact';
import * as followed from './followed';
import type { IJobMove, IJobRun, IJobView, IScheduleView, IVersionView } from './followed';
import { type Ledger, watchLedger } from './ledger';
import { Resource } from './resource';
import type {
  Deployment,
  DriftReport,
  Experiment,
  FeatureView,
  GPUs,
  Job,
  Page,
  Pipeline,
  RegisteredModel,
  Run,
  RunCurves,
  RunDetail,
  Schedule,
  Status,
  Sweep,
  SweepStudy
} from './types';
import { type Topic, Watching } from './watching';

export type { Availability } from './contact';
export { ended, failedCell, type IJobList, type IJobMove, type IJobView, type IRunRows, type IScheduleView, type IVersionView, type JobList, type RunList } from './followed';
export type { IPlan, Ledger } from './ledger';

/** The event that says "something changed, fetch it again". */
export const CHANGED_SCHEMA = 'https://schema.jupyter-mlplat.org/changed/v1';

/** Where the last drift report and the chosen experiment are remembered. */
const STATE_KEY = 'jupyter-mlplat:model';

/** Rows of one page of a list. */
const PAGE = 50;

/** The lists that can become longer. */
export type LongList = 'jobs' | 'sweeps' | 'pipelines';

/** What a model is made of. */
export interface IModelOptions {
  readonly api: Api;
  readonly events: Event.IManager;
  readonly connectionFailure?: ISignal<unknown, unknown>;
  /** Emits when this page saved a file: a notebook may now differ from what its schedules run. */
  readonly files?: ISignal<unknown, Contents.IChangedArgs>;
  readonly state?: IStateDB | null;
}

export class PlatformModel implements IDisposable {
  constructor(options: IModelOptions) {
    this.api = options.api;
    this._state = options.state ?? null;
    const { api } = this;
    const contact = (this._contact = new Contact(api));
    const failed = (error: ApiError): void => {
      contact.failed(error);
    };
    const listed = <T>(topic: Topic, fetch: (signal: AbortSignal) => Promise<T>): Resource<T> =>
      this._watching.add([topic], null, new Resource(fetch, failed));
    this.status = contact.status;
    this.jobs = listed('jobs', signal => api.jobs.list(this._limits.jobs, signal));
    this.schedules = listed('schedules', signal => api.schedules.list(100, signal));
    this.sweeps = followed.watchSweeps(this._watching, new Resource(signal => api.sweeps.list(this._limits.sweeps, null, signal), failed));
    const readPipelines = (signal: AbortSignal): Promise<Page<Pipeline>> => followed.listPipelines(api, this._limits.pipelines, signal);
    this.pipelines = followed.watchPipelines(this._watching, new Resource(readPipelines, failed));
    this.experiments = listed('runs', signal => api.runs.experiments(signal));
    this.runs = listed('runs', signal => api.runs.list(this.experiment, PAGE, signal));
    this.models = followed.watchModels(api, this._watching, failed);
    this.deployments = listed('deployments', signal => api.deployments.list(PAGE, signal));
    this.features = listed('features', signal => api.features.list(signal));
    this.gpus = listed('gpus', signal => api.gpus.list(signal));
    this.drift = new Resource<DriftReport>(() => Promise.reject(new ApiError('Nothing was checked.', 404, 'none', '', {})));
    this.jobs.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._moves.note(snapshot.data.items);
      }
    });
    options.events.stream.connect(this._onEvent, this);
    options.connectionFailure?.connect(() => {
      if (this._started) {
        contact.retry();
      }
    });
    options.files?.connect((_, change) => {
      if (change.type === 'save') {
        this._saved.emit();
      }
    });
    contact.mended.connect(() => {
      this._watching.all();
      this.jobs.demand();
      this.deployments.demand();
    });
    this._connection = new EventConnection(options.events);
    this._connection.opened.connect(() => {
      if (this._started) {
        this.refreshAll();
      }
    });
    this._connection.closed.connect(() => {
      if (this._started && !document.hidden) {
        contact.retry();
      }
    });
  }

  readonly api: Api;
  readonly status: Resource<Status>;
  /** The newest jobs that belong to no sweep and no pipeline. */
  readonly jobs: Resource<Page<Job>>;
  readonly schedules: Resource<Page<Schedule>>;
  /** The newest sweeps, without their points. */
  readonly sweeps: Resource<Page<Sweep>>;
  /** The newest pipelines, those that run with their nodes. */
  readonly pipelines: Resource<Page<Pipeline>>;
  readonly experiments: Resource<Page<Experiment>>;
  readonly runs: Resource<Page<Run>>;
  readonly models: Resource<Page<RegisteredModel>>;
  readonly deployments: Resource<Page<Deployment>>;
  readonly features: Resource<Page<FeatureView>>;
  readonly gpus: Resource<GPUs>;
  /** The last drift check of this person; kept over reloads. */
  readonly drift: Resource<DriftReport>;

  /** Whether the server side is there, and of our version. */
  get availability(): Availability {
    return this._contact.availability;
  }

  get availabilityChanged(): ISignal<unknown, Availability> {
    return this._contact.availabilityChanged;
  }

  /** A job entered a state, seen in the list. */
  get jobMoved(): ISignal<unknown, IJobMove> {
    return this._moves.moved;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** The experiment whose runs are listed; null for all. */
  get experiment(): string | null {
    return this._experiment;
  }

  set experiment(name: string | null) {
    if (name !== this._experiment) {
      this._experiment = name;
      void this._remember();
      void this.runs.refresh();
    }
  }

  /** First contact, once the application stands: what the status bar needs, and nothing that is slow. */
  async start(): Promise<void> {
    if (this._started) {
      return;
    }
    this._started = true;
    await this._recall();
    await this.status.refresh();
    if (this.availability.kind === 'ok') {
      this.jobs.demand();
      this.sweeps.demand();
      this.pipelines.demand();
      this.deployments.demand();
      this.gpus.demand();
    }
  }

  /** Fetches again whatever somebody has asked for. */
  refreshAll(): void {
    void this.status.refresh();
    this._watching.all();
  }

  /** Older ones as well. */
  more(list: LongList): void {
    this._limits[list] = Math.min(500, this._limits[list] + PAGE);
    void this[list].refresh();
  }

  /** The jobs that `filter` names, page by page, live until disposed. */
  listJobs(filter: JobFilter): followed.JobList {
    return new followed.JobList(this.api, this._watching, filter);
  }

  /** A sweep with its points, live until disposed. */
  watchSweep(id: string): Resource<Sweep> {
    return followed.watchSweep(this.api, this._watching, id);
  }

  /** The study of a sweep by Optuna; follows its trials while `running` says that they run; live until disposed. */
  watchStudy(id: string, running: () => boolean): Resource<SweepStudy> {
    return followed.watchStudy(this.api, this._watching, id, running);
  }

  /** The run that a job left, live until disposed. */
  watchRunOfJob(id: string): Resource<IJobRun> {
    return followed.watchRunOfJob(this.api, this._watching, id);
  }

  /** A pipeline with its nodes, live until disposed. */
  watchPipeline(id: string): Resource<Pipeline> {
    return followed.watchPipeline(this.api, this._watching, id);
  }

  /** A job, its notebook and its log, live until disposed. */
  watchJob(id: string): IJobView & IDisposable {
    return followed.watchJob(this.api, this._watching, id);
  }

  /** A schedule and how its notebook was edited since, live until disposed. */
  watchSchedule(id: string): IScheduleView & IDisposable {
    return followed.watchSchedule(this.api, this._watching, this._saved, id);
  }

  /** What became of the instants of all schedules, and which come; live until disposed. */
  watchLedger(): Resource<Ledger> {
    return watchLedger(this.api, this.schedules, this.jobMoved);
  }

  /** A run with what hangs on it, live until disposed. */
  watchRun(id: string): Resource<RunDetail> {
    return this._watching.add(['runs'], id, new Resource(signal => this.api.runs.get(id, signal)));
  }

  /** The runs that `query` names, page by page, live until disposed. */
  listRuns(query: IRunQuery): followed.RunList {
    return new followed.RunList(this.api, this._watching, query);
  }

  /** Runs that were just read: whoever watches some of them next need not read them again. */
  noteRuns(runs: ReadonlyArray<Run>): void {
    this._noted = runs;
  }

  /** Some runs, in the order of `ids`, live until disposed. */
  watchRuns(ids: ReadonlyArray<string>): Resource<ReadonlyArray<Run>> {
    return followed.watchRuns(this.api, this._watching, ids, this._noted);
  }

  /** One metric of some runs; follows them while `living` says that one of them still runs; live until disposed. */
  watchCurves(ids: ReadonlyArray<string>, key: string, living: () => boolean): Resource<RunCurves> {
    return followed.watchCurves(this.api, this._watching, ids, key, living);
  }

  /** A registered model, live until disposed. */
  watchModel(name: string): Resource<RegisteredModel> {
    return followed.watchModel(this.api, this._watching, name);
  }

  /** A version of a registered model with its lineage and its card, live until disposed. */
  watchVersion(name: string, version: string): IVersionView & IDisposable {
    return followed.watchVersion(this.api, this._watching, name, version);
  }

  /** We changed things of `topic` ourselves: whoever shows them need not wait for the event. */
  changed(topic: Topic): void {
    this._watching.changed(topic);
  }

  /** A deployment, live until disposed. */
  watchDeployment(name: string): Resource<Deployment> {
    return this._watching.add(['deployments'], name, new Resource(signal => this.api.deployments.get(name, signal)));
  }

  /** What the last drift check compared, as it was asked for. */
  get lastCheck(): DriftCheckSpec | null {
    return this._lastCheck;
  }

  /** Runs a drift check and keeps its report. */
  async checkDrift(spec: DriftCheckSpec): Promise<DriftReport> {
    const report = await this.api.drift.check(spec);
    this._lastCheck = spec;
    this.drift.set(report);
    void this._remember();
    return report;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._connection.dispose();
    this._contact.dispose();
    Signal.clearData(this);
  }

  private _onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (emission.schema_id !== CHANGED_SCHEMA) {
      return;
    }
    const { topic, key } = emission as unknown as { topic: Topic; key?: string };
    this._watching.changed(topic, key);
  }

  private async _recall(): Promise<void> {
    const saved = await this._state?.fetch(STATE_KEY);
    if (typeof saved !== 'object' || saved === null || Array.isArray(saved)) {
      return;
    }
    const { experiment, drift, check } = saved as { experiment?: JSONValue; drift?: JSONValue; check?: JSONValue };
    this._experiment = typeof experiment === 'string' ? experiment : null;
    this._lastCheck = (check ?? null) as unknown as DriftCheckSpec | null;
    if (drift) {
      this.drift.set(drift as unknown as DriftReport);
    }
  }

  private async _remember(): Promise<void> {
    await this._state?.save(STATE_KEY, {
      experiment: this._experiment,
      drift: this.drift.data as unknown as JSONValue,
      check: this._lastCheck as unknown as JSONValue
    } as never);
  }

  private readonly _state: IStateDB | null;
  private readonly _connection: EventConnection;
  private readonly _contact: Contact;
  private readonly _watching = new Watching();
  private readonly _saved = new Signal<this, void>(this);
  private readonly _moves = new followed.JobMoves();
  private _experiment: string | null = null;
  private _noted: ReadonlyArray<Run> = [];
  private _lastCheck: DriftCheckSpec | null = null;
  private readonly _limits: Record<LongList, number> = { jobs: PAGE, sweeps: 20, pipelines: 20 };
  private _started = false;
  private _disposed = false;
}
