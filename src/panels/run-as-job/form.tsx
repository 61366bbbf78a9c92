/** The form of "Run as job": parameters, limits, retries, when. */

import * as React from 'react';
import type { ParametersSchema } from '../../api';
import type { PlatformModel } from '../../model';
import { ErrorBox, type IProblem } from '../../widgets/feedback';
import { Field } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { CopyAs } from './copy-as';
import { GPU_FIELDS } from './gpu-values';
import { More } from './more';
import { ParametersForm } from './parameters-form';
import { Resources } from './resources';
import { SecretFields, secretsOf, withoutSecrets } from './secrets';
import { type IValues, type Spec, sweeps } from './values';
import { WhenSection } from './when';

/** Fields of the server that have a place in the form, besides the parameters. */
const PLACED = new Set<string>([
  'name',
  'timeout',
  'cell_timeout',
  'deadline',
  'priority',
  'retries',
  'retry_delay',
  'resume',
  'autolog',
  'memory',
  ...GPU_FIELDS,
  'trials',
  'metric',
  'direction',
  'parallel',
  'strategy',
  'space',
  'cron',
  'timezone',
  'every',
  'at',
  'overlap',
  'catch_up',
  'catch_up_limit',
  'max_lateness'
]);

export interface IFormProps {
  readonly model: PlatformModel;
  readonly schema: ParametersSchema;
  /** Why the parameters cannot be changed here; null where they can. */
  readonly without: string | null;
  readonly values: IValues;
  /** What would be sent; null while a schedule is changed. */
  readonly spec: Spec | null;
  readonly defaultName: string;
  readonly error: IProblem | null;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (values: Partial<IValues>) => void;
}

export function Form(props: IFormProps): JSX.Element {
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
  const rest = Object.entries(fields).filter(
    ([field]) => !PLACED.has(field) && !/^notify\b/.test(field) && !names.includes(field.replace(/^(parameters|space|secrets)[./]/, ''))
  );
  const valued = React.useMemo(() => withoutSecrets(schema), [schema]);
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
            {props.without ?? trans.__('This notebook has none. Tag a cell “parameters” and assign values in it: they appear here.')}
          </p>
        ) : (
          <ParametersForm
            schema={valued}
            values={values.parameters}
            errors={ofParameters}
            change={parameters => {
              change({ parameters });
            }}
          />
        )}
        {secretsOf(schema).length > 0 && (
          <SecretFields
            schema={schema}
            values={values.secrets}
            fields={fields}
            change={secrets => {
              change({ secrets });
            }}
          />
        )}
      </section>
      <Limits {...props} />
      <Resources
        model={props.model}
        of="job"
        values={values.gpus}
        fields={fields}
        now={props.spec !== null && !values.scheduled && !sweeps(values)}
        change={gpus => {
          change({ gpus });
        }}
      />
      <WhenSection
        model={props.model}
        values={values}
        fields={fields}
        fixed={props.spec === null}
        change={change}
      />
      <More schema={schema} fixed={props.spec === null} values={values} fields={fields} change={change} />
      {props.spec && <CopyAs spec={props.spec} baseUrl={props.model.api.settings.baseUrl} />}
    </div>
  );
}

/** Its name, how long it may take, and how often it is tried. */
function Limits({ values, fields, change, defaultName }: IFormProps): JSX.Element {
  const trans = useTrans();
  return (
    <section aria-labelledby="jp-mlplat-h-limits" className="jp-mlplat-limits">
      <h3 id="jp-mlplat-h-limits">{trans.__('Job')}</h3>
      <Field id="jp-mlplat-job-name" label={trans.__('Name')} error={fields.name}>
        <input
          id="jp-mlplat-job-name"
          value={values.name}
          maxLength={200}
          placeholder={defaultName}
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
      <Field id="jp-mlplat-job-retries" label={trans.__('Retries')} error={fields.retries}>
        <input
          id="jp-mlplat-job-retries"
          type="number"
          min={0}
          max={100}
          value={values.retries}
          placeholder="0"
          aria-describedby="jp-mlplat-job-times"
          onChange={event => {
            change({ retries: event.target.value });
          }}
        />
      </Field>
      <Field id="jp-mlplat-job-retry-delay" label={trans.__('Retry after')} error={fields.retry_delay}>
        <input
          id="jp-mlplat-job-retry-delay"
          value={values.retryDelay}
          placeholder="30s"
          aria-describedby="jp-mlplat-job-times"
          onChange={event => {
            change({ retryDelay: event.target.value });
          }}
        />
      </Field>
      <label className="jp-mlplat-check jp-mlplat-resume">
        <input
          type="checkbox"
          checked={values.resume}
          onChange={event => {
            change({ resume: event.target.checked });
          }}
        />
        {trans.__('from the last checkpoint cell')}
      </label>
      <p className="jp-mlplat-hint" id="jp-mlplat-job-times">
        {trans.__('Times read like 90s, 10m or 2h; each further retry waits twice as long. A job goes on when you close this page.')}
      </p>
    </section>
  );
}
