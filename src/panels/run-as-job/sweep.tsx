/** The part of the form in which parameters get several values: lists become a grid of jobs. */

import * as React from 'react';
import { closeIcon } from '@jupyterlab/ui-components';
import type { ParametersSchema } from '../../api';
import { Field, IconButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { countOf, type ISweepValues, sizesOf, STRATEGIES, sweepable } from './sweep-values';

interface ISweepProps {
  readonly schema: ParametersSchema;
  readonly sweep: ISweepValues;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (sweep: ISweepValues) => void;
}

export function SweepFields(props: ISweepProps): JSX.Element | null {
  const { schema, sweep, fields, change } = props;
  const trans = useTrans();
  const names = Object.keys(sweep.over);
  const left = sweepable(schema).filter(name => !names.includes(name));
  const box = React.useRef<HTMLDivElement>(null);
  const added = React.useRef<string | null>(null);
  // The field of a parameter that was just added takes the focus once it is drawn.
  React.useEffect(() => {
    const field = added.current === null ? null : box.current?.querySelector<HTMLElement>(`[id="jp-mlplat-sweep-${added.current}"]`);
    if (field) {
      added.current = null;
      field.focus();
    }
  });
  if (names.length + left.length === 0) {
    return null;
  }
  return (
    <div ref={box} className="jp-mlplat-sweepFields" role="group" aria-label={trans.__('Sweep')}>
      {names.map(name => (
        <Field key={name} id={`jp-mlplat-sweep-${name}`} label={trans.__('Values of %1', name)} error={fields[`space.${name}`]}>
          <input
            id={`jp-mlplat-sweep-${name}`}
            className="jp-mlplat-code"
            value={sweep.over[name]}
            spellCheck={false}
            autoComplete="off"
            aria-invalid={`space.${name}` in fields}
            placeholder={placeholderOf(schema, name)}
            onChange={event => {
              change({ ...sweep, over: { ...sweep.over, [name]: event.target.value } });
            }}
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Do not sweep over %1', name)}
            onClick={() => {
              change({ ...sweep, over: Object.fromEntries(Object.entries(sweep.over).filter(([each]) => each !== name)) });
            }}
          />
        </Field>
      ))}
      {left.length > 0 && (
        <Field
          id="jp-mlplat-sweep-add"
          label={trans.__('Sweep over')}
          help={names.length === 0 ? trans.__('Give parameters several values: each combination is a job of its own.') : undefined}
          error={fields.space}
        >
          <select
            id="jp-mlplat-sweep-add"
            value=""
            onChange={event => {
              const name = event.target.value;
              const given: unknown = schema.properties[name]?.default;
              const first = typeof given === 'number' || typeof given === 'string' ? `${given}, ` : '';
              change({ ...sweep, over: { ...sweep.over, [name]: first } });
              added.current = name;
            }}
          >
            <option value="">{names.length === 0 ? trans.__('nothing: one job') : trans.__('one more parameter…')}</option>
            {left.map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </Field>
      )}
      {names.length > 0 && <Points {...props} />}
    </div>
  );
}

/** "0.1, 0.01" or what else fits the type. */
function placeholderOf(schema: ParametersSchema, name: string): string {
  const node = schema.properties[name];
  if (Array.isArray(node.enum)) {
    return node.enum.join(', ');
  }
  switch (node.type) {
    case 'integer':
      return '1, 2, 4';
    case 'number':
      return '0.1, 0.01';
    case 'boolean':
      return 'true, false';
    case 'string':
      return 'a, b';
    default:
      return '[[1], [1, 2]]';
  }
}

function Points({ schema, sweep, fields, change }: ISweepProps): JSX.Element {
  const trans = useTrans();
  const words = {
    grid: trans.__('every combination'),
    random: trans.__('so many at random'),
    optuna: trans.__('so many, chosen by Optuna')
  };
  const text = (name: 'trials' | 'metric' | 'parallel', label: string, none: string, help?: string): JSX.Element => (
    <Field id={`jp-mlplat-sweep-${name}`} label={label} error={fields[name]} help={help}>
      <input
        id={`jp-mlplat-sweep-${name}`}
        value={sweep[name]}
        placeholder={none}
        aria-invalid={name in fields}
        onChange={event => {
          change({ ...sweep, [name]: event.target.value });
        }}
      />
    </Field>
  );
  return (
    <>
      <Field id="jp-mlplat-sweep-strategy" label={trans.__('Points')} error={fields.strategy}>
        <select
          id="jp-mlplat-sweep-strategy"
          value={sweep.strategy}
          onChange={event => {
            change({ ...sweep, strategy: STRATEGIES.find(each => each === event.target.value) ?? 'grid' });
          }}
        >
          {STRATEGIES.map(each => (
            <option key={each} value={each}>
              {words[each]}
            </option>
          ))}
        </select>
      </Field>
      {sweep.strategy !== 'grid' &&
        text('trials', trans.__('How many points'), '20', trans.__('Ranges of numbers may be written like 0.0001..1 log.'))}
      {text('metric', trans.__('Metric'), trans.__('the notebook’s own'))}
      <Field id="jp-mlplat-sweep-direction" label={trans.__('Better is')} error={fields.direction}>
        <select
          id="jp-mlplat-sweep-direction"
          value={sweep.direction}
          onChange={event => {
            change({ ...sweep, direction: event.target.value === 'minimize' ? 'minimize' : 'maximize' });
          }}
        >
          <option value="maximize">{trans.__('the larger value')}</option>
          <option value="minimize">{trans.__('the smaller value')}</option>
        </select>
      </Field>
      {text('parallel', trans.__('Points at a time'), trans.__('as many as may run'))}
      <p className="jp-mlplat-sweepCount" aria-live="polite">
        <CountWords schema={schema} sweep={sweep} />
      </p>
    </>
  );
}

/** "3 × 2 = 6 jobs". */
function CountWords({ schema, sweep }: Pick<ISweepProps, 'schema' | 'sweep'>): JSX.Element {
  const trans = useTrans();
  const count = countOf(schema, sweep);
  const sizes = sizesOf(schema, sweep);
  if (count === null) {
    return <>{trans.__('The number of jobs appears here.')}</>;
  }
  const jobs = trans._n('%1 job', '%1 jobs', count);
  return <>{sweep.strategy === 'grid' && sizes !== null && sizes.length > 1 ? `${sizes.join(' × ')} = ${jobs}` : jobs}</>;
}
