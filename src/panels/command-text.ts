/** The same job as a command of each of the other doors: the form teaches them. */

import type { JSONValue } from '@lumino/coreutils';
import type { JobSpec } from '../types';

export const DOORS = ['CLI', 'Magic', 'Python', 'REST'] as const;
export type Door = (typeof DOORS)[number];

/** What somebody would type to submit `spec` at that door. */
export function commandText(door: Door, spec: JobSpec, baseUrl: string): string {
  switch (door) {
    case 'CLI':
      return `jupyter mlplat jobs run ${shell(spec.notebook)}${options(spec)}`;
    case 'Magic':
      return `%mlplat jobs run ${shell(spec.notebook)}${options(spec)}`;
    case 'Python':
      return python(spec);
    case 'REST':
      return rest(spec, baseUrl);
  }
}

function options(spec: JobSpec): string {
  const parts = Object.entries(spec.parameters ?? {}).map(([name, value]) => `-p ${shell(`${name}=${plain(value)}`)}`);
  if (spec.name) {
    parts.push(`--name ${shell(spec.name)}`);
  }
  if (spec.timeout) {
    parts.push(`--timeout ${spec.timeout}s`);
  }
  if (spec.cell_timeout) {
    parts.push(`--cell-timeout ${spec.cell_timeout}s`);
  }
  return parts.map(part => ` ${part}`).join('');
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

function python(spec: JobSpec): string {
  const given = Object.entries(spec.parameters ?? {});
  const lines = [`    ${JSON.stringify(spec.notebook)},`];
  if (given.length > 0) {
    lines.push(`    parameters={${given.map(([name, value]) => `${JSON.stringify(name)}: ${literal(value)}`).join(', ')}},`);
  }
  if (spec.name) {
    lines.push(`    name=${JSON.stringify(spec.name)},`);
  }
  if (spec.timeout) {
    lines.push(`    timeout=${spec.timeout},`);
  }
  if (spec.cell_timeout) {
    lines.push(`    cell_timeout=${spec.cell_timeout},`);
  }
  return `import jupyter_mlplat as mlplat\n\njob = mlplat.jobs.run(\n${lines.join('\n')}\n)\njob.wait()`;
}

function rest(spec: JobSpec, baseUrl: string): string {
  const body = JSON.stringify(spec, null, 1);
  return [
    `curl -X POST ${shell(`${baseUrl}mlplat/api/v1/jobs`)} \\`,
    `  -H "Authorization: token $JUPYTER_TOKEN" -H 'Content-Type: application/json' \\`,
    `  -d ${shell(body)}`
  ].join('\n');
}
