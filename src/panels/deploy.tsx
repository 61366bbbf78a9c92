/** The dialog "Deploy model": a version of a registered model, and a name for its endpoint. */

import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';
import type { ApiError } from '../api';
import type { PlatformModel } from '../model';
import { asApiError } from '../resource';
import type { Deployment, RegisteredModel } from '../types';
import { showForm } from '../widgets/dialog';
import { Empty, ErrorBox } from '../widgets/feedback';
import { Field } from '../widgets/parts';
import { TransContext, useTrans } from '../widgets/trans';
import type { IPanelContext } from './context';
import { versionsOf } from './run/view';
import { devicesOf, GPU_FIELDS, type IGPUValues, NO_GPUS, wrongMemory } from './run-as-job/gpu-values';
import { Resources } from './run-as-job/resources';

/** The server's fields that have a place in the form. */
const PLACED = new Set<string>(['model', 'name', ...GPU_FIELDS]);

/** What is to be chosen from the start. */
export interface IDeployPreset {
  readonly model?: string;
  readonly version?: string;
  readonly runId?: string;
}

/** Shows the form and deploys; resolves to the deployment, or null when it was given up. */
export async function deployModel(context: IPanelContext, preset: IDeployPreset): Promise<Deployment | null> {
  await context.model.models.refresh();
  const { data, error } = context.model.models.snapshot;
  if (data === null) {
    throw error ?? new Error('No answer.');
  }
  if (data.items.length === 0) {
    await showDialog({
      title: context.trans.__('Deploy a model'),
      body: (
        <TransContext.Provider value={context.trans}>
          <NoModels />
        </TransContext.Provider>
      ),
      buttons: [Dialog.okButton({ label: context.trans.__('Close') })]
    });
    return null;
  }
  const body = new DeployForm(context, data.items, preset);
  await showForm({
    title: context.trans.__('Deploy a model'),
    accept: context.trans.__('Deploy'),
    body,
    submit: () => body.submit(),
    focus: '#jp-mlplat-deploy-name'
  });
  return body.deployment;
}

interface IValues {
  readonly model: string;
  readonly version: string;
  readonly name: string;
  readonly gpus: IGPUValues;
}

class DeployForm extends ReactWidget {
  constructor(private readonly _context: IPanelContext, private readonly _models: ReadonlyArray<RegisteredModel>, preset: IDeployPreset) {
    super();
    this.addClass('jp-mlplat');
    const own = preset.runId ? versionsOf(_models, preset.runId)[0] : undefined;
    const model = preset.model ?? own?.name ?? _models[0]?.name ?? '';
    const version = preset.version ?? own?.version ?? this._versions(model)[0]?.version ?? '';
    this._values = { model, version, name: slug(model), gpus: NO_GPUS };
  }

  deployment: Deployment | null = null;

  async submit(): Promise<boolean> {
    const { model, version, name, gpus } = this._values;
    if (!model || !version) {
      return false;
    }
    if (wrongMemory(gpus)) {
      this._fields = { gpu_memory: this._context.trans.__('Write it like 16G or 500M.') };
      this.update();
      return false;
    }
    try {
      this.deployment = await this._context.model.api.deployments.create(
        { name: name.trim(), model: `models:/${model}/${version}`, ...devicesOf(gpus) },
        this._key
      );
      return true;
    } catch (reason) {
      this._error = asApiError(reason);
      this._fields = this._error.fields;
      this._key = UUID.uuid4();
      this.update();
      return false;
    }
  }

  protected render(): JSX.Element {
    return (
      <TransContext.Provider value={this._context.trans}>
        <Form
          models={this._models}
          model={this._context.model}
          values={this._values}
          error={this._error}
          fields={this._fields}
          change={values => {
            const next = { ...this._values, ...values };
            if (values.model !== undefined) {
              next.version = this._versions(values.model)[0]?.version ?? '';
              if (this._values.name === slug(this._values.model)) {
                next.name = slug(values.model);
              }
            }
            this._values = next;
            this._error = null;
            this._fields = {};
            this.update();
          }}
        />
      </TransContext.Provider>
    );
  }

  private _versions(model: string): RegisteredModel['versions'] {
    return this._models.find(each => each.name === model)?.versions ?? [];
  }

  private _key: string = UUID.uuid4();
  private _values: IValues;
  private _error: ApiError | null = null;
  private _fields: Readonly<Record<string, string>> = {};
}

function NoModels(): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-mlplat">
      <Empty title={trans.__('No model is registered yet. A job that registers one makes it appear here:')}>
        <code className="jp-mlplat-teach">mlflow.sklearn.log_model(model, registered_model_name=&quot;wine&quot;)</code>
      </Empty>
    </div>
  );
}

/** A model's name as it may stand in an address. */
function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63);
}

function Form(props: {
  readonly model: PlatformModel;
  readonly models: ReadonlyArray<RegisteredModel>;
  readonly values: IValues;
  readonly error: ApiError | null;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (values: Partial<IValues>) => void;
}): JSX.Element {
  const { models, values, error, fields, change } = props;
  const trans = useTrans();
  const model = models.find(each => each.name === values.model);
  return (
    <div className="jp-mlplat-runForm">
      {error && !Object.keys(fields).some(field => PLACED.has(field)) && <ErrorBox error={error} />}
      <Field id="jp-mlplat-deploy-model" label={trans.__('Model')} error={fields.model}>
        <select
          id="jp-mlplat-deploy-model"
          value={values.model}
          onChange={event => {
            change({ model: event.target.value });
          }}
        >
          {models.map(each => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
      </Field>
      <Field id="jp-mlplat-deploy-version" label={trans.__('Version')}>
        <select
          id="jp-mlplat-deploy-version"
          value={values.version}
          onChange={event => {
            change({ version: event.target.value });
          }}
        >
          {model?.versions.map(each => (
            <option key={each.version} value={each.version}>
              {each.aliases.length > 0 ? `${each.version} (${each.aliases.join(', ')})` : each.version}
            </option>
          ))}
        </select>
      </Field>
      <Field
        id="jp-mlplat-deploy-name"
        label={trans.__('Name')}
        help={trans.__('Becomes part of its address: lower case letters, digits, “.”, “_” and “-”.')}
        error={fields.name}
      >
        <input
          id="jp-mlplat-deploy-name"
          value={values.name}
          required
          maxLength={63}
          pattern="[a-z0-9]([a-z0-9._\-]*[a-z0-9])?"
          spellCheck={false}
          onChange={event => {
            change({ name: event.target.value });
          }}
        />
      </Field>
      <Resources
        model={props.model}
        of="deploy"
        values={values.gpus}
        fields={fields}
        now
        change={gpus => {
          change({ gpus });
        }}
      />
      {error && error.hint && Object.keys(error.fields).length > 0 && <p className="jp-mlplat-hint">{error.hint}</p>}
      <p className="jp-mlplat-hint">{trans.__('It runs as a process of its own and stays up until you delete it.')}</p>
    </div>
  );
}
