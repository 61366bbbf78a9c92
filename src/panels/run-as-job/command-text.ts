/** The same job or schedule as a command of each of the other doors: the form teaches them. */

import type { JSONValue } from '@lumino/coreutils';
import type { JobSpec, ScheduleSpec } from '../../types';
import { durationText } from '../../widgets/format';
import { isScheduleSpec } from './values';

export const DOORS = ['CLI', 'Magic', 'Python', 'REST'] as const;
export type Door = (typeof DOORS)[number];
type Spec = JobSpec | ScheduleSpec;

/** What somebody would type to submit `spec` at that door. */
export function commandText(door: Door, spec: Spec, baseUrl: string): string {
  const verb = isScheduleSpec(spec) ? 'schedules create' : 'jobs run';
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
  'retry_delay'
] as const;

/** Fields that are seconds, which people write as "1h30m". */
const SECONDS: ReadonlySet<string> = new Set(['every', 'max_lateness', 'timeout', 'cell_timeout', 'deadline', 'retry_delay']);

function given(spec: Spec): Array<[string, JSONValue]> {
  const values = spec as unknown as Readonly<Record<string, JSONValue | undefined>>;
  return FIELDS.flatMap(name => {
    const value = values[name] ?? null;
    // Only cron is read in a zone: the others are instants.
    return value === null || (name === 'timezone' && !values.cron) ? [] : [[name, value] as [string, JSONValue]];
  });
}

function options(spec: Spec): string {
  const parameters = Object.entries(spec.parameters ?? {}).map(([name, value]) => `-p ${shell(`${name}=${plain(value)}`)}`);
  const others = given(spec).map(([name, value]) => {
    const text = SECONDS.has(name) ? durationText(value as number) : plain(value);
    return `--${name.replaceAll('_', '-')} ${shell(text)}`;
  });
  return [...parameters, ...others].map(part => ` ${part}`).join('');
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
  const parameters = Object.entries(spec.parameters ?? {});
  const lines = [`    ${JSON.stringify(spec.notebook)},`];
  if (parameters.length > 0) {
    lines.push(`    parameters={${parameters.map(([name, value]) => `${JSON.stringify(name)}: ${literal(value)}`).join(', ')}},`);
  }
  lines.push(...given(spec).map(([name, value]) => `    ${name}=${literal(value)},`));
  const call = isScheduleSpec(spec) ? 'schedule = mlplat.schedules.create' : 'job = mlplat.jobs.run';
  return `import jupyter_mlplat as mlplat\n\n${call}(\n${lines.join('\n')}\n)${isScheduleSpec(spec) ? '' : '\njob.wait()'}`;
}

function rest(spec: Spec, baseUrl: string): string {
  const body = JSON.stringify(spec, null, 1);
  return [
    `curl -X POST ${shell(`${baseUrl}mlplat/api/v1/${isScheduleSpec(spec) ? 'schedules' : 'jobs'}`)} \\`,
    `  -H "Authorization: token $JUPYTER_TOKEN" -H 'Content-Type: application/json' \\`,
    `  -d ${shell(body)}`
  ].join('\n');
}
