/** The live model: everything that the panels show, kept fresh by the server's events. Never polls. */

import type * as nbformat from '@jupyterlab/nbformat';
import type { Event } from '@jupyterlab/services';
import type { IStateDB } from '@jupyterlab/statedb';
import type { JSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, API_VERSION, ApiError, type DriftCheckSpec } from './api';
import { EventConnection } from './connection';
import { Resource } from './resource';
import {
  type Change,
  type Deployment,
  type DriftReport,
  ENDED_JOB_STATES,
  type Experiment,
  type FeatureView,
  type GPUs,
  type Job,
  type JobLog,
  type Page,
  type RegisteredModel,
  type Run,
  type RunDetail,
  type Status
} from './types';

/** The event that says "something changed, fetch it again". */
export const CHANGED_SCHEMA = 'https://schema.jupyter-mlplat.org/changed/v1';

/** Where the last drift report and the chosen experiment are remembered. */
const STATE_KEY = 'jupyter-mlplat:model';

/** Jobs of one page of the list. */
const PAGE = 50;

/** Milliseconds until the server is asked again, after it could not be reached. */
const RETRY = [1000, 2000, 4000, 8000, 15000];

type Topic = Change['topic'];

/** Whether the server side is there at all. */
export type Availability =
  | { readonly kind: 'unknown' | 'ok' | 'offline' | 'missing' }
  | { readonly kind: 'mismatch'; readonly server: number; readonly version: string };

/** A job with its executed notebook, while somebody looks at it. */
export interface IJobView {
  readonly job: Resource<Job>;
  readonly notebook: Resource<nbformat.INotebookContent>;
  readonly log: Resource<JobLog>;
}

/** A job that changed its state, for those who tell people. */
export interface IJobMove {
  readonly job: Job;
  readonly from: Job['state'] | null;
}

interface IWatched {
  readonly topics: ReadonlyArray<Topic>;
  readonly key: string | null;
  readonly resource: { invalidate(): void; readonly isDisposed: boolean };
}

/** What a model is made of. */
export interface IModelOptions {
  readonly api: Api;
  readonly events: Event.IManager;
  readonly connectionFailure?: ISignal<unknown, unknown>;
  readonly state?: IStateDB | null;
}

