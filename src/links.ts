/**
 * Links to our views: what `?mlplat=` in the address of JupyterLab says, and which command opens it.
 *
 * It is a small address of its own: each part is percent-encoded, and then the whole once more.
 *
 *     runs/<id>   runs/compare/<id>,<id>   runs?experiment=…&filter=…&order=…&archived=true&group=…
 *     jobs/<id>   jobs?list=…&states=…&mine=true&name=…&schedule=…&sweep=…&pipeline=…
 *     sweeps/<id>   pipelines/<id>   schedules   schedules/<id>
 *     models/<name>   models/<name>/<version>?page=…&against=…   deployments/<name>
 *
 * Whoever made a link is not trusted: it names one of these places, never a command.
 * A space is never a "+" in it: on the way through a hub and JupyterLab one would become the other.
 */

import type { JSONObject, JSONValue, ReadonlyJSONObject } from '@lumino/coreutils';
import { CommandIDs } from './tokens';

/** What opens a view: after a reload, and from a link. */
export interface IIdentity {
  readonly command: string;
  readonly args: ReadonlyJSONObject;
}

/** Our parameter in the address of JupyterLab. */
const PARAMETER = 'mlplat';

/** Letters of a link: servers and proxies take addresses of some 8,000. */
export const LONGEST_LINK = 4000;

/** An argument of a command, as texts in a link. */
interface IField {
  readonly name: string;
  /** Empty where it says nothing that is not so anyway. */
  readonly write: (value: unknown) => ReadonlyArray<string>;
  /** What the texts say of it; undefined where that cannot be. */
  readonly read: (texts: ReadonlyArray<string>) => JSONValue | undefined;
}

interface IPlace {
  readonly command: string;
  /** What its links begin with. */
  readonly root: string;
  /** What follows behind slashes. */
  readonly path: ReadonlyArray<IField>;
  /** The last one of them may be missing. */
  readonly optional?: boolean;
  readonly query?: ReadonlyArray<IField>;
}

const ANY = /^/;
const ID = /^[\w-]+$/;

/** A name may have any letters; these two would be steps in a path. */
const NAME = /^(?!\.{1,2}$)./s;

/** One text that `fits`, null for none; the `usual` one is not written. */
function text(name: string, fits = ANY, usual = ''): IField {
  return {
    name,
    write: value => (typeof value === 'string' && value !== '' && value !== usual ? [value] : []),
    read: ([first, ...more]) => (first === undefined ? null : fits.test(first) && more.length === 0 ? first : undefined)
  };
}

/** Any number of texts that fit. */
function texts(name: string, fits = ANY): IField {
  return {
    name,
    write: value => (Array.isArray(value) ? value.map(String) : []),
    read: all => (all.every(each => fits.test(each)) ? [...all] : undefined)
  };
}

function flag(name: string): IField {
  return { name, write: value => (value === true ? ['true'] : []), read: ([first]) => first === 'true' };
}

const id = text('id', ID);
const name = text('name', NAME);

const PLACES: ReadonlyArray<IPlace> = [
  {
    command: CommandIDs.openJobs,
    root: 'jobs',
    path: [],
    query: [text('list', ANY, 'jobs'), text('states'), flag('mine'), text('name'), text('schedule'), text('sweep'), text('pipeline')]
  },
  { command: CommandIDs.openJob, root: 'jobs', path: [id] },
  { command: CommandIDs.openSchedules, root: 'schedules', path: [id], optional: true },
  { command: CommandIDs.openSweep, root: 'sweeps', path: [id] },
  { command: CommandIDs.openPipeline, root: 'pipelines', path: [id] },
  {
    command: CommandIDs.openRuns,
    root: 'runs',
    path: [],
    query: [text('experiment'), text('filter'), texts('order'), flag('archived'), text('group')]
  },
  { command: CommandIDs.compareRuns, root: 'runs/compare', path: [texts('ids', ID)] },
  { command: CommandIDs.openRun, root: 'runs', path: [id] },
  {
    command: CommandIDs.openModel,
    root: 'models',
    path: [name, text('version', ID)],
    optional: true,
    query: [text('page', ANY, 'overview'), text('against', ID)]
  },
  { command: CommandIDs.openDeployment, root: 'deployments', path: [name] }
];

/** As `encodeURIComponent`; besides, what programs take for the end of a link, and halves of letters, which it refuses. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')).replace(/[!'()*]/g, sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The link of a view, like "runs/<id>"; null where it has none. */
export function linkOf({ command, args }: IIdentity): string | null {
  const place = PLACES.find(each => each.command === command);
  if (place === undefined) {
    return null;
  }
  const parts = place.path.map(field => field.write(args[field.name]).map(encode).join(',')).filter(Boolean);
  const query = (place.query ?? []).flatMap(field => field.write(args[field.name]).map(value => `${field.name}=${encode(value)}`));
  return parts.length < least(place) ? null : [place.root, ...parts].join('/') + (query.length > 0 ? `?${query.join('&')}` : '');
}

/** How many parts a path has at least. */
function least({ path, optional }: IPlace): number {
  return path.length - (optional ? 1 : 0);
}

/** What opens the view that a link names, with every argument that links have of it; null where it names none. */
export function parse(link: string): IIdentity | null {
  const [path, ...rest] = link.split('?');
  const query = new URLSearchParams(rest.join('?'));
  for (const place of link.length > LONGEST_LINK ? [] : PLACES) {
    const parts = path.startsWith(`${place.root}/`) ? path.slice(place.root.length + 1).split('/') : [];
    if ((parts.length > 0 || path === place.root) && parts.length >= least(place) && parts.length <= place.path.length) {
      return argsOf(place, parts, query);
    }
  }
  return null;
}

function argsOf(place: IPlace, parts: ReadonlyArray<string>, query: URLSearchParams): IIdentity | null {
  const args: JSONObject = {};
  const take = (field: IField, said: ReadonlyArray<string>): boolean => {
    const value = field.read(said);
    args[field.name] = value ?? null;
    return value !== undefined;
  };
  try {
    const fits =
      place.path.every((field, index) => take(field, (parts.at(index)?.split(',') ?? []).map(decodeURIComponent))) &&
      (place.query ?? []).every(field => take(field, query.getAll(field.name).filter(Boolean)));
    return fits ? { command: place.command, args } : null;
  } catch {
    // A percent sign with nothing that it could stand for.
    return null;
  }
}

/** The link in the query of an address; null where there is none. */
export function linkIn(search: string): string | null {
  return new URLSearchParams(search).get(PARAMETER);
}

/** The query of an address that has this link. */
export function searchOf(link: string): string {
  return `?${PARAMETER}=${encode(link).replace(/%2F/g, '/').replace(/%2C/g, ',')}`;
}

/** The query of an address without its link; the rest is as it was. */
export function without(search: string): string {
  const rest = search.replace(/^\?/, '').split('&').filter(each => each !== '' && linkIn(each) === null);
  return rest.length > 0 ? `?${rest.join('&')}` : '';
}
