/** What somebody typed into the form, and what it means to the server. */

import type { JSONObject } from '@lumino/coreutils';
import type { ParametersSchema, Timing } from '../../api';
import type { CatchUp, JobSpec, Overlap, Schedule, ScheduleChange, ScheduleSpec, SweepSpec } from '../../types';
import { bytesText, durationText, parseBytes, parseDuration } from '../../widgets/format';
import { changedFrom, defaultsOf } from './parameters-form';
import { type INotifyValues, notifyOf, notifyValuesOf, wrongNotify } from './notify-values';
import { type GPUOptions, gpuOptionsOf, gpuValuesOf, type IGPUValues, NO_GPUS, wrongMemory } from './gpu-values';
import { isReference, withoutSecrets } from './secrets';
import { type ISweepValues, NO_SWEEP, sweepSpecOf } from './sweep-values';

export type Kind = 'cron' | 'every' | 'at';

/** Texts as typed: an empty one means the default. */
export interface IValues {
  readonly parameters: JSONObject;
  readonly name: string;
  readonly timeout: string;
  readonly cellTimeout: string;
  readonly deadline: string;
  readonly priority: string;
  readonly retries: string;
  readonly retryDelay: string;
  /** A retry goes on behind the last checkpoint. */
  readonly resume: boolean;
  /** Models that it trains are logged by themselves. */
  readonly autolog: boolean;
  readonly notify: ReadonlyArray<INotifyValues>;
  readonly memory: string;
  readonly gpus: IGPUValues;
  /** Parameter -> where its value is. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly sweep: ISweepValues;
  readonly scheduled: boolean;
  readonly kind: Kind;
  readonly cron: string;
  readonly timezone: string;
  readonly every: string;
  /** In the browser's own zone, as `<input type="datetime-local">` writes it. */
  readonly at: string;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly catchUpLimit: string;
  readonly maxLateness: string;
}

/** The zone in which this browser tells the time. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** What the form shows at first. */
export function firstValues(schema: ParametersSchema, scheduled: boolean): IValues {
  const tomorrow = new Date(Date.now() + 86_400_000);
  tomorrow.setHours(6, 0, 0, 0);
  return {
    parameters: defaultsOf(withoutSecrets(schema)),
    name: '',
    timeout: '',
    cellTimeout: '',
    deadline: '',
    priority: '',
    retries: '',
    retryDelay: '',
    resume: true,
    autolog: true,
    notify: [],
    memory: '',
    gpus: NO_GPUS,
    secrets: {},
    sweep: NO_SWEEP,
    scheduled,
    kind: 'cron',
    cron: '0 6 * * 1-5',
    timezone: ownZone(),
    every: '1h',
    at: localInput(tomorrow),
    overlap: 'queue',
    catchUp: 'latest',
    catchUpLimit: '',
    maxLateness: ''
  };
}

/** What the form shows of a schedule that is to be changed. */
export function valuesOf(schedule: Schedule, schema: ParametersSchema): IValues {
  const { when, options } = schedule;
  const first = firstValues(schema, true);
  return {
    ...first,
    parameters: { ...first.parameters, ...(schedule.parameters as JSONObject) },
    name: schedule.name,
    timeout: durationText(options.timeout),
    cellTimeout: durationText(options.cell_timeout),
    deadline: durationText(options.deadline),
    priority: options.priority ? String(options.priority) : '',
    retries: options.retries ? String(options.retries) : '',
    retryDelay: options.retry_delay === 30 ? '' : durationText(options.retry_delay),
    resume: options.resume,
    autolog: options.autolog,
    notify: notifyValuesOf(options.notify),
    memory: bytesText(options.memory),
    gpus: gpuValuesOf(options),
    secrets: options.secrets,
    kind: when.cron !== null ? 'cron' : when.every !== null ? 'every' : 'at',
    cron: when.cron ?? first.cron,
    timezone: when.timezone,
    every: when.every === null ? first.every : durationText(when.every),
    at: when.at === null ? first.at : localInput(new Date(when.at)),
    overlap: when.overlap,
    catchUp: when.catch_up,
    catchUpLimit: when.catch_up_limit === 100 ? '' : String(when.catch_up_limit),
    maxLateness: durationText(when.max_lateness)
  };
}

