/** A card as it is written: Markdown on one side, what becomes of it on the other; nothing that was typed is lost. */

import * as React from 'react';
import { type ApiError, type ITagged } from '../../api';
import { asApiError, type Resource } from '../../resource';
import type { ModelCard } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { TextButton } from '../../widgets/parts';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import type { INotebookParts } from '../job/executed';
import { problemOf } from '../run/editing';
import { Markdown } from '../run/rendered';
import type { IDraft } from './drafts';

/** Letters that a card may have. */
const LONGEST = 100_000;

/** Milliseconds without a letter after which the preview is drawn again. */
const SETTLES = 300;

interface IEditorProps {
  readonly loaded: ITagged<ModelCard>;
  readonly resource: Resource<ITagged<ModelCard>>;
  readonly draft: IDraft;
  /** Keeps what is written; null ends it. */
  readonly write: (draft: IDraft | null) => void;
  readonly parts: INotebookParts;
}

export function CardEditor({ loaded, resource, draft, write, parts }: IEditorProps): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState<ApiError | null>(null);
  const { data: card } = loaded;
  const preview = useSettled(draft.text);
  const changed = draft.text !== card.markdown;
  // Somebody else saved it meanwhile: told at once, not only when this one is saved.
  const overtaken = loaded.etag !== draft.etag;
  const send = (etag: string): void => {
    setBusy(true);
    model.api.models
      .saveCard(card.name, card.version, draft.text, etag)
      .then(
        saved => {
          resource.set(saved);
          write(null);
          model.changed('models');
        },
        async (reason: unknown) => {
          const failed = asApiError(reason);
          setError(failed.status === 412 ? null : failed);
          if (failed.status === 412) {
            await resource.refresh();
          }
        }
      )
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <form
      className="jp-mlplat-cardEditor"
      onSubmit={event => {
        event.preventDefault();
        if (changed && !busy) {
          send(draft.etag);
        }
      }}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          event.currentTarget.requestSubmit();
        }
      }}
    >
      {overtaken && <Overtaken card={card} busy={busy} mine={draft.text} send={() => { send(loaded.etag); }} discard={() => { write(null); }} />}
      {error && <ErrorBox error={problemOf(error)} />}
      <div className="jp-mlplat-cardSides">
        <textarea
          value={draft.text}
          maxLength={LONGEST}
          spellCheck
          autoFocus
          dir="auto"
          aria-label={trans.__('Card as Markdown')}
          onChange={event => {
            write({ ...draft, text: event.target.value });
          }}
        />
        <Markdown parts={parts} text={preview} label={trans.__('Preview of the card')} />
      </div>
      <div className="jp-mlplat-formFoot">
        <span className="jp-mlplat-hint">{trans.__('Markdown; what is left empty is generated again. Ctrl+Enter saves.')}</span>
        <TextButton
          label={changed ? trans.__('Discard changes') : trans.__('Cancel')}
          onClick={() => {
            write(null);
          }}
        />
        <button type="submit" className="jp-mlplat-button jp-mod-styled jp-mod-accept" disabled={busy || overtaken || !changed}>
          {trans.__('Save')}
        </button>
      </div>
    </form>
  );
}

interface IOvertakenProps {
  readonly card: ModelCard;
  readonly busy: boolean;
  readonly mine: string;
  /** Saves what is written over what somebody else saved. */
  readonly send: () => void;
  readonly discard: () => void;
}

function Overtaken({ card, busy, mine, send, discard }: IOvertakenProps): JSX.Element {
  const trans = useTrans();
  const [theirs, setTheirs] = React.useState(false);
  return (
    <div className="jp-mlplat-overtaken" role="alert">
      <p>
        <b>{trans.__('The card was changed meanwhile.')}</b>{' '}
        {card.generated ? trans.__('The generated one is back.') : card.edited_by !== null && trans.__('%1 saved another text', card.edited_by)}
        {card.edited_at && (
          <>
            {' · '}
            <RelativeTime time={card.edited_at} />
          </>
        )}
      </p>
      <p>{trans.__('What you wrote is still here, and is not saved. Take over what you need from the other text, then save yours over it.')}</p>
      <span className="jp-mlplat-inline">
        <TextButton
          label={theirs ? trans.__('Hide the other text') : trans.__('Show the other text')}
          onClick={() => {
            setTheirs(!theirs);
          }}
        />
        <TextButton label={trans.__('Save mine over it')} disabled={busy || mine === card.markdown} onClick={send} />
        <TextButton label={trans.__('Discard mine')} onClick={discard} />
      </span>
      {theirs && (
        <pre className="jp-mlplat-artifactText" tabIndex={0} role="region" aria-label={trans.__('The other text')}>
          {card.markdown}
        </pre>
      )}
    </div>
  );
}

/** A text as it was when the last letter was typed a moment ago. */
function useSettled(text: string): string {
  const [settled, setSettled] = React.useState(text);
  React.useEffect(() => {
    const timer = window.setTimeout(() => {
      setSettled(text);
    }, SETTLES);
    return () => {
      window.clearTimeout(timer);
    };
  }, [text]);
  return settled;
}
