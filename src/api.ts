/** The REST interface of the server extension, one function per route, typed from models.py. */

import type * as nbformat from '@jupyterlab/nbformat';
import { ServerConnection } from '@jupyterlab/services';
import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import { Http, isRecord } from './http';
import { ModelApi } from './api/models';
import { RunApi } from './api/runs';
import type {
  Deployment,
  DeploymentSpec,
  DriftReport,
  EndedKernel,
  FeatureView,
  FireTime,
  GPUs,
  GPUUsage,
  Job,
  JobChanges,
  JobLog,
  JobSpec,
  JobState,
  KeepRequest,
  Lease,
  LeaseRequest,
  Occurrence,
  Page,
  Pipeline,
  Reservation,
  ReservationRequest,
  RetryRequest,
  Schedule,
  ScheduleChange,
  ScheduleSpec,
  Status,
  Sweep,
  SweepSpec,
  SweepStudy,
  When
} from './types';

export { ApiError } from './http';
export type { ITagged } from './http';
export type { AliasOutcome, Verdict } from './api/models';
export type { IRunQuery } from './api/runs';

/** Version of the HTTP interface that this front end speaks; `GET /status` tells the server's. */
export const API_VERSION = 1;

/** Milliseconds that a kernel may take to be saved and shut down. */
const RELEASE_TIMEOUT = 120_000;

/** The JSON Schema document of a notebook's parameters cell. */
export interface ParametersSchema extends JSONObject {
  properties: { [name: string]: JSONObject };
}

/** An answer of an endpoint and how long the round trip took, in milliseconds. */
export interface Prediction {
  readonly body: JSONValue;
  readonly milliseconds: number;
}

/** What a drift check compares; paths are relative to the server's root. */
export interface DriftCheckSpec {
  readonly reference: string;
  readonly current: string;
  readonly columns?: ReadonlyArray<string>;
  readonly report?: boolean;
}

/** Which jobs a list has; what is absent or empty constrains nothing. */
export interface JobFilter {
  readonly states?: ReadonlyArray<JobState>;
  readonly owner?: string | null;
  readonly schedule?: string | null;
  readonly sweep?: string | null;
  readonly pipeline?: string | null;
  /** A part of the name, in any case. */
  readonly name?: string;
}

/** What the executed notebook of a job can be had as. */
export type PageFormat = 'notebook' | 'html' | 'pdf';

/** When something is due: one of `cron`, `every` and `at`. */
export type Timing = Partial<Pick<When, 'cron' | 'timezone' | 'every' | 'at'>>;

