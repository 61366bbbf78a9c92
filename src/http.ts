/** How the server is asked: addresses, time limits, and failures in words. Knows no route. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** Where the routes live, below the server's base URL (a hub's prefix included). */
export const API_PATH = 'mlplat/api/v1';

/** Milliseconds after which a request is given up. */
const TIMEOUT = 60_000;

/** The same for a file, which the server may have to make first. */
const FILE_TIMEOUT = 180_000;

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

type Value = string | number | boolean | undefined | null;

/** A list is a name that is repeated. */
type Query = Readonly<Record<string, Value | ReadonlyArray<Value>>>;

/** One request of a route. */
export interface IRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** What a route answered, and which state of it that was. */
export interface ITagged<T> {
  readonly data: T;
  readonly etag: string;
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Sends requests; holds no state. */
export class Http {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** The address of a route. */
  url(...parts: string[]): string {
    return URLExt.join(this.settings.baseUrl, API_PATH, ...parts.map(part => encodeURIComponent(part)));
  }

  /** What a route answers. Raises `ApiError`. */
  async json<T>(path: string[], request: IRequest): Promise<T> {
    return (await this.tagged<T>(path, request)).data;
  }

  /** What a route answers, with its ETag: the `If-Match` of a change to it. Raises `ApiError`. */
  async tagged<T>(path: string[], request: IRequest): Promise<ITagged<T>> {
    const response = await this._send(path, request);
    try {
      // The one place where wire data takes a type: the server's own models say that it holds.
      return { data: (await response.json()) as T, etag: response.headers.get('ETag') ?? '' };
    } catch {
      throw new ApiError('The server sent something that is not JSON.', response.status, 'not_json', '', {});
    }
  }

  /** A file that a route answers. Raises `ApiError`. */
  async blob(path: string[], request: IRequest = {}): Promise<Blob> {
    return (await this._send(path, { timeout: FILE_TIMEOUT, ...request })).blob();
  }

  /** Asks without looking at the answer. Raises `ApiError`. */
  async none(path: string[], request: IRequest): Promise<void> {
    await this._send(path, request);
  }

  private async _send(path: string[], request: IRequest): Promise<Response> {
    const query = Object.entries(request.query ?? {})
      .flatMap(([name, value]) => (Array.isArray(value) ? (value as Value[]) : [value as Value]).map(each => [name, each] as const))
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
      .join('&');
    const timeout = AbortSignal.timeout(request.timeout ?? TIMEOUT);
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
        ? new ApiError('The server did not answer in time.', 0, 'timeout', 'Try again.', {})
        : new ApiError('The Jupyter server cannot be reached.', 0, 'offline', 'Is it still running?', {});
    }
    if (!response.ok) {
      throw await toApiError(response);
    }
    return response;
  }
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
