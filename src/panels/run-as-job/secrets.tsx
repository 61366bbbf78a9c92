/** Parameters that are secrets: where their values are, never what they are. */

import * as React from 'react';
import type { ParametersSchema } from '../../api';
import { Field } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';

/** The parameters that are secrets, as the schema marks them. */
export function secretsOf(schema: ParametersSchema): string[] {
  return Object.keys(schema.properties).filter(name => schema.properties[name].writeOnly === true);
}

/** The schema without its secrets: they have no value that a form could hold. */
export function withoutSecrets(schema: ParametersSchema): ParametersSchema {
  const secrets = new Set(secretsOf(schema));
  if (secrets.size === 0) {
    return schema;
  }
  const { required } = schema;
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => !secrets.has(name))),
    ...(Array.isArray(required) ? { required: required.filter(name => !secrets.has(String(name))) } : {})
  };
}

/** True for a text that says where a secret is. */
export function isReference(text: string): boolean {
  return /^(env:[A-Za-z_]\w*|file:.+)$/.test(text.trim());
}

interface ISecretsProps {
  readonly schema: ParametersSchema;
  readonly values: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (values: Readonly<Record<string, string>>) => void;
}

export function SecretFields({ schema, values, fields, change }: ISecretsProps): JSX.Element {
  const trans = useTrans();
  return (
    <>
      {secretsOf(schema).map(name => {
        const error = fields[`secrets.${name}`] ?? fields[`parameters.${name}`];
        const about = schema.properties[name].description;
        const where = trans.__('A secret: say where it is on the host that runs the job. Only that is kept.');
        return (
          <Field
            key={name}
            id={`jp-mlplat-secret-${name}`}
            label={name}
            error={error}
            help={typeof about === 'string' && about ? `${about}. ${where}` : where}
          >
            <input
              id={`jp-mlplat-secret-${name}`}
              className="jp-mlplat-code"
              value={values[name] ?? ''}
              spellCheck={false}
              autoComplete="off"
              aria-invalid={error !== undefined}
              placeholder={trans.__('env:NAME or file:PATH')}
              onChange={event => {
                change({ ...values, [name]: event.target.value });
              }}
            />
          </Field>
        );
      })}
    </>
  );
}