/** Calls the server; holds no state. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {
    this._http = new Http(settings);
    this.runs = new RunApi(this._http);
    this.models = new ModelApi(this._http);
  }

  private readonly _http: Http;

  /** The address of a route, for links that the browser opens itself. */
  url(...parts: string[]): string {
    return this._http.url(...parts);
  }

  status(signal?: AbortSignal): Promise<Status> {
    return this._http.json<Status>(['status'], { signal });
  }

  readonly jobs = {
    /** The newest of those that belong to no sweep and no pipeline. */
    list: (limit = 50, signal?: AbortSignal): Promise<Page<Job>> =>
      this._http.json(['jobs'], { query: { limit, alone: 1 }, signal }),
    /** A page of those that `filter` names, the newest first. */
    find: (filter: JobFilter, limit: number, after: string | null, signal?: AbortSignal): Promise<Page<Job>> => {
      const { states, ...rest } = filter;
      return this._http.json(['jobs'], { query: { ...rest, state: states?.join(','), limit, after }, signal });
    },
    get: (id: string, signal?: AbortSignal): Promise<Job> => this._http.json(['jobs', id], { signal }),
    create: (spec: JobSpec, idempotencyKey: string = UUID.uuid4()): Promise<Job> =>
      this._http.json(['jobs'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    cancel: (id: string): Promise<Job> => this._http.json(['jobs', id, 'cancel'], { method: 'POST' }),
    retry: (id: string, wish: Partial<RetryRequest> = {}): Promise<Job> =>
      this._http.json(['jobs', id, 'retry'], { method: 'POST', body: wish }),
    remove: (id: string): Promise<void> => this._http.none(['jobs', id], { method: 'DELETE' }),
    /** What is different from the last time that it succeeded. */
    changes: (id: string, signal?: AbortSignal): Promise<JobChanges> => this._http.json(['jobs', id, 'changes'], { signal }),
    /** The executed notebook as a file. */
    page: (id: string, format: PageFormat): Promise<Blob> => this._http.blob(['jobs', id, format]),
    ofSchedule: (schedule: string, limit: number, signal?: AbortSignal): Promise<Page<Job>> =>
      this._http.json(['jobs'], { query: { schedule, limit }, signal }),
    log: (id: string, offset = 0, signal?: AbortSignal): Promise<JobLog> =>
      this._http.json(['jobs', id, 'log'], { query: { offset }, signal }),
    notebook: async (id: string, signal?: AbortSignal): Promise<nbformat.INotebookContent> =>
      joinLines(await this._http.json<nbformat.INotebookContent>(['jobs', id, 'notebook'], { signal }))
  };

  readonly schedules = {
    list: (limit = 100, signal?: AbortSignal): Promise<Page<Schedule>> =>
      this._http.json(['schedules'], { query: { limit }, signal }),
    get: (id: string, signal?: AbortSignal): Promise<Schedule> => this._http.json(['schedules', id], { signal }),
    create: (spec: ScheduleSpec, idempotencyKey: string = UUID.uuid4()): Promise<Schedule> =>
      this._http.json(['schedules'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    /** Changes what `change` has, unless somebody else changed `revision` since. */
    change: (id: string, change: Partial<ScheduleChange>, revision: number): Promise<Schedule> =>
      this._http.json(['schedules', id], { method: 'PATCH', body: change, headers: { 'If-Match': `"${revision}"` } }),
    remove: (id: string): Promise<void> => this._http.none(['schedules', id], { method: 'DELETE' }),
    occurrences: (id: string, limit: number, signal?: AbortSignal): Promise<Page<Occurrence>> =>
      this._http.json(['schedules', id, 'occurrences'], { query: { limit }, signal }),
    /** What was edited in the notebook since, as a unified diff. */
    difference: async (id: string, signal?: AbortSignal): Promise<string> =>
      (await this._http.json<{ text: string }>(['schedules', id, 'difference'], { signal })).text,
    trigger: (id: string): Promise<Job> => this._http.json(['schedules', id, 'trigger'], { method: 'POST' }),
    pause: (id: string): Promise<Schedule> => this._http.json(['schedules', id, 'pause'], { method: 'POST' }),
    resume: (id: string): Promise<Schedule> => this._http.json(['schedules', id, 'resume'], { method: 'POST' }),
    promote: (id: string): Promise<Schedule> => this._http.json(['schedules', id, 'promote'], { method: 'POST' }),
    /** The next `n` instants after `after` (now by default). */
    preview: (timing: Timing, n: number, signal?: AbortSignal, after?: string): Promise<Page<FireTime>> =>
      this._http.json(['schedules', 'preview'], { query: { ...timing, n, after }, signal })
  };

  readonly sweeps = {
    list: (limit: number, after: string | null = null, signal?: AbortSignal): Promise<Page<Sweep>> =>
      this._http.json(['sweeps'], { query: { limit, after }, signal }),
    get: (id: string, signal?: AbortSignal): Promise<Sweep> => this._http.json(['sweeps', id], { signal }),
    /** What Optuna knows of a sweep whose points it chooses. */
    study: (id: string, signal?: AbortSignal): Promise<SweepStudy> => this._http.json(['sweeps', id, 'study'], { signal }),
    create: (spec: SweepSpec, idempotencyKey: string = UUID.uuid4()): Promise<Sweep> =>
      this._http.json(['sweeps'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    cancel: (id: string): Promise<Sweep> => this._http.json(['sweeps', id, 'cancel'], { method: 'POST' }),
    /** Runs the points again that did not succeed. */
    retry: (id: string): Promise<Sweep> => this._http.json(['sweeps', id, 'retry'], { method: 'POST' })
  };

  readonly pipelines = {
    list: (limit: number, signal?: AbortSignal): Promise<Page<Pipeline>> =>
      this._http.json(['pipelines'], { query: { limit }, signal }),
    get: (id: string, signal?: AbortSignal): Promise<Pipeline> => this._http.json(['pipelines', id], { signal }),
    cancel: (id: string): Promise<Pipeline> => this._http.json(['pipelines', id, 'cancel'], { method: 'POST' }),
    /** Runs the nodes again that did not succeed. */
    retry: (id: string): Promise<Pipeline> => this._http.json(['pipelines', id, 'retry'], { method: 'POST' })
  };

  readonly notebooks = {
    schema: (path: string, signal?: AbortSignal): Promise<ParametersSchema> =>
      this._http.json(['notebooks', 'schema'], { query: { path }, signal })
  };

  readonly runs: RunApi;

  readonly models: ModelApi;

  readonly deployments = {
    list: (limit = 50, signal?: AbortSignal): Promise<Page<Deployment>> =>
      this._http.json(['deployments'], { query: { limit }, signal }),
    get: (name: string, signal?: AbortSignal): Promise<Deployment> => this._http.json(['deployments', name], { signal }),
    create: (spec: DeploymentSpec, idempotencyKey: string = UUID.uuid4()): Promise<Deployment> =>
      this._http.json(['deployments'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    remove: (name: string): Promise<void> => this._http.none(['deployments', name], { method: 'DELETE' }),
    predict: async (name: string, body: JSONValue, signal?: AbortSignal): Promise<Prediction> => {
      const begin = performance.now();
      const answer = await this._http.json<JSONValue>(['deployments', name, 'predict'], { method: 'POST', body, signal });
      return { body: answer, milliseconds: performance.now() - begin };
    }
  };

  readonly features = {
    list: (signal?: AbortSignal): Promise<Page<FeatureView>> =>
      this._http.json(['features', 'views'], { query: { limit: 50 }, signal })
  };

  readonly drift = {
    check: (spec: DriftCheckSpec, signal?: AbortSignal): Promise<DriftReport> =>
      this._http.json(['drift', 'check'], { method: 'POST', body: spec, signal })
  };

  readonly gpus = {
    list: (signal?: AbortSignal): Promise<GPUs> => this._http.json(['gpus'], { signal }),
    usage: (signal?: AbortSignal): Promise<GPUUsage> => this._http.json(['gpus', 'usage'], { signal }),
    leases: (signal?: AbortSignal): Promise<Page<Lease>> => this._http.json(['leases'], { query: { limit: 50 }, signal }),
    lease: (id: string, signal?: AbortSignal): Promise<Lease> => this._http.json(['leases', id], { signal }),
    acquire: (request: Partial<LeaseRequest>, idempotencyKey: string): Promise<Lease> =>
      this._http.json(['leases'], { method: 'POST', body: request, headers: { 'Idempotency-Key': idempotencyKey } }),
    keep: (id: string, seconds: number): Promise<Lease> =>
      this._http.json(['leases', id, 'keep'], { method: 'POST', body: { seconds } satisfies KeepRequest }),
    /** The variables of a kernel are saved before, which may take a minute. */
    release: (id: string): Promise<Lease> => this._http.json(['leases', id], { method: 'DELETE', timeout: RELEASE_TIMEOUT }),
    /** What was saved of the kernel that ended with a lease. */
    kernel: (id: string): Promise<EndedKernel> => this._http.json(['leases', id, 'kernel'], {}),
    reserve: (request: Partial<ReservationRequest>, idempotencyKey: string): Promise<Reservation> =>
      this._http.json(['reservations'], { method: 'POST', body: request, headers: { 'Idempotency-Key': idempotencyKey } }),
    cancelReservation: (id: string): Promise<Reservation> => this._http.json(['reservations', id], { method: 'DELETE' })
  };
}

/** On disk a text may be a list of its lines; whoever draws it wants one string. */
export function joinLines(notebook: nbformat.INotebookContent): nbformat.INotebookContent {
  const joined = (value: unknown): unknown =>
    Array.isArray(value) && value.every(line => typeof line === 'string') ? value.join('') : value;
  for (const cell of notebook.cells) {
    cell.source = joined(cell.source) as string;
    for (const output of (cell.outputs ?? []) as Record<string, unknown>[]) {
      output.text = joined(output.text);
      if (isRecord(output.data)) {
        for (const [type, value] of Object.entries(output.data)) {
          // A JSON document may well be a list of strings, and means it.
          output.data[type] = type.endsWith('json') ? value : joined(value);
        }
      }
      if (output.text === undefined) {
        delete output.text;
      }
    }
  }
  return notebook;
}
