/** The view of a registered model: its versions, what one of them is and comes from, its aliases and who may move them. */

import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { IIdentity } from '../../links';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { RegisteredModel } from '../../types';
import { Empty } from '../../widgets/feedback';
import { modelIcon } from '../../widgets/icons';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, PanelWidget, Show } from '../context';
import type { INotebookParts } from '../job/executed';
import { Aliases } from './aliases';
import { Drafts } from './drafts';
import { Head } from './head';
import { Requests } from './requests';
import type { IModelState } from './state';
import { VersionPanel } from './version';
import { Versions } from './versions';

export class ModelView extends PanelWidget {
  constructor(
    context: IPanelContext,
    state: Pick<IModelState, 'name'> & Partial<IModelState>,
    private readonly _parts: INotebookParts
  ) {
    super(context);
    this._drafts = new Drafts(`${context.model.api.settings.baseUrl}:${state.name}`);
    this._state = { version: null, page: 'overview', against: null, ...state };
    this.id = ModelView.idOf(state.name);
    this.addClass('jp-mlplat-view');
    this.addClass('jp-mlplat-modelView');
    this.title.label = state.name.slice(0, 60);
    this.title.caption = context.trans.__('Model %1', state.name.slice(0, 300));
    this.title.icon = modelIcon;
    this.title.closable = true;
    this._model = context.model.watchModel(state.name);
    this._model.demand();
  }

  /** The id of the view of a model; a name may have any letters, an id has no spaces. */
  static idOf(name: string): string {
    return `jp-mlplat-model-${encodeURIComponent(name)}`;
  }

  /** What is shown was chosen anew. */
  readonly stateChanged = new Signal<this, void>(this);

  get state(): IModelState {
    return this._state;
  }

  /** Shows something else. */
  choose(state: Partial<IModelState>): void {
    this._state = { ...this._state, ...state };
    this.stateChanged.emit();
    this.update();
  }

  override dispose(): void {
    this._model.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.openModel, args: { ...this._state } };
  }

  protected content(): JSX.Element {
    return (
      <div className="jp-mlplat-page jp-mlplat-modelPage">
        <Show resource={this._model} lines={5}>
          {model => (
            <Detail
              model={model}
              state={this._state}
              parts={this._parts}
              drafts={this._drafts}
              choose={state => {
                this.choose(state);
              }}
            />
          )}
        </Show>
      </div>
    );
  }

  private readonly _model: Resource<RegisteredModel>;
  private readonly _drafts: Drafts;
  private _state: IModelState;
}

interface IDetailProps {
  readonly model: RegisteredModel;
  readonly state: IModelState;
  readonly parts: INotebookParts;
  readonly drafts: Drafts;
  readonly choose: (state: Partial<IModelState>) => void;
}

function Detail({ model, state, parts, drafts, choose }: IDetailProps): JSX.Element {
  const trans = useTrans();
  const found = state.version === null ? model.versions.at(0) : model.versions.find(each => each.version === state.version);
  const show = (version: string): void => {
    choose({ version });
  };
  return (
    <>
      <Head model={model} version={found ?? null} />
      <Requests model={model} show={show} />
      <Versions model={model} chosen={found?.version ?? null} choose={choose} />
      {found ? (
        <VersionPanel key={found.version} model={model} version={found} state={state} parts={parts} drafts={drafts} choose={choose} />
      ) : (
        model.versions.length > 0 && <Empty title={trans.__('There is no version %1 of this model any more: choose another one.', state.version ?? '')} />
      )}
      <Aliases model={model} show={show} />
    </>
  );
}
