/** The note of a run: plain text that is read, and edited where it stands. */

import * as React from 'react';
import type { RunDetail } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { problemOf, useEditing } from './editing';

/** Where MLflow keeps it. */
const TAG = 'mlflow.note.content';

/** Letters that a note may have. */
const LONGEST = 8000;

export function Note({ run }: { readonly run: RunDetail }): JSX.Element {
  const trans = useTrans();
  const { send, busy, error } = useEditing(run.id);
  const note = Object.hasOwn(run.tags, TAG) ? run.tags[TAG] : '';
  const [text, setText] = React.useState<string | null>(null);
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Note')}>
      <div className="jp-mlplat-cardHead">
        <h2>{trans.__('Note')}</h2>
        {text === null && !run.archived && (
          <TextButton
            label={note === '' ? trans.__('Write one') : trans.__('Edit')}
            onClick={() => {
              setText(note);
            }}
          />
        )}
      </div>
      {text === null ? (
        note === '' ? (
          <p className="jp-mlplat-hint">{trans.__('None.')}</p>
        ) : (
          <p className="jp-mlplat-noteText" dir="auto">
            {note}
          </p>
        )
      ) : (
        <form
          className="jp-mlplat-noteForm"
          onSubmit={event => {
            event.preventDefault();
            void send({ note: text }).then(done => {
              if (done) {
                setText(null);
              }
            });
          }}
          onKeyDown={event => {
            if (event.key === 'Escape') {
              event.stopPropagation();
              setText(null);
            } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
              event.currentTarget.requestSubmit();
            }
          }}
        >
          <textarea
            value={text}
            rows={5}
            maxLength={LONGEST}
            autoFocus
            dir="auto"
            aria-label={trans.__('Note of the run')}
            onChange={event => {
              setText(event.target.value);
            }}
          />
          <div className="jp-mlplat-inlineForm">
            <button type="submit" className="jp-mlplat-button" disabled={busy}>
              {trans.__('Save')}
            </button>
            <TextButton
              label={trans.__('Cancel')}
              onClick={() => {
                setText(null);
              }}
            />
          </div>
        </form>
      )}
      {error && <ErrorBox error={problemOf(error)} />}
    </section>
  );
}
