/** The card of a version: what there is to know of it before it is used, read and written as Markdown. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { downloadIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { ITagged } from '../../api';
import type { Resource } from '../../resource';
import type { ModelCard } from '../../types';
import { ErrorBox } from '../../widgets/feedback';
import { editIcon } from '../../widgets/icons';
import { TextButton } from '../../widgets/parts';
import { save } from '../../widgets/save';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';
import type { INotebookParts } from '../job/executed';
import { problemOf } from '../run/editing';
import { Markdown } from '../run/rendered';
import { useActing } from './acting';
import { CardEditor } from './card-editor';
import type { Drafts, IDraft } from './drafts';

interface ICardProps {
  readonly loaded: ITagged<ModelCard>;
  readonly resource: Resource<ITagged<ModelCard>>;
  readonly parts: INotebookParts;
  readonly drafts: Drafts;
}

export function Card({ loaded, resource, parts, drafts }: ICardProps): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const { act, busy, error } = useActing();
  const { data: card, etag } = loaded;
  const [draft, setDraft] = React.useState<IDraft | null>(() => drafts.get(card.version));
  const write = (next: IDraft | null): void => {
    drafts.set(card.version, next);
    setDraft(next);
  };
  if (draft !== null) {
    return <CardEditor loaded={loaded} resource={resource} draft={draft} write={write} parts={parts} />;
  }
  const generate = async (): Promise<void> => {
    const answer = await showDialog({
      title: trans.__('Back to the generated card?'),
      body: trans.__('What was written is lost, and the card is made from the facts again. Download it before, to keep it.'),
      buttons: [Dialog.cancelButton({ label: trans.__('Keep it') }), Dialog.warnButton({ label: trans.__('Generate it again') })]
    });
    if (answer.button.accept) {
      await act(async () => {
        resource.set(await model.api.models.saveCard(card.name, card.version, '', etag));
      });
    }
  };
  const name = `${card.name}-${card.version}`.slice(0, 100);
  return (
    <div className="jp-mlplat-modelCard">
      <div className="jp-mlplat-cardHead">
        <p className="jp-mlplat-hint">
          <Origin card={card} />
        </p>
        <span className="jp-mlplat-inline">
          <TextButton
            label={trans.__('Markdown')}
            icon={downloadIcon}
            title={trans.__('Download the card as Markdown')}
            onClick={() => {
              save(new Blob([card.markdown], { type: 'text/markdown' }), `${name}.md`);
            }}
          />
          <TextButton
            label={trans.__('JSON')}
            icon={downloadIcon}
            title={trans.__('Download the facts of the card as JSON')}
            onClick={() => {
              save(new Blob([JSON.stringify(card, null, 2)], { type: 'application/json' }), `${name}.json`);
            }}
          />
          {!card.generated && (
            <TextButton
              label={trans.__('Back to generated…')}
              disabled={busy}
              onClick={() => {
                void generate();
              }}
            />
          )}
          <TextButton
            label={trans.__('Edit')}
            icon={editIcon}
            onClick={() => {
              write({ text: card.markdown, etag });
            }}
          />
        </span>
      </div>
      {error && <ErrorBox error={problemOf(error)} />}
      <Markdown parts={parts} text={card.markdown} label={trans.__('Card of version %1', card.version)} />
    </div>
  );
}

function Origin({ card }: { readonly card: ModelCard }): JSX.Element {
  const trans = useTrans();
  if (card.generated) {
    return <>{trans.__('Made from what is known of the version; edit it to say what the facts do not.')}</>;
  }
  if (card.edited_by === null) {
    return <>{trans.__('Written in MLflow, as the description of the version.')}</>;
  }
  return (
    <>
      {trans.__('Written by %1', card.edited_by)}
      {card.edited_at && (
        <>
          {' · '}
          <RelativeTime time={card.edited_at} />
        </>
      )}
    </>
  );
}