export class PlatformModel implements IDisposable {
  constructor(options: IModelOptions) {
    this.api = options.api;
    this._state = options.state ?? null;
    const { api } = this;
    const failed = (error: ApiError): void => {
      this._onFailure(error);
    };
    this.status = new Resource(signal => api.status(signal), failed);
    this.jobs = this._watch(['jobs'], null, new Resource(signal => api.jobs.list(this._jobLimit, signal), failed));
    this.experiments = this._watch(['runs'], null, new Resource(signal => api.runs.experiments(signal), failed));
    this.runs = this._watch(['runs'], null, new Resource(signal => api.runs.list(this.experiment, PAGE, signal), failed));
    this.models = this._watch(['models'], null, new Resource(signal => api.runs.models(signal), failed));
    this.deployments = this._watch(
      ['deployments'],
      null,
      new Resource(signal => api.deployments.list(PAGE, signal), failed)
    );
    this.features = this._watch(['features'], null, new Resource(signal => api.features.list(signal), failed));
    this.gpus = this._watch(['gpus'], null, new Resource(signal => api.gpus.list(signal), failed));
    this.drift = new Resource<DriftReport>(() => Promise.reject(new ApiError('Nothing was checked.', 404, 'none', '', {})));
    this.status.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._setAvailability(
          snapshot.data.api === API_VERSION
            ? { kind: 'ok' }
            : { kind: 'mismatch', server: snapshot.data.api, version: snapshot.data.version }
        );
      }
    });
    this.jobs.changed.connect((_, snapshot) => {
      if (snapshot.data) {
        this._noteMoves(snapshot.data.items);
      }
    });
    options.events.stream.connect(this._onEvent, this);
    options.connectionFailure?.connect(this._onConnectionFailure, this);
    this._connection = new EventConnection(options.events);
    this._connection.opened.connect(() => {
      if (this._started) {
        this.refreshAll();
      }
    });
    this._connection.closed.connect(() => {
      if (this._started && !document.hidden) {
        this._retry();
      }
    });
  }

  readonly api: Api;
  readonly status: Resource<Status>;
  readonly jobs: Resource<Page<Job>>;
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
    return this._availability;
  }

  get availabilityChanged(): ISignal<this, Availability> {
    return this._availabilityChanged;
  }

  /** A job entered a state, seen in the list. */
  get jobMoved(): ISignal<this, IJobMove> {
    return this._jobMoved;
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
    if (this._availability.kind === 'ok') {
      this.jobs.demand();
      this.deployments.demand();
      this.gpus.demand();
    }
  }

  /** Fetches again whatever somebody has asked for. */
  refreshAll(): void {
    void this.status.refresh();
    for (const watched of this._watched) {
      watched.resource.invalidate();
    }
  }

  /** One more page of jobs. */
  moreJobs(): void {
    this._jobLimit = Math.min(500, this._jobLimit + PAGE);
    void this.jobs.refresh();
  }

  /** A job, its notebook and its log, live until disposed. */
  watchJob(id: string): IJobView & IDisposable {
    const { api } = this;
    const job = this._watch(['jobs'], id, new Resource(signal => api.jobs.get(id, signal)));
    const notebook = this._watch(['jobs'], id, new Resource(signal => api.jobs.notebook(id, signal)));
    const log = this._watch(
      ['jobs'],
      id,
      new Resource<JobLog>(async (signal, last) => {
        const next = await api.jobs.log(id, last?.offset ?? 0, signal);
        return last ? { ...next, text: last.text + next.text } : next;
      })
    );
    const dispose = (): void => {
      [job, notebook, log].forEach(each => {
        each.dispose();
      });
      this._sweep();
    };
    return {
      job,
      notebook,
      log,
      dispose,
      get isDisposed() {
        return job.isDisposed;
      }
    };
  }

  /** A run with what hangs on it, live until disposed. */
  watchRun(id: string): Resource<RunDetail> {
    return this._watch(['runs'], id, new Resource(signal => this.api.runs.get(id, signal)));
  }

  /** A deployment, live until disposed. */
  watchDeployment(name: string): Resource<Deployment> {
    return this._watch(['deployments'], name, new Resource(signal => this.api.deployments.get(name, signal)));
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
    window.clearTimeout(this._timer);
    this.status.dispose();
    Signal.clearData(this);
  }

  private _watch<T>(topics: ReadonlyArray<Topic>, key: string | null, resource: Resource<T>): Resource<T> {
    this._sweep();
    this._watched.push({ topics, key, resource });
    return resource;
  }

  private _sweep(): void {
    this._watched = this._watched.filter(watched => !watched.resource.isDisposed);
  }

  private _onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (emission.schema_id !== CHANGED_SCHEMA) {
      return;
    }
    const { topic, key } = emission as unknown as { topic: Topic; key?: string };
    for (const watched of this._watched) {
      if (watched.topics.includes(topic) && (watched.key === null || !key || watched.key === key)) {
        watched.resource.invalidate();
      }
    }
  }

  private _onConnectionFailure(): void {
    if (this._started) {
      this._retry();
    }
  }

  private _onFailure(error: ApiError): void {
    if (error.offline) {
      this._retry();
    } else if (error.extensionMissing) {
      this._setAvailability({ kind: 'missing' });
    }
  }

  /** Asks the server until it answers, ever more slowly; then everything is fetched again. */
  private _retry(): void {
    if (this._timer !== 0 || this._disposed) {
      return;
    }
    const wait = RETRY[Math.min(this._attempt, RETRY.length - 1)];
    this._timer = window.setTimeout(() => {
      this._attempt += 1;
      void this.status.refresh().then(() => {
        this._timer = 0;
        const { phase } = this.status.snapshot;
        if (phase === 'offline') {
          this._setAvailability({ kind: 'offline' });
          this._retry();
        } else if (phase === 'ready') {
          this._attempt = 0;
          for (const watched of this._watched) {
            watched.resource.invalidate();
          }
          this.jobs.demand();
          this.deployments.demand();
        }
      });
    }, wait);
  }

  private _setAvailability(availability: Availability): void {
    if (this._availability.kind !== availability.kind) {
      this._availability = availability;
      this._availabilityChanged.emit(availability);
    }
  }

  private _noteMoves(jobs: ReadonlyArray<Job>): void {
    const first = this._states === null;
    const states = (this._states ??= new Map());
    for (const job of jobs) {
      const from = states.get(job.id) ?? null;
      if (from !== job.state) {
        states.set(job.id, job.state);
        if (!first) {
          this._jobMoved.emit({ job, from });
        }
      }
    }
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
  private readonly _availabilityChanged = new Signal<this, Availability>(this);
  private readonly _jobMoved = new Signal<this, IJobMove>(this);
  private _watched: IWatched[] = [];
  private _states: Map<string, Job['state']> | null = null;
  private _availability: Availability = { kind: 'unknown' };
  private _experiment: string | null = null;
  private _lastCheck: DriftCheckSpec | null = null;
  private _jobLimit = PAGE;
  private _started = false;
  private _attempt = 0;
  private _timer = 0;
  private _disposed = false;
}

/** True when no further change is to be expected. */
export function ended(job: Job): boolean {
  return ENDED_JOB_STATES.has(job.state);
}

/** Index of the cell where a job failed, in the submitted notebook; null when it did not fail in one. */
export function failedCell(job: Job): number | null {
  const failed = new Set<string>(['error', 'timeout', 'kernel_died']);
  return job.cells.find(cell => failed.has(cell.state))?.index ?? null;
}
