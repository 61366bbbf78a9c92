/** What trials look like, and what is said of them: the same in all pictures of a study. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Sweep } from '../../types';
import { HOLLOW, PATHS, type Shape } from '../../widgets/charts/marks';
import { number } from '../../widgets/format';
import { stateWord } from '../../widgets/state';
import { type IInk, useInk } from '../../widgets/theme';
import { useTrans } from '../../widgets/trans';
import { pointWords } from '../sweep/words';
import type { ITrial } from './trials';

/** Kinds of trials that look alike. */
const KINDS = ['best', 'value', 'infeasible', 'pruned', 'failed', 'open'] as const;
type Kind = (typeof KINDS)[number];

const SHAPES: Readonly<Record<Kind, Shape>> = { best: 'star', value: 'dot', infeasible: 'square', pruned: 'triangle', failed: 'cross', open: 'ring' };

function kindOf(trial: ITrial): Kind {
  switch (trial.state) {
    case 'succeeded':
      return trial.best ? 'best' : trial.infeasible ? 'infeasible' : 'value';
    case 'pruned':
      return 'pruned';
    case 'queued':
    case 'starting':
    case 'running':
      return 'open';
    default:
      return 'failed';
  }
}

function colourOf(kind: Kind, ink: IInk): string {
  return kind === 'failed' ? ink.error : kind === 'best' ? ink.success : kind === 'value' ? ink.brand : ink.faint;
}

/** Shape and colour of a trial; `tint` is the colour of those that have a value of full worth. */
export function lookOf(trial: ITrial, ink: IInk, tint?: string): { readonly shape: Shape; readonly colour: string } {
  const kind = kindOf(trial);
  return { shape: SHAPES[kind], colour: (kind === 'value' || kind === 'best') && tint !== undefined ? tint : colourOf(kind, ink) };
}

/** What became of a trial, in words. */
export function stateWords(trial: ITrial, trans: TranslationBundle): string {
  const state = trial.prunedAt === null ? stateWord(trial.state, trans) : trans.__('Pruned at step %1', trial.prunedAt);
  const more = trial.best ? trans.__('the best') : trial.infeasible ? trans.__('breaks a constraint') : '';
  return [state, more].filter(Boolean).join(', ');
}

/** Number, state, values and parameters of a trial. */
export function TrialTip({ sweep, trial }: { readonly sweep: Sweep; readonly trial: ITrial }): JSX.Element {
  const trans = useTrans();
  return (
    <>
      <b>{trans.__('Trial %1', trial.number)}</b>
      <span>{stateWords(trial, trans)}</span>
      {sweep.objectives.map((objective, at) => (
        <span key={objective.metric}>
          <bdi>{objective.metric.slice(0, 40)}</bdi> <b>{number(trial.values[at] ?? null)}</b>
        </span>
      ))}
      <span>{pointWords(trial.params)}</span>
    </>
  );
}

/** What the marks of some trials mean. */
export function MarkLegend(props: { readonly trials: ReadonlyArray<ITrial>; readonly several: boolean; readonly tinted?: boolean; readonly line?: boolean }): JSX.Element {
  const trans = useTrans();
  const ink = useInk();
  const words: Readonly<Record<Kind, string>> = {
    best: props.several ? trans.__('on the front') : trans.__('the best'),
    value: trans.__('succeeded'),
    infeasible: trans.__('breaks a constraint'),
    pruned: trans.__('pruned, at what it reported last (far ones at the edge)'),
    failed: trans.__('failed or cancelled, no value'),
    open: trans.__('not ended yet')
  };
  const there = new Set(props.trials.map(kindOf));
  return (
    <ul className="jp-mlplat-legend" aria-label={trans.__('What the marks mean')}>
      {KINDS.filter(kind => there.has(kind)).map(kind => {
        const shape = SHAPES[kind];
        const colour = props.tinted && (kind === 'value' || kind === 'best') ? ink.text : colourOf(kind, ink);
        return (
          <li key={kind}>
            <svg width="14" height="14" viewBox="-11 -11 22 22" aria-hidden>
              <path d={PATHS[shape]} {...(HOLLOW.has(shape) ? { fill: 'none', stroke: colour, strokeWidth: 2.5 } : { fill: colour })} />
            </svg>{' '}
            {words[kind]}
          </li>
        );
      })}
      {props.line && <li data-line="step">{trans.__('the best so far')}</li>}
    </ul>
  );
}
