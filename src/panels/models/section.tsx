/** The section Models: what is registered, its newest version, and what its aliases stand for. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { Page, RegisteredModel } from '../../types';
import { Empty } from '../../widgets/feedback';
import { modelIcon } from '../../widgets/icons';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, Show, usePanel } from '../context';
import { openRequests } from '../model/words';
import { Cut, tip } from '../runs/cells';
import { Section } from '../section';
import { AliasChips } from './chips';

/** With more models than that there is a field to look for one. */
const MANY = 10;

/** Rows of the list. */
const ROWS = 100;

export class ModelsSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'models', label: context.trans.__('Models') });
    this.follow(context.model.models);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const models = model.models.data?.items ?? [];
    const open = models.reduce((sum, each) => sum + openRequests(each).length, 0);
    return [
      open ? trans._n('%1 request', '%1 requests', open) : '',
      models.length ? trans._n('%1 model', '%1 models', models.length) : ''
    ]
      .filter(Boolean)
      .join(' · ');
  }

  demand(): void {
    this.context.model.models.demand();
  }

  protected content(): JSX.Element {
    return <Show resource={this.context.model.models}>{page => <ModelList page={page} />}</Show>;
  }
}

function ModelList({ page }: { readonly page: Page<RegisteredModel> }): JSX.Element {
  const trans = useTrans();
  const [wanted, setWanted] = React.useState('');
  if (page.items.length === 0) {
    return (
      <Empty title={trans.__('No model is registered yet. A job that registers one makes it appear here:')}>
        <code className="jp-mlplat-teach">mlflow.sklearn.log_model(model, registered_model_name=&quot;wine&quot;)</code>
      </Empty>
    );
  }
  const sought = wanted.trim().toLowerCase();
  const found = page.items.filter(model => model.name.toLowerCase().includes(sought));
  // Those that ask for a decision first, then by what moved last.
  const weight = (model: RegisteredModel): number => openRequests(model).length;
  const rows = [...found].sort((one, other) => weight(other) - weight(one) || time(other) - time(one)).slice(0, ROWS);
  return (
    <>
      {page.items.length > MANY && (
        <div className="jp-mlplat-chooser">
          <input
            type="search"
            className="jp-mlplat-search jp-mlplat-modelSearch"
            value={wanted}
            aria-label={trans.__('Look for a model')}
            placeholder={trans.__('Look for a model')}
            onChange={event => {
              setWanted(event.target.value);
            }}
          />
        </div>
      )}
      <ul className="jp-mlplat-list" aria-label={trans.__('Models')}>
        {rows.map(model => (
          <ModelRow key={model.name} model={model} />
        ))}
      </ul>
      {found.length === 0 && <Empty title={trans.__('No model has that in its name.')} />}
      {found.length > ROWS && <p className="jp-mlplat-hint">{trans.__('The first %1 of %2.', ROWS, found.length)}</p>}
    </>
  );
}

function time(model: RegisteredModel): number {
  return model.updated_at === null ? 0 : Date.parse(model.updated_at);
}

function ModelRow({ model }: { readonly model: RegisteredModel }): JSX.Element {
  const trans = useTrans();
  const { commands } = usePanel();
  const open = openRequests(model).length;
  const newest = model.versions.at(0);
  return (
    <li className="jp-mlplat-row" data-model={model.name.slice(0, 200)}>
      <span className="jp-mlplat-stateIcon" data-tone="quiet" aria-hidden>
        <modelIcon.react tag={null} />
      </span>
      <div className="jp-mlplat-rowMain">
        <button
          type="button"
          className="jp-mlplat-rowName"
          title={trans.__('Open the model %1', tip(model.name))}
          onClick={() => {
            void commands.execute(CommandIDs.openModel, { name: model.name });
          }}
        >
          <Cut text={model.name} />
        </button>
        <div className="jp-mlplat-rowDetail">
          {newest ? <span>{trans.__('version %1', newest.version)}</span> : <span>{trans.__('no version yet')}</span>}
          {model.updated_at && <RelativeTime time={model.updated_at} />}
          {open > 0 && (
            <span className="jp-mlplat-word" data-tone="warn">
              {trans._n('%1 request', '%1 requests', open)}
            </span>
          )}
        </div>
        <AliasChips aliases={Object.entries(model.aliases)} locked={model.protected} most={3} label={trans.__('Aliases of %1', tip(model.name))} />
      </div>
    </li>
  );
}
