/** The same job, schedule or sweep as a command of each of the other doors: the form teaches them. */

import type { JSONValue } from '@lumino/coreutils';
import type { NoticeEvent, SweepSpec } from '../../types';
import { bytesText, durationText } from '../../widgets/format';
import { isScheduleSpec, isSweepSpec, type Spec } from './values';

export const DOORS = ['CLI', 'Magic', 'Python', 'REST'] as const;
export type Door = (typeof DOORS)[number];

/** What somebody would type to submit `spec` at that door. */
export function commandText(door: Door, spec: Spec, baseUrl: string): string {
  const verb = `${nounOf(spec)} ${isScheduleSpec(spec) ? 'create' : 'run'}`;
  switch (door) {
    case 'CLI':
      return `jupyter mlplat ${verb} ${shell(spec.notebook)}${options(spec)}`;
    case 'Magic':
      return `%mlplat ${verb} ${shell(spec.notebook)}${options(spec)}`;
    case 'Python':
      return python(spec);
    case 'REST':
      return rest(spec, baseUrl);
  }
}

function nounOf(spec: Spec): 'jobs' | 'schedules' | 'sweeps' {
  return isSweepSpec(spec) ? 'sweeps' : isScheduleSpec(spec) ? 'schedules' : 'jobs';
}

/** Fields in the order in which a reader expects them; the rest of a spec are its notebook and parameters. */
const FIELDS = [
  'cron',
  'every',
  'at',
  'timezone',
  'overlap',
  'catch_up',
  'catch_up_limit',
  'max_lateness',
  'name',
  'timeout',
  'cell_timeout',
  'deadline',
  'priority',
  'retries',
  'retry_delay',
  'memory',
  'gpus',
  'gpu_type',
  'gpu_memory',
  'gpu_shared',
  'interruptible',
  'metric',
  'direction',
  'parallel'
] as const;

/** Fields that are seconds, which people write as "1h30m". */
const SECONDS: ReadonlySet<string> = new Set(['every', 'max_lateness', 'timeout', 'cell_timeout', 'deadline', 'retry_delay']);

/** Fields that are bytes, which people write as "16G". */
const BYTES: ReadonlySet<string> = new Set(['memory', 'gpu_memory']);

function given(spec: Spec): Array<[string, JSONValue]> {
  const values = spec as unknown as Readonly<Record<string, JSONValue | undefined>>;
  return FIELDS.flatMap(name => {
    const value = values[name] ?? null;
    // Only cron is read in a zone: the others are instants.
    return value === null || (name === 'timezone' && !values.cron) ? [] : [[name, value] as [string, JSONValue]];
  });
}

function options(spec: Spec): string {
  // What a sweep is given as a list it sweeps over: a list that all points share is the only one of a list.
  const whole = (value: JSONValue): JSONValue => (isSweepSpec(spec) && Array.isArray(value) ? [value] : value);
  const parameters = Object.entries(spec.parameters ?? {}).map(([name, value]) => `-p ${shell(`${name}=${plain(whole(value))}`)}`);
  const secrets = Object.entries(spec.secrets ?? {}).map(([name, reference]) => `--secret ${shell(`${name}=${reference}`)}`);
  const others = given(spec).map(([name, value]) => {
    const option = `--${name.replaceAll('_', '-')}`;
    if (value === true) {
      return option;
    }
    const text = SECONDS.has(name) ? durationText(value as number) : BYTES.has(name) ? bytesText(value as number) : plain(value);
    return `${option} ${shell(text)}`;
  });
  const off = [...(spec.resume === false ? ['--no-resume'] : []), ...(spec.autolog === false ? ['--no-autolog'] : [])];
  const told = (spec.notify ?? []).map(one => `--notify ${shell(`${one.on.map(event => eventText(event, one.after)).join(',')}=${one.to}`)}`);
  return [...parameters, ...(isSweepSpec(spec) ? spaceOptions(spec) : []), ...secrets, ...others, ...off, ...told].map(part => ` ${part}`).join('');
}

/** "failure", or "too_long:2h". */
function eventText(event: NoticeEvent, after: number | null): string {
  return event === 'too_long' && after !== null ? `${event}:${durationText(after)}` : event;
}

function spaceOptions(spec: SweepSpec): string[] {
  const space = Object.entries(spec.space ?? {}).map(([name, values]) =>
    'low' in values
      ? `--range ${shell(`${name}=${values.low}:${values.high}${values.log ? ':log' : ''}`)}`
      : `-p ${shell(`${name}=${JSON.stringify(values)}`)}`
  );
  return spec.strategy && spec.strategy !== 'grid' ? [...space, `--${spec.strategy} ${spec.trials ?? 'N'}`] : space;
}

function plain(value: JSONValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A word as a POSIX shell reads it back. */
function shell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function literal(value: JSONValue): string {
  if (value === null) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return `[${value.map(literal).join(', ')}]`;
  }
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([name, each]) => `${JSON.stringify(name)}: ${literal(each ?? null)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}

function python(spec: Spec): string {
  const lines = [`    ${JSON.stringify(spec.notebook)},`];
  const mapping = (name: 'space' | 'parameters' | 'secrets', value: unknown): void => {
    if (value && Object.keys(value).length > 0) {
      lines.push(`    ${name}=${literal(value as JSONValue)},`);
    }
  };
  if (isSweepSpec(spec)) {
    mapping('space', spec.space);
  }
  mapping('parameters', spec.parameters);
  if (isSweepSpec(spec) && spec.strategy) {
    lines.push(`    strategy=${literal(spec.strategy)},`, `    trials=${literal(spec.trials ?? null)},`);
  }
  mapping('secrets', spec.secrets);
  lines.push(...given(spec).map(([name, value]) => `    ${name}=${literal(value)},`));
  if (spec.resume === false) {
    lines.push('    resume=False,');
  }
  if (spec.autolog === false) {
    lines.push('    autolog=False,');
  }
  if (spec.notify && spec.notify.length > 0) {
    const told = spec.notify.map(({ to, on, after }) => ({ to, on: [...on], ...(after === null ? {} : { after }) }));
    lines.push(`    notify=${literal(told)},`);
  }
  const noun = nounOf(spec);
  const call = `${noun.slice(0, -1)} = mlplat.${noun}.${noun === 'schedules' ? 'create' : 'run'}`;
  return `import jupyter_mlplat as mlplat\n\n${call}(\n${lines.join('\n')}\n)${noun === 'jobs' ? '\njob.wait()' : ''}`;
}

function rest(spec: Spec, baseUrl: string): string {
  const body = JSON.stringify(spec, null, 1);
  return [
    `curl -X POST ${shell(`${baseUrl}mlplat/api/v1/${nounOf(spec)}`)} \\`,
    `  -H "Authorization: token $JUPYTER_TOKEN" -H 'Content-Type: application/json' \\`,
    `  -d ${shell(body)}`
  ].join('\n');
}
