/** A name that is edited where it stands: Enter keeps it, Escape gives it up, going elsewhere keeps it. */

import * as React from 'react';
import { useTrans } from '../../widgets/trans';

/** Letters that a name may have. */
const LONGEST = 250;

export function NameField(props: { readonly name: string; readonly done: (name: string | null) => void }): JSX.Element {
  const trans = useTrans();
  const [name, setName] = React.useState(props.name);
  const over = React.useRef(false);
  const end = (result: string | null): void => {
    if (!over.current) {
      over.current = true;
      props.done(result === null || result.trim() === '' || result === props.name ? null : result.trim());
    }
  };
  return (
    <input
      className="jp-mlplat-nameField"
      value={name}
      maxLength={Math.max(LONGEST, props.name.length)}
      autoFocus
      dir="auto"
      aria-label={trans.__('New name of the run')}
      onFocus={event => {
        event.target.select();
      }}
      onChange={event => {
        setName(event.target.value);
      }}
      onBlur={() => {
        end(name);
      }}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === 'Escape') {
          event.preventDefault();
          event.stopPropagation();
          end(event.key === 'Enter' ? name : null);
        }
      }}
    />
  );
}
