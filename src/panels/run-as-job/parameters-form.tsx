/** A form made from the JSON Schema of a notebook's parameters cell. */

import { FormComponent } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject, JSONValue, ReadonlyJSONObject } from '@lumino/coreutils';
import type { ErrorSchema, FieldProps, FieldTemplateProps, RJSFSchema, UiSchema } from '@rjsf/utils';
import validator from '@rjsf/validator-ajv8';
import * as React from 'react';
import type { ParametersSchema } from '../../api';
import { useTrans } from '../../widgets/trans';

/** Choices up to this many are shown side by side; more go into a list. */
const RADIOS = 3;

/** A parameter as its own line: label, control, range, help, and what is wrong with it. */
function Line(props: FieldTemplateProps): JSX.Element {
  const trans = useTrans();
  const { id, label, schema, children, rawErrors } = props;
  if (id === 'root') {
    return <>{children}</>;
  }
  if (props.hidden) {
    return <div hidden>{children}</div>;
  }
  const record = schema.properties !== undefined;
  const group = record || props.uiSchema?.['ui:widget'] === 'radio';
  const range = rangeWords(schema, trans);
  const modified = !record && schema.default !== undefined && JSON.stringify(props.formData) !== JSON.stringify(schema.default);
  const body = (
    <>
      <div className="jp-mlplat-fieldControl">
        {children}
        {range && <span className="jp-mlplat-range">{range}</span>}
      </div>
      {schema.description && <p className="jp-mlplat-hint">{schema.description}</p>}
      {modified && <p className="jp-mlplat-hint jp-mod-modified">{trans.__('Default: %1', plainWords(schema.default))}</p>}
      {rawErrors?.map(error => (
        <p key={error} className="jp-mlplat-fieldError" role="alert">
          {error}
        </p>
      ))}
    </>
  );
  const className = `jp-mlplat-field${record ? ' jp-mod-record' : ''}${rawErrors?.length ? ' jp-mod-invalid' : ''}`;
  return group ? (
    <fieldset className={className} data-parameter={label}>
      <legend>{label}</legend>
      {body}
    </fieldset>
  ) : (
    <div className={className} data-parameter={label}>
      <label htmlFor={id}>{label}</label>
      {body}
    </div>
  );
}

function plainWords(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function rangeWords(schema: RJSFSchema, trans: TranslationBundle): string {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low !== undefined && high !== undefined) {
    return `${low.toLocaleString()} – ${high.toLocaleString()}`;
  }
  if (low !== undefined) {
    return schema.minimum === undefined ? trans.__('more than %1', low) : trans.__('at least %1', low);
  }
  return high === undefined ? '' : trans.__('at most %1', high);
}

/** Lists, mappings and unions are written as JSON; the fields of a record are lines of their own. */
function JsonField(props: FieldProps): JSX.Element {
  const trans = useTrans();
  const [text, setText] = React.useState(() => (props.formData === undefined ? '' : JSON.stringify(props.formData)));
  const [wrong, setWrong] = React.useState(false);
  return (
    <>
      <textarea
        id={props.idSchema.$id}
        className={`jp-mlplat-jsonField${wrong ? ' jp-mod-error' : ''}`}
        rows={Math.min(4, 1 + Math.floor(text.length / 48))}
        value={text}
        spellCheck={false}
        aria-invalid={wrong}
        placeholder="JSON"
        onChange={event => {
          const next = event.target.value;
          setText(next);
          if (next.trim() === '') {
            setWrong(false);
            props.onChange(undefined);
            return;
          }
          try {
            props.onChange(JSON.parse(next) as JSONValue);
            setWrong(false);
          } catch {
            setWrong(true);
          }
        }}
      />
      {wrong && <span className="jp-mlplat-fieldError">{trans.__('This is not JSON.')}</span>}
    </>
  );
}

function isStructured(node: JSONObject): boolean {
  if (node.type === 'object' && node.properties !== undefined) {
    // Without a default of its own, fields filled in from theirs would look like a value that somebody gave.
    return node.default === undefined;
  }
  return node.type === 'array' || node.type === 'object' || 'anyOf' in node || 'oneOf' in node || Array.isArray(node.type);
}

