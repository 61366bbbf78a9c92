/** Filters that are on or off, side by side. */

import * as React from 'react';

export interface IChip {
  readonly id: string;
  readonly label: string;
  readonly icon?: React.ReactNode;
}

/** Chips of which any number is pressed. */
export function Chips(props: {
  readonly label: string;
  readonly chips: ReadonlyArray<IChip>;
  readonly pressed: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
}): JSX.Element {
  return (
    <div className="jp-mlplat-filterChips" role="group" aria-label={props.label}>
      {props.chips.map(chip => (
        <button
          key={chip.id}
          type="button"
          aria-pressed={props.pressed.has(chip.id)}
          data-chip={chip.id}
          onClick={() => {
            props.toggle(chip.id);
          }}
        >
          {chip.icon}
          {chip.label}
        </button>
      ))}
    </div>
  );
}
