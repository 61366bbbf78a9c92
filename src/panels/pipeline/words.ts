/** Pipelines in words and figures: how far one is, what runs, when a node runs. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ENDED_JOB_STATES, type JobState, type Pipeline, type PipelineNodeRun, type RunIf } from '../../types';
import type { NodeState } from '../../widgets/state';

/** Where a node stands; without a job it waits for others. */
export function nodeState(node: PipelineNodeRun): NodeState {
  return node.state ?? 'waiting';
}

/** All of its nodes. */
export function allNodes(pipeline: Pipeline): number {
  return Math.max(
    pipeline.nodes.length,
    Object.values(pipeline.counts).reduce((sum, count) => sum + count, 0)
  );
}

/** So many nodes have ended, whatever their state. */
export function endedNodes(pipeline: Pipeline): number {
  return Object.entries(pipeline.counts).reduce(
    (sum, [state, count]) => sum + (ENDED_JOB_STATES.has(state as JobState) ? count : 0),
    0
  );
}

/** So many nodes of one that failed or was cancelled did not succeed: those that run again. */
export function failedNodes(pipeline: Pipeline): number {
  const rerun = pipeline.state === 'failed' || pipeline.state === 'cancelled';
  return rerun ? allNodes(pipeline) - (pipeline.counts.succeeded ?? 0) : 0;
}

/** "3 of 5 nodes · train running"; of one that failed how many nodes succeeded. */
export function progressWords(pipeline: Pipeline, trans: TranslationBundle): string {
  const done = trans.__('%1 of %2 nodes', endedNodes(pipeline), allNodes(pipeline));
  if (pipeline.state === 'failed' || pipeline.state === 'cancelled') {
    return trans.__('%1 of %2 nodes succeeded', pipeline.counts.succeeded ?? 0, allNodes(pipeline));
  }
  const runs = pipeline.nodes.filter(node => node.state === 'running' || node.state === 'starting').map(node => node.name);
  if (runs.length === 0 || pipeline.state !== 'running') {
    return done;
  }
  const more = runs.length > 2 ? trans.__('%1 and %2 more', runs[0], runs.length - 1) : runs.join(', ');
  return trans.__('%1 · %2 running', done, more);
}

/** When a node runs; empty for the rule that holds unless it says otherwise. */
export function runIfWords(rule: RunIf, trans: TranslationBundle): string {
  switch (rule) {
    case 'all_succeeded':
      return '';
    case 'any_succeeded':
      return trans.__('if any succeeded');
    case 'any_failed':
      return trans.__('if any failed');
    case 'all_ended':
      return trans.__('in any case');
  }
}