function localInput(moment: Date): string {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** Fields of the server whose text is a duration. */
const DURATIONS = {
  timeout: 'timeout',
  cell_timeout: 'cellTimeout',
  deadline: 'deadline',
  retry_delay: 'retryDelay',
  max_lateness: 'maxLateness'
} as const;

/** Fields whose text cannot be read: durations, whole numbers, sizes, references. */
export function unreadable(values: IValues): Readonly<Record<'durations' | 'numbers' | 'sizes' | 'references' | 'events', string[]>> {
  const durations = Object.entries(DURATIONS)
    .filter(([, name]) => values[name].trim() !== '' && parseDuration(values[name]) === null)
    .map(([field]) => field);
  if (values.scheduled && values.kind === 'every' && parseDuration(values.every) === null) {
    durations.push('every');
  }
  const numbers = (['priority', 'retries', 'catchUpLimit'] as const)
    .filter(name => values[name].trim() !== '' && !/^-?\d+$/.test(values[name].trim()))
    .map(name => (name === 'catchUpLimit' ? 'catch_up_limit' : name));
  const sizes = [
    ...(values.memory.trim() !== '' && parseBytes(values.memory) === null ? ['memory'] : []),
    ...(wrongMemory(values.gpus) ? ['gpu_memory'] : [])
  ];
  const references = Object.entries(givenSecrets(values)).flatMap(([name, text]) => (isReference(text) ? [] : [`secrets.${name}`]));
  const { events, times } = wrongNotify(values.notify);
  return { durations: [...durations, ...times], numbers, sizes, references, events };
}

/** The timing as typed; null while it cannot be one. */
export function timingOf(values: IValues): Timing | null {
  switch (values.kind) {
    case 'cron':
      return values.cron.trim() ? { cron: values.cron.trim(), timezone: values.timezone.trim() } : null;
    case 'every': {
      const every = parseDuration(values.every);
      return every === null ? null : { every, timezone: ownZone() };
    }
    case 'at': {
      const moment = new Date(values.at);
      return Number.isNaN(moment.getTime()) ? null : { at: moment.toISOString(), timezone: ownZone() };
    }
  }
}

function seconds(text: string): number | null {
  return text.trim() ? parseDuration(text) : null;
}

function givenSecrets(values: IValues): Record<string, string> {
  const given = Object.entries(values.secrets).map(([name, text]) => [name, text.trim()] as const);
  return Object.fromEntries(given.filter(([, text]) => text !== ''));
}

/** What can be said of a job's attempts, and of a schedule's. */
type Options = Pick<
  ScheduleChange,
  'timeout' | 'cell_timeout' | 'deadline' | 'priority' | 'retries' | 'retry_delay' | 'resume' | 'autolog' | 'notify' | 'memory' | 'secrets'
> &
  GPUOptions;

/** Everything that can be said about how its jobs run, with the defaults. */
function wholeOptions(values: IValues): Options {
  return {
    timeout: seconds(values.timeout),
    cell_timeout: seconds(values.cellTimeout),
    deadline: seconds(values.deadline),
    priority: Number(values.priority || 0),
    retries: Number(values.retries || 0),
    retry_delay: seconds(values.retryDelay) ?? 30,
    resume: values.resume,
    autolog: values.autolog,
    notify: notifyOf(values.notify),
    memory: values.memory.trim() ? parseBytes(values.memory) : null,
    ...gpuOptionsOf(values.gpus),
    secrets: givenSecrets(values)
  };
}

function wholePolicies(values: IValues): Pick<ScheduleChange, 'overlap' | 'catch_up' | 'catch_up_limit' | 'max_lateness'> {
  return {
    overlap: values.overlap,
    catch_up: values.catchUp,
    catch_up_limit: Number(values.catchUpLimit || 100),
    max_lateness: seconds(values.maxLateness)
  };
}

/** The parts of `after` that differ from `before`. */
function differing<T extends object>(before: T, after: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof T]))
  ) as Partial<T>;
}

/** What is asked for: only what was given, so that the notebook's own settings hold for the rest. */
export function specOf(path: string, schema: ParametersSchema, values: IValues): Spec {
  const plain = firstValues(schema, values.scheduled);
  const parameters = changedFrom(withoutSecrets(schema), values.parameters);
  const job: JobSpec = {
    notebook: path,
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    ...(values.name.trim() ? { name: values.name.trim() } : {}),
    ...differing(wholeOptions(plain), wholeOptions(values))
  };
  if (!values.scheduled && sweeps(values)) {
    return sweepSpecOf(job, schema, values.sweep);
  }
  return values.scheduled
    ? { ...job, ...(timingOf(values) ?? { [values.kind]: null }), ...differing(wholePolicies(plain), wholePolicies(values)) }
    : job;
}

/** What differs from the schedule as it was. */
export function changeOf(schema: ParametersSchema, before: IValues, after: IValues): Partial<ScheduleChange> {
  const name = after.name.trim();
  const was = changedFrom(withoutSecrets(schema), before.parameters);
  const is = changedFrom(withoutSecrets(schema), after.parameters);
  const timing = timingOf(after);
  return {
    ...(name && name !== before.name ? { name } : {}),
    ...(JSON.stringify(was) !== JSON.stringify(is) ? { parameters: is } : {}),
    ...(timing && JSON.stringify(timing) !== JSON.stringify(timingOf(before)) ? timing : {}),
    ...differing(wholeOptions(before), wholeOptions(after)),
    ...differing(wholePolicies(before), wholePolicies(after))
  };
}

/** What a form can ask for. */
export type Spec = JobSpec | ScheduleSpec | SweepSpec;

/** True where some parameter has several values. */
export function sweeps(values: IValues): boolean {
  return Object.keys(values.sweep.over).length > 0;
}

/** True for what is asked of a sweep. */
export function isSweepSpec(spec: Spec): spec is SweepSpec {
  return 'space' in spec;
}

/** True for what is asked of a schedule. */
export function isScheduleSpec(spec: Spec): spec is ScheduleSpec {
  return 'cron' in spec || 'every' in spec || 'at' in spec;
}
