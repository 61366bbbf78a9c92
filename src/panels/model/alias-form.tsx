/** The forms "Set alias" and "Delete alias": which version, and why; for a protected one they make a request. */

import { ReactWidget } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { AliasOutcome, ApiError } from '../../api';
import { asApiError } from '../../resource';
import type { RegisteredModel } from '../../types';
import { showForm } from '../../widgets/dialog';
import { ErrorBox } from '../../widgets/feedback';
import { lockIcon } from '../../widgets/icons';
import { Field } from '../../widgets/parts';
import { TransContext, useTrans } from '../../widgets/trans';
import type { IPanelContext } from '../context';
import { problemOf } from '../run/editing';

/** Letters of a reason. */
const LONGEST = 500;

/** What is to be chosen from the start; an alias that is to be deleted has no version. */
export interface IAliasPreset {
  readonly alias?: string;
  readonly version?: string;
}

/** Asks for an alias, a version and a reason, and sets it; null when it was given up. */
export async function setAlias(context: IPanelContext, model: RegisteredModel, preset: IAliasPreset): Promise<AliasOutcome | null> {
  const body = new AliasForm(context, model, preset, false);
  await showForm({
    title: context.trans.__('Set alias'),
    accept: body.words,
    acceptChanged: body.wordsChanged,
    body,
    submit: () => body.submit(),
    focus: preset.alias ? '#jp-mlplat-alias-version' : '#jp-mlplat-alias-name'
  });
  return body.outcome;
}

/** Asks once, and why, and deletes an alias; null when it was given up. */
export async function deleteAlias(context: IPanelContext, model: RegisteredModel, alias: string): Promise<AliasOutcome | null> {
  const body = new AliasForm(context, model, { alias }, true);
  await showForm({
    title: context.trans.__('Delete the alias %1?', alias.slice(0, 80)),
    accept: body.words,
    body,
    submit: () => body.submit(),
    focus: '#jp-mlplat-alias-why'
  });
  return body.outcome;
}

interface IValues {
  readonly alias: string;
  readonly version: string;
  readonly why: string;
}

class AliasForm extends ReactWidget {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _model: RegisteredModel,
    preset: IAliasPreset,
    private readonly _deletes: boolean
  ) {
    super();
    this.addClass('jp-mlplat');
    this._values = { alias: preset.alias ?? '', version: preset.version ?? _model.versions.at(0)?.version ?? '', why: '' };
  }

  outcome: AliasOutcome | null = null;

  readonly wordsChanged = new Signal<this, string>(this);

  /** What the button says: a protected alias is asked for. */
  get words(): string {
    const { trans } = this._context;
    if (this._locked) {
      return trans.__('Ask for it');
    }
    return this._deletes ? trans.__('Delete') : trans.__('Set');
  }

  async submit(): Promise<boolean> {
    const { alias, version, why } = this._values;
    const { model } = this._context;
    try {
      const { models } = model.api;
      this.outcome = await (this._deletes ? models.deleteAlias(this._model.name, alias, why) : models.setAlias(this._model.name, alias.trim(), version, why));
      model.changed('models');
      return true;
    } catch (reason) {
      this._error = asApiError(reason);
      this.update();
      return false;
    }
  }

  protected render(): JSX.Element {
    return (
      <TransContext.Provider value={this._context.trans}>
        <Form
          model={this._model}
          values={this._values}
          deletes={this._deletes}
          locked={this._locked}
          error={this._error}
          change={values => {
            this._values = { ...this._values, ...values };
            this._error = null;
            this.wordsChanged.emit(this.words);
            this.update();
          }}
        />
      </TransContext.Provider>
    );
  }

  private get _locked(): boolean {
    return this._model.protected.includes(this._values.alias.trim());
  }

  private _values: IValues;
  private _error: ApiError | null = null;
}

interface IFormProps {
  readonly model: RegisteredModel;
  readonly values: IValues;
  readonly deletes: boolean;
  readonly locked: boolean;
  readonly error: ApiError | null;
  readonly change: (values: Partial<IValues>) => void;
}

function Form({ model, values, deletes, locked, error, change }: IFormProps): JSX.Element {
  const trans = useTrans();
  const fields = error?.fields ?? {};
  const placed = ['alias', 'version', 'why'].some(name => Object.hasOwn(fields, name));
  const now = Object.hasOwn(model.aliases, values.alias.trim()) ? model.aliases[values.alias.trim()] : null;
  return (
    <div className="jp-mlplat-runForm">
      {error && (placed ? <ErrorBox error={error} /> : <ErrorBox error={problemOf(error)} />)}
      {deletes ? (
        <p>
          {trans.__('It stands for version %1. The version stays; whoever loads it by this name finds nothing.', now ?? '–')}
        </p>
      ) : (
        <>
          <Field
            id="jp-mlplat-alias-name"
            label={trans.__('Alias')}
            help={now === null ? trans.__('Letters, digits, “-” and “_”, like champion.') : trans.__('It stands for version %1 now.', now)}
            error={fields.alias}
          >
            <input
              id="jp-mlplat-alias-name"
              list="jp-mlplat-alias-names"
              value={values.alias}
              maxLength={255}
              required
              spellCheck={false}
              autoComplete="off"
              onChange={event => {
                change({ alias: event.target.value });
              }}
            />
            <datalist id="jp-mlplat-alias-names">
              {[...new Set([...Object.keys(model.aliases), ...model.protected])].map(alias => (
                <option key={alias} value={alias} />
              ))}
            </datalist>
          </Field>
          <Field id="jp-mlplat-alias-version" label={trans.__('Version')} error={fields.version}>
            <select
              id="jp-mlplat-alias-version"
              value={values.version}
              onChange={event => {
                change({ version: event.target.value });
              }}
            >
              {model.versions.map(each => (
                <option key={each.version} value={each.version}>
                  {each.aliases.length > 0 ? `${each.version} (${each.aliases.join(', ').slice(0, 80)})` : each.version}
                </option>
              ))}
            </select>
          </Field>
        </>
      )}
      <Field id="jp-mlplat-alias-why" label={trans.__('Why')} help={trans.__('Stands in the history of the aliases.')} error={fields.why}>
        <textarea
          id="jp-mlplat-alias-why"
          className="jp-mlplat-prose"
          value={values.why}
          rows={2}
          maxLength={LONGEST}
          dir="auto"
          onChange={event => {
            change({ why: event.target.value });
          }}
        />
      </Field>
      {locked && (
        <p className="jp-mlplat-lockedHint" role="status">
          <lockIcon.react tag="span" width="14px" height="14px" />
          {trans.__('This alias is protected: you ask for it, and it changes when somebody else approves.')}
        </p>
      )}
    </div>
  );
}
