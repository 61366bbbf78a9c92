/** Pipelines, live as long as somebody looks: their nodes move with their jobs. */

import type { Api } from '../api';
import { Resource } from '../resource';
import type { Page, Pipeline } from '../types';
import type { Watching } from '../watching';

/** A key that no job has: such a resource follows the jobs only while it shows something of them. */
const NO_JOB = '';

/** So many running ones are listed with their nodes. */
const WHOLE = 10;

function runs(pipeline: Pipeline): boolean {
  return pipeline.state === 'running';
}

/** A pipeline with its nodes, live until disposed. */
export function watchPipeline(api: Api, watching: Watching, id: string): Resource<Pipeline> {
  const pipeline = new Resource<Pipeline>(signal => api.pipelines.get(id, signal));
  watching.add(['pipelines'], id, pipeline);
  return watching.add(['jobs'], NO_JOB, pipeline, data => data !== null && runs(data));
}

/** The newest pipelines; of those that run also the nodes, which a list of the server leaves out. */
export async function listPipelines(api: Api, limit: number, signal: AbortSignal): Promise<Page<Pipeline>> {
  const page = await api.pipelines.list(limit, signal);
  const wanted = page.items.filter(runs).slice(0, WHOLE);
  const whole = await Promise.all(wanted.map(each => api.pipelines.get(each.id, signal)));
  const known = new Map(whole.map(each => [each.id, each]));
  return { ...page, items: page.items.map(each => known.get(each.id) ?? each) };
}

/** Lets a list of pipelines follow them and, while one runs, their jobs. */
export function watchPipelines(watching: Watching, pipelines: Resource<Page<Pipeline>>): Resource<Page<Pipeline>> {
  watching.add(['pipelines'], null, pipelines);
  return watching.add(['jobs'], NO_JOB, pipelines, data => data?.items.some(runs) ?? false);
}
