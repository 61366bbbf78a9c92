/** Choosing fields, and saying what the colours mean. */

import * as React from 'react';
import { rampOf, useInk } from '../../widgets/theme';
import type { IField } from './fields';

export function FieldSelect(props: {
  readonly label: string;
  readonly fields: ReadonlyArray<IField>;
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
        {props.fields.map(field => (
          <option key={field.id} value={field.id}>
            {field.title.slice(0, 80)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** From the least to the most of what gives the colour. */
export function Ramp({ field }: { readonly field: IField }): JSX.Element {
  const ink = useInk();
  const stops = [0, 0.25, 0.5, 0.75, 1].map(share => rampOf(share, ink)).join(', ');
  return (
    <span className="jp-mlplat-rampLegend">
      <bdi>{field.title.slice(0, 40)}</bdi> {field.ends[0]} <i style={{ background: `linear-gradient(90deg, ${stops})` }} aria-hidden /> {field.ends[1]}
    </span>
  );
}