function uiFor(properties: ParametersSchema['properties']): UiSchema {
  const ui: UiSchema = { 'ui:options': { label: false, title: '' } };
  for (const [name, node] of Object.entries(properties)) {
    if (isStructured(node)) {
      ui[name] = { 'ui:field': 'json' };
    } else if (node.type === 'object') {
      ui[name] = uiFor(node.properties as ParametersSchema['properties']);
    } else if (Array.isArray(node.enum) && node.enum.length <= RADIOS) {
      ui[name] = { 'ui:widget': 'radio', 'ui:options': { inline: true } };
    } else if (node.type === 'boolean') {
      ui[name] = { 'ui:options': { label: false } };
    }
  }
  return ui;
}

/** Schemas whose records hand their default down to their fields: that is what a field is without a change. */
function handedDown(properties: ParametersSchema['properties']): ParametersSchema['properties'] {
  const made: ParametersSchema['properties'] = {};
  for (const [name, node] of Object.entries(properties)) {
    made[name] = node;
    if (node.type === 'object' && node.properties !== undefined && node.default !== undefined) {
      const defaults = node.default as JSONObject;
      const fields: ParametersSchema['properties'] = {};
      for (const [field, inner] of Object.entries(node.properties as ParametersSchema['properties'])) {
        const value = defaults[field];
        fields[field] = value === undefined ? inner : { ...inner, default: value };
      }
      made[name] = { ...node, properties: handedDown(fields) };
    }
  }
  return made;
}

/** The defaults of a schema. */
export function defaultsOf(schema: ParametersSchema): JSONObject {
  const values: JSONObject = {};
  for (const [name, node] of Object.entries(schema.properties)) {
    if (node.default !== undefined) {
      values[name] = node.default as JSONValue;
    }
  }
  return values;
}

/** What differs from the defaults: only that is sent, so that the notebook's own values stay the truth. */
export function changedFrom(schema: ParametersSchema, values: ReadonlyJSONObject): JSONObject {
  const defaults = defaultsOf(schema);
  const changed: JSONObject = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(defaults[name])) {
      changed[name] = value as JSONValue;
    }
  }
  return changed;
}

export interface IParametersFormProps {
  readonly schema: ParametersSchema;
  readonly values: JSONObject;
  readonly errors: Readonly<Record<string, string>>;
  readonly change: (values: JSONObject) => void;
}

const TEMPLATES = { FieldTemplate: Line };
const FIELDS = { json: JsonField };

/** The fields; errors that the server found are shown beside those that the browser finds. */
export function ParametersForm(props: IParametersFormProps): JSX.Element {
  const { schema } = props;
  const extra = React.useMemo(() => {
    const found: Record<string, { __errors: string[] }> = {};
    for (const [name, message] of Object.entries(props.errors)) {
      found[name] = { __errors: [message] };
    }
    return found as ErrorSchema<ReadonlyJSONObject>;
  }, [props.errors]);
  // A title would repeat the dialog's; `$schema` names a dialect that the validator need not load.
  const shown = React.useMemo(() => {
    const left = new Set(['$schema', '$id', 'title', 'description']);
    const kept = Object.fromEntries(Object.entries(schema).filter(([name]) => !left.has(name)));
    return { ...kept, properties: handedDown(schema.properties) } as RJSFSchema;
  }, [schema]);
  const ui = React.useMemo(() => uiFor(handedDown(schema.properties)), [schema]);
  return (
    <FormComponent
      className="jp-mlplat-parameters"
      tagName="div"
      schema={shown}
      uiSchema={ui as never}
      formData={props.values}
      formContext={{ defaultFormData: defaultsOf(schema) }}
      templates={TEMPLATES as never}
      fields={FIELDS as never}
      validator={validator as never}
      extraErrors={extra}
      showErrorList={false}
      liveValidate
      idPrefix="root"
      onChange={event => {
        props.change((event.formData ?? {}) as JSONObject);
      }}
    />
  );
}
