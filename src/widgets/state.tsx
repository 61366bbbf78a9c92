/** What every state looks like: an icon, a word and a colour, the same everywhere. */

import type { LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { CellState, DeploymentState, JobState, NoticeState, OccurrenceState, PipelineState, PointState, ScheduleState, SweepState } from '../types';
import { stateIcons } from './icons';
import { useTrans } from './trans';

/** MLflow's words for the state of a run. */
export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';
/** A node of a pipeline that waits for others has no job yet. */
export type NodeState = JobState | 'waiting';
export type AnyState =
  | NodeState
  | CellState
  | DeploymentState
  | ScheduleState
  | OccurrenceState
  | SweepState
  | PointState
  | PipelineState
  | NoticeState
  | RunStatus;

export type Tone = 'quiet' | 'brand' | 'success' | 'error' | 'warn';

interface ILook {
  readonly icon: LabIcon;
  readonly tone: Tone;
  readonly word: (trans: TranslationBundle) => string;
}

const LOOKS: Readonly<Record<AnyState, ILook>> = {
  queued: { icon: stateIcons.queued, tone: 'quiet', word: t => t.__('Queued') },
  waiting: { icon: stateIcons.queued, tone: 'quiet', word: t => t.__('Waiting') },
  pending: { icon: stateIcons.queued, tone: 'quiet', word: t => t.__('Pending') },
  sent: { icon: stateIcons.succeeded, tone: 'success', word: t => t.__('Sent') },
  starting: { icon: stateIcons.running, tone: 'brand', word: t => t.__('Starting') },
  running: { icon: stateIcons.running, tone: 'brand', word: t => t.__('Running') },
  succeeded: { icon: stateIcons.succeeded, tone: 'success', word: t => t.__('Succeeded') },
  failed: { icon: stateIcons.failed, tone: 'error', word: t => t.__('Failed') },
  lost: { icon: stateIcons.lost, tone: 'error', word: t => t.__('Lost') },
  cancelled: { icon: stateIcons.cancelled, tone: 'quiet', word: t => t.__('Cancelled') },
  skipped: { icon: stateIcons.cancelled, tone: 'quiet', word: t => t.__('Skipped') },
  pruned: { icon: stateIcons.stopped, tone: 'quiet', word: t => t.__('Pruned') },
  partial: { icon: stateIcons.warning, tone: 'warn', word: t => t.__('Partly succeeded') },
  not_run: { icon: stateIcons.queued, tone: 'quiet', word: t => t.__('Not run') },
  ok: { icon: stateIcons.succeeded, tone: 'success', word: t => t.__('OK') },
  error: { icon: stateIcons.failed, tone: 'error', word: t => t.__('Error') },
  timeout: { icon: stateIcons.lost, tone: 'error', word: t => t.__('Timed out') },
  kernel_died: { icon: stateIcons.lost, tone: 'error', word: t => t.__('Kernel died') },
  ready: { icon: stateIcons.ready, tone: 'success', word: t => t.__('Ready') },
  degraded: { icon: stateIcons.warning, tone: 'warn', word: t => t.__('Degraded') },
  stopped: { icon: stateIcons.stopped, tone: 'quiet', word: t => t.__('Stopped') },
  active: { icon: stateIcons.ready, tone: 'success', word: t => t.__('Active') },
  paused: { icon: stateIcons.paused, tone: 'warn', word: t => t.__('Paused') },
  ended: { icon: stateIcons.stopped, tone: 'quiet', word: t => t.__('Ended') },
  ran: { icon: stateIcons.succeeded, tone: 'success', word: t => t.__('Ran') },
  caught_up: { icon: stateIcons.caughtUp, tone: 'brand', word: t => t.__('Caught up') },
  missed: { icon: stateIcons.missed, tone: 'error', word: t => t.__('Missed') },
  RUNNING: { icon: stateIcons.running, tone: 'brand', word: t => t.__('Running') },
  SCHEDULED: { icon: stateIcons.queued, tone: 'quiet', word: t => t.__('Scheduled') },
  FINISHED: { icon: stateIcons.succeeded, tone: 'success', word: t => t.__('Finished') },
  FAILED: { icon: stateIcons.failed, tone: 'error', word: t => t.__('Failed') },
  KILLED: { icon: stateIcons.cancelled, tone: 'quiet', word: t => t.__('Killed') }
};

const MOVING: ReadonlySet<AnyState> = new Set<AnyState>(['starting', 'running', 'RUNNING']);

/** True for a word that has a look; MLflow may learn new ones. */
export function isState(value: string): value is AnyState {
  return value in LOOKS;
}

/** The word of a state. */
export function stateWord(state: AnyState, trans: TranslationBundle): string {
  return LOOKS[state].word(trans);
}

/** Colour class of a state, for strips and bars that carry their word elsewhere. */
export function stateTone(state: AnyState): Tone {
  return LOOKS[state].tone;
}

/** The icon of a state; its word is next to it or given as `label`. */
export function StateIcon(props: { readonly state: AnyState; readonly label?: string }): JSX.Element {
  const look = LOOKS[props.state];
  const moving = MOVING.has(props.state) ? ' jp-mod-moving' : '';
  return (
    <span
      className={`jp-mlplat-stateIcon${moving}`}
      data-tone={look.tone}
      {...(props.label ? { role: 'img', 'aria-label': props.label, title: props.label } : { 'aria-hidden': true })}
    >
      <look.icon.react tag={null} />
    </span>
  );
}

/** Icon and word. */
export function StateBadge(props: { readonly state: AnyState; readonly word?: string }): JSX.Element {
  const trans = useTrans();
  return (
    <span className="jp-mlplat-state" data-tone={stateTone(props.state)} data-state={props.state}>
      <StateIcon state={props.state} />
      <span>{props.word ?? stateWord(props.state, trans)}</span>
    </span>
  );
}
