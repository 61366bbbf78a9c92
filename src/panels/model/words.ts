/** What the parts of a model are called. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { AliasRequest, RegisteredModel } from '../../types';
import type { AnyState } from '../../widgets/state';

/** Requests that nobody has decided yet. */
export function openRequests(model: RegisteredModel): ReadonlyArray<AliasRequest> {
  return model.requests.filter(request => request.state === 'open');
}

/** What became of a request. */
export function requestWord(request: AliasRequest, trans: TranslationBundle): string {
  switch (request.state) {
    case 'open':
      return trans.__('Open');
    case 'approved':
      return trans.__('Approved');
    case 'rejected':
      return trans.__('Rejected');
    case 'withdrawn':
      return trans.__('Withdrawn');
    case 'stale':
      return trans.__('Overtaken');
  }
}

/** What a request asks for, in one line. */
export function wishOf(request: AliasRequest, trans: TranslationBundle): string {
  const { kind, alias, version, before } = request;
  if (kind === 'protection') {
    return trans.__('Have %1 no longer protected', alias);
  }
  if (version === null) {
    return trans.__('Delete %1, which stands for version %2', alias, before ?? '–');
  }
  return before === null
    ? trans.__('Have %1 stand for version %2', alias, version)
    : trans.__('Have %1 stand for version %2 instead of %3', alias, version, before);
}

/** MLflow's words for the state of a version. */
export function versionState(status: string): AnyState {
  switch (status) {
    case 'PENDING_REGISTRATION':
      return 'pending';
    case 'FAILED_REGISTRATION':
      return 'failed';
    default:
      return 'ready';
  }
}

/** Letters of a title; the whole name is its tip. */
const TITLE = 160;

export function titleOf(name: string): string {
  return name.length > TITLE ? `${name.slice(0, TITLE)}…` : name;
}

/** A text as a string of Python: JSON's escapes are its, too, and letters beyond ASCII stay readable. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same version in Python, for a notebook. */
export function codeOf(uri: string): string {
  return `import mlflow

model = mlflow.pyfunc.load_model(${quoted(uri)})
model.metadata.signature
`;
}
