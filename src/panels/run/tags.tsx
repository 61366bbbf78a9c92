/** The tags of a run: added, changed and taken away where they stand. */

import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { RunDetail } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { editIcon } from '../../widgets/icons';
import { IconButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { Cut, tip } from '../runs/cells';
import { isSystem } from '../runs/columns';
import { problemOf, useEditing } from './editing';

export function Tags({ run }: { readonly run: RunDetail }): JSX.Element {
  const trans = useTrans();
  const { send, busy, error } = useEditing(run.id);
  const [key, setKey] = React.useState('');
  const [value, setValue] = React.useState('');
  const tags = Object.entries(run.tags)
    .filter(([name]) => !isSystem({ kind: 'tags', key: name }))
    .sort(([one], [other]) => one.localeCompare(other));
  const form = React.useRef<HTMLFormElement>(null);
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Tags')}>
      <h2>{trans.__('Tags')}</h2>
      {tags.length === 0 && <p className="jp-mlplat-hint">{trans.__('None.')}</p>}
      {tags.length > 0 && (
        <table className="jp-mlplat-table jp-mlplat-tags">
          <tbody>
            {tags.map(([name, text]) => (
              <tr key={name}>
                <th scope="row" title={tip(name)}>
                  <Cut text={name} />
                </th>
                <td title={tip(text)}>
                  <Cut text={text} />
                </td>
                {!run.archived && (
                  <td className="jp-mlplat-rowButtons">
                    <IconButton
                      icon={editIcon}
                      label={trans.__('Change the tag %1', name)}
                      onClick={() => {
                        setKey(name);
                        setValue(text);
                        form.current?.querySelectorAll('input')[1].focus();
                      }}
                    />
                    <IconButton
                      icon={closeIcon}
                      label={trans.__('Take the tag %1 away', name)}
                      onClick={() => {
                        void send({ tags: { [name]: null } });
                        form.current?.querySelector('input')?.focus();
                      }}
                    />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {!run.archived && (
        <form
          ref={form}
          className="jp-mlplat-inlineForm"
          onSubmit={event => {
            event.preventDefault();
            void send({ tags: { [key.trim()]: value } }).then(done => {
              if (done) {
                setKey('');
                setValue('');
                form.current?.querySelector('input')?.focus();
              }
            });
          }}
        >
          <input
            className="jp-mlplat-search"
            value={key}
            maxLength={250}
            aria-label={trans.__('Name of the tag')}
            placeholder={trans.__('Name')}
            onChange={event => {
              setKey(event.target.value);
            }}
          />
          <input
            className="jp-mlplat-search"
            value={value}
            maxLength={8000}
            dir="auto"
            aria-label={trans.__('Value of the tag')}
            placeholder={trans.__('Value')}
            onChange={event => {
              setValue(event.target.value);
            }}
          />
          <button type="submit" className="jp-mlplat-button" disabled={busy || key.trim() === ''}>
            {tags.some(([name]) => name === key.trim()) ? trans.__('Change') : trans.__('Add')}
          </button>
        </form>
      )}
      {error && <ErrorBox error={problemOf(error)} />}
    </section>
  );
}
