/** The REST interface of the server extension, one function per route, typed from models.py. */

import { URLExt } from '@jupyterlab/coreutils';
import type * as nbformat from '@jupyterlab/nbformat';
import { ServerConnection } from '@jupyterlab/services';
import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import type {
  Deployment,
  DeploymentSpec,
  DriftReport,
  Experiment,
  FeatureView,
  GPUs,
  Job,
  JobLog,
  JobSpec,
  Lease,
  Page,
  RegisteredModel,
  Run,
  RunDetail,
  Status
} from './types';

/** Version of the HTTP interface that this front end speaks; `GET /status` tells the server's. */
export const API_VERSION = 1;

/** Where the routes live, below the server's base URL (a hub's prefix included). */
export const API_PATH = 'mlplat/api/v1';

/** Milliseconds after which a request is given up. */
const TIMEOUT = 60_000;

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

/** What went wrong with a request: what happened, to what, and what to do next. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status, or 0 when the server could not be reached. */
    readonly status: number,
    readonly reason: string,
    readonly hint: string,
    /** A field of the request -> what is wrong with it. */
    readonly fields: Readonly<Record<string, string>>
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** True when there was no answer at all. */
  get offline(): boolean {
    return this.status === 0;
  }

  /** True when the server answered, and knows nothing of our routes. */
  get extensionMissing(): boolean {
    return this.status === 404 && this.reason === 'no_route';
  }
}

type Query = Readonly<Record<string, string | number | undefined | null>>;

interface IRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Calls the server; holds no state. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  /** The address of a route, for links that the browser opens itself. */
  url(...parts: string[]): string {
    return URLExt.join(this.settings.baseUrl, API_PATH, ...parts.map(part => encodeURIComponent(part)));
  }

  status(signal?: AbortSignal): Promise<Status> {
    return this._json<Status>(['status'], { signal });
  }

  readonly jobs = {
    list: (limit = 50, signal?: AbortSignal): Promise<Page<Job>> => this._json(['jobs'], { query: { limit }, signal }),
    get: (id: string, signal?: AbortSignal): Promise<Job> => this._json(['jobs', id], { signal }),
    create: (spec: JobSpec, idempotencyKey: string = UUID.uuid4()): Promise<Job> =>
      this._json(['jobs'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    cancel: (id: string): Promise<Job> => this._json(['jobs', id, 'cancel'], { method: 'POST' }),
    log: (id: string, offset = 0, signal?: AbortSignal): Promise<JobLog> =>
      this._json(['jobs', id, 'log'], { query: { offset }, signal }),
    notebook: async (id: string, signal?: AbortSignal): Promise<nbformat.INotebookContent> =>
      joinLines(await this._json<nbformat.INotebookContent>(['jobs', id, 'notebook'], { signal }))
  };

  readonly notebooks = {
    schema: (path: string, signal?: AbortSignal): Promise<ParametersSchema> =>
      this._json(['notebooks', 'schema'], { query: { path }, signal })
  };

  readonly runs = {
    list: (experiment?: string | null, limit = 50, signal?: AbortSignal): Promise<Page<Run>> =>
      this._json(['runs'], { query: { experiment, limit }, signal }),
    get: (id: string, signal?: AbortSignal): Promise<RunDetail> => this._json(['runs', id], { signal }),
    experiments: (signal?: AbortSignal): Promise<Page<Experiment>> =>
      this._json(['experiments'], { query: { limit: 100 }, signal }),
    models: (signal?: AbortSignal): Promise<Page<RegisteredModel>> =>
      this._json(['models'], { query: { limit: 50 }, signal })
  };

  readonly deployments = {
    list: (limit = 50, signal?: AbortSignal): Promise<Page<Deployment>> =>
      this._json(['deployments'], { query: { limit }, signal }),
    get: (name: string, signal?: AbortSignal): Promise<Deployment> => this._json(['deployments', name], { signal }),
    create: (spec: DeploymentSpec, idempotencyKey: string = UUID.uuid4()): Promise<Deployment> =>
      this._json(['deployments'], { method: 'POST', body: spec, headers: { 'Idempotency-Key': idempotencyKey } }),
    remove: (name: string): Promise<void> => this._none(['deployments', name], { method: 'DELETE' }),
    predict: async (name: string, body: JSONValue, signal?: AbortSignal): Promise<Prediction> => {
      const begin = performance.now();
      const answer = await this._json<JSONValue>(['deployments', name, 'predict'], { method: 'POST', body, signal });
      return { body: answer, milliseconds: performance.now() - begin };
    }
  };

  readonly features = {
    list: (signal?: AbortSignal): Promise<Page<FeatureView>> =>
      this._json(['features', 'views'], { query: { limit: 50 }, signal })
  };

  readonly drift = {
    check: (spec: DriftCheckSpec, signal?: AbortSignal): Promise<DriftReport> =>
      this._json(['drift', 'check'], { method: 'POST', body: spec, signal })
  };

  readonly gpus = {
    list: (signal?: AbortSignal): Promise<GPUs> => this._json(['gpus'], { signal }),
    leases: (signal?: AbortSignal): Promise<Page<Lease>> => this._json(['leases'], { query: { limit: 50 }, signal })
  };

  private async _json<T>(path: string[], request: IRequest): Promise<T> {
    const response = await this._send(path, request);
    try {
      // The one place where wire data takes a type: the server's own models say that it holds.
      return (await response.json()) as T;
    } catch {
      throw new ApiError('The server sent something that is not JSON.', response.status, 'not_json', '', {});
    }
  }

  private async _none(path: string[], request: IRequest): Promise<void> {
    await this._send(path, request);
  }

  private async _send(path: string[], request: IRequest): Promise<Response> {
    const query = Object.entries(request.query ?? {})
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
      .join('&');
    const timeout = AbortSignal.timeout(TIMEOUT);
    const init: RequestInit = {
      method: request.method ?? 'GET',
      signal: request.signal ? AbortSignal.any([request.signal, timeout]) : timeout
    };
    if (request.headers) {
      init.headers = { ...request.headers };
    }
    if (request.body !== undefined) {
      init.body = JSON.stringify(request.body);
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(this.url(...path) + (query && `?${query}`), init, this.settings);
    } catch (error) {
      if (request.signal?.aborted) {
        throw error;
      }
      throw timeout.aborted
        ? new ApiError('The server did not answer within a minute.', 0, 'timeout', 'Try again.', {})
        : new ApiError('The Jupyter server cannot be reached.', 0, 'offline', 'Is it still running?', {});
    }
    if (!response.ok) {
      throw await toApiError(response);
    }
    return response;
  }
}

/** On disk a text may be a list of its lines; whoever draws it wants one string. */
function joinLines(notebook: nbformat.INotebookContent): nbformat.INotebookContent {
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

/** Reads `{message, reason, hint, fields}`; an answer without it did not come from our handlers. */
async function toApiError(response: Response): Promise<ApiError> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // An HTML error page, as of a proxy: the status is all there is.
  }
  const known = isRecord(body) && 'hint' in body ? body : null;
  if (known === null) {
    const message = response.status === 403 ? 'The server refused the request.' : `The server answered ${response.status}.`;
    const reason = response.status === 404 ? 'no_route' : 'http';
    return new ApiError(message, response.status, reason, '', {});
  }
  const fields: Record<string, string> = {};
  if (isRecord(known.fields)) {
    for (const [name, value] of Object.entries(known.fields)) {
      fields[name] = String(value);
    }
  }
  return new ApiError(text(known.message), response.status, text(known.reason), text(known.hint), fields);
}
