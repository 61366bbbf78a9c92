/** Choosing what is drawn, and saying what the colours mean. */

import * as React from 'react';
import { rampOf, useInk } from '../theme';

export interface IChoice {
  readonly id: string;
  readonly title: string;
}

export function Choose(props: {
  readonly label: string;
  readonly choices: ReadonlyArray<IChoice>;
  readonly chosen: string;
  readonly choose: (id: string) => void;
}): JSX.Element {
  return (
    <label className="jp-mlplat-labelled">
      {props.label}
      <select
        value={props.chosen}
        onChange={event => {
          props.choose(event.target.value);
        }}
      >
        {props.choices.map(choice => (
          <option key={choice.id} value={choice.id}>
            {choice.title.slice(0, 80)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A switch with its words. */
export function Switch(props: { readonly label: string; readonly on: boolean; readonly turn: (on: boolean) => void }): JSX.Element {
  return (
    <label className="jp-mlplat-tick">
      <input
        type="checkbox"
        role="switch"
        checked={props.on}
        onChange={event => {
          props.turn(event.target.checked);
        }}
      />
      {props.label}
    </label>
  );
}

/** From the least to the most of what gives the colour. */
export function Ramp({ title, ends }: { readonly title: string; readonly ends: readonly [string, string] }): JSX.Element {
  const ink = useInk();
  const stops = [0, 0.25, 0.5, 0.75, 1].map(share => rampOf(share, ink)).join(', ');
  return (
    <span className="jp-mlplat-rampLegend">
      <bdi>{title.slice(0, 40)}</bdi> {ends[0]} <i style={{ background: `linear-gradient(90deg, ${stops})` }} aria-hidden /> {ends[1]}
    </span>
  );
}
