/** The name of a run, edited where it stands. */

import * as React from 'react';
import type { RunDetail } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { editIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { NameField } from '../runs/name-field';
import { problemOf, useEditing } from './editing';

/** Letters of a title. */
const LONGEST = 300;

export function Title({ run }: { readonly run: RunDetail }): JSX.Element {
  const trans = useTrans();
  const { send, error } = useEditing(run.id);
  const [edited, setEdited] = React.useState(false);
  const whole = React.useRef<HTMLSpanElement>(null);
  const back = React.useRef(false);
  React.useEffect(() => {
    if (!edited && back.current) {
      back.current = false;
      whole.current?.querySelector('button')?.focus();
    }
  }, [edited]);
  return (
    <span
      ref={whole}
      className="jp-mlplat-runTitle"
      onKeyDown={event => {
        if (event.key === 'F2') {
          event.preventDefault();
          setEdited(true);
        }
      }}
    >
      {edited ? (
        <NameField
          name={run.name}
          done={name => {
            back.current = true;
            setEdited(false);
            if (name !== null) {
              void send({ name });
            }
          }}
        />
      ) : (
        <>
          <h1 title={run.name.length > LONGEST ? run.name.slice(0, 1000) : undefined}>
            <bdi>{run.name.slice(0, LONGEST)}</bdi>
          </h1>
          {!run.archived && (
            <IconButton
              icon={editIcon}
              label={trans.__('Give it another name (F2)')}
              onClick={() => {
                setEdited(true);
              }}
            />
          )}
        </>
      )}
      {error && <ErrorBox error={problemOf(error)} />}
    </span>
  );
}
