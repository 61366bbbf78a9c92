/** The dialog "Run as job": a form made from the notebook itself. */

import { ReactWidget } from '@jupyterlab/apputils';
import type { JSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import * as React from 'react';
import type { ApiError, ParametersSchema } from '../api';
import type { PlatformModel } from '../model';
import { asApiError } from '../resource';
import type { Job, JobSpec } from '../types';
import { showForm } from '../widgets/dialog';
import { ErrorBox, type IProblem } from '../widgets/feedback';
import { parseDuration } from '../widgets/format';
import { Copyable, Field, Tabs, TextButton } from '../widgets/parts';
import { TransContext, useTrans } from '../widgets/trans';
import { commandText, type Door, DOORS } from './command-text';
import type { IPanelContext } from './context';
import { changedFrom, defaultsOf, ParametersForm } from './parameters-form';

/** Shows the form and submits; resolves to the job, or null when it was given up. */
export async function runAsJob(context: IPanelContext, path: string): Promise<Job | null> {
  const schema = await context.model.api.notebooks.schema(path);
  const body = new RunForm(context, path, schema);
  const name = path.split('/').pop() ?? path;
  await showForm({
    title: context.trans.__('Run %1 as a job', name),
    accept: context.trans.__('Run'),
    body,
    submit: () => body.submit(),
    className: 'jp-mlplat-runDialog'
  });
  return body.job;
}

interface IValues {
  readonly parameters: JSONObject;
  readonly name: string;
  readonly timeout: string;
  readonly cellTimeout: string;
}

class RunForm extends ReactWidget {
  constructor(private readonly _context: IPanelContext, private readonly _path: string, private readonly _schema: ParametersSchema) {
    super();
    this.addClass('jp-mlplat');
    this._values = { parameters: defaultsOf(_schema), name: '', timeout: '', cellTimeout: '' };
  }

  job: Job | null = null;

  /** Posts the job; false when something is wrong, which is then shown. */
  async submit(): Promise<boolean> {
    const spec = this._spec();
    const problems: Record<string, string> = {};
    if (spec.timeout === null) {
      problems.timeout = this._context.trans.__('Write it like 90s, 10m or 2h.');
    }
    if (spec.cell_timeout === null) {
      problems.cell_timeout = this._context.trans.__('Write it like 90s, 10m or 2h.');
    }
    if (Object.keys(problems).length > 0) {
      this._show(null, problems);
      return false;
    }
    try {
      this.job = await this._context.model.api.jobs.create(spec, this._key);
      return true;
    } catch (reason) {
      const error = asApiError(reason);
      this._show(error, error.fields);
      // The next attempt is another request: the server may have kept the answer to this one.
      this._key = UUID.uuid4();
      return false;
    }
  }

  protected render(): JSX.Element {
    const { trans, model } = this._context;
    return (
      <TransContext.Provider value={trans}>
        <Form
          model={model}
          schema={this._schema}
          values={this._values}
          spec={this._spec()}
          error={this._error}
          fields={this._fields}
          change={values => {
            this._values = { ...this._values, ...values };
            this._show(null, {});
          }}
        />
      </TransContext.Provider>
    );
  }

  private _spec(): JobSpec {
    const { name, timeout, cellTimeout } = this._values;
    return {
      notebook: this._path,
      parameters: changedFrom(this._schema, this._values.parameters),
      ...(name.trim() ? { name: name.trim() } : {}),
      ...(timeout.trim() ? { timeout: parseDuration(timeout) } : {}),
      ...(cellTimeout.trim() ? { cell_timeout: parseDuration(cellTimeout) } : {})
    };
  }

  private _show(error: ApiError | null, fields: Readonly<Record<string, string>>): void {
    this._error = error;
    this._fields = fields;
    this.update();
  }

  private _key: string = UUID.uuid4();
  private _values: IValues;
  private _error: ApiError | null = null;
  private _fields: Readonly<Record<string, string>> = {};
}

function Form(props: {
  readonly model: PlatformModel;
  readonly schema: ParametersSchema;
  readonly values: IValues;
  readonly spec: JobSpec;
  readonly error: IProblem | null;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (values: Partial<IValues>) => void;
}): JSX.Element {
  const { schema, values, fields, change } = props;
  const trans = useTrans();
  const names = Object.keys(schema.properties);
  const ofParameters = React.useMemo(() => {
    const found: Record<string, string> = {};
    for (const [field, message] of Object.entries(fields)) {
      const name = field.replace(/^parameters[./]/, '');
      if (names.includes(name)) {
        found[name] = message;
      }
    }
    return found;
  }, [fields, names.join()]);
  const placed = new Set(['name', 'timeout', 'cell_timeout']);
  const rest = Object.entries(fields).filter(
    ([field]) => !placed.has(field) && !names.includes(field.replace(/^parameters[./]/, ''))
  );
  const lost = props.error !== null && (rest.length > 0 || Object.keys(fields).length === 0);
  return (
    <div className="jp-mlplat-runForm">
      {lost && props.error && (
        <ErrorBox
          error={{
            message: props.error.message,
            hint: [props.error.hint, ...rest.map(([field, message]) => `${field}: ${message}`)].filter(Boolean).join(' · ')
          }}
        />
      )}
      <section aria-labelledby="jp-mlplat-h-parameters">
        <h3 id="jp-mlplat-h-parameters">{trans.__('Parameters')}</h3>
        {names.length === 0 ? (
          <p className="jp-mlplat-hint">
            {trans.__('This notebook has none. Tag a cell “parameters” and assign values in it: they appear here.')}
          </p>
        ) : (
          <ParametersForm
            schema={schema}
            values={values.parameters}
            errors={ofParameters}
            change={parameters => {
              change({ parameters });
            }}
          />
        )}
      </section>
      <section aria-labelledby="jp-mlplat-h-limits" className="jp-mlplat-limits">
        <h3 id="jp-mlplat-h-limits">{trans.__('Job')}</h3>
        <Field id="jp-mlplat-job-name" label={trans.__('Name')} error={fields.name}>
          <input
            id="jp-mlplat-job-name"
            value={values.name}
            maxLength={200}
            placeholder={baseName(props.spec.notebook)}
            onChange={event => {
              change({ name: event.target.value });
            }}
          />
        </Field>
        <Field id="jp-mlplat-job-timeout" label={trans.__('Time limit')} error={fields.timeout}>
          <input
            id="jp-mlplat-job-timeout"
            value={values.timeout}
            placeholder={trans.__('none')}
            aria-describedby="jp-mlplat-job-times"
            onChange={event => {
              change({ timeout: event.target.value });
            }}
          />
        </Field>
        <Field id="jp-mlplat-job-cell-timeout" label={trans.__('Per cell')} error={fields.cell_timeout}>
          <input
            id="jp-mlplat-job-cell-timeout"
            value={values.cellTimeout}
            placeholder={trans.__('none')}
            aria-describedby="jp-mlplat-job-times"
            onChange={event => {
              change({ cellTimeout: event.target.value });
            }}
          />
        </Field>
        <p className="jp-mlplat-hint" id="jp-mlplat-job-times">
          {trans.__('Limits read like 90s, 10m or 2h. The job goes on when you close this page.')}
        </p>
      </section>
      <CopyAs spec={props.spec} baseUrl={props.model.api.settings.baseUrl} />
    </div>
  );
}

function baseName(path: string): string {
  return (path.split('/').pop() ?? path).replace(/\.ipynb$/, '');
}

function CopyAs(props: { readonly spec: JobSpec; readonly baseUrl: string }): JSX.Element {
  const trans = useTrans();
  const [open, setOpen] = React.useState(false);
  const [door, setDoor] = React.useState<Door>('CLI');
  const text = commandText(door, props.spec, props.baseUrl);
  const box = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    if (open) {
      box.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [open, door]);
  return (
    <div className="jp-mlplat-copyAs" ref={box}>
      <TextButton
        label={open ? trans.__('Copy as command ▴') : trans.__('Copy as command ▾')}
        onClick={() => {
          setOpen(!open);
        }}
      />
      {open && (
        <div className="jp-mlplat-copyAsBody">
          <Tabs
            label={trans.__('Door')}
            tabs={DOORS.map(each => ({ id: each, label: each }))}
            chosen={door}
            choose={id => {
              setDoor(DOORS.find(each => each === id) ?? 'CLI');
            }}
          />
          <pre tabIndex={0} aria-label={trans.__('Command')}>
            {text}
          </pre>
          <Copyable text={text} shown={trans.__('Copy')} label={trans.__('command')} />
        </div>
      )}
    </div>
  );
}
