/** The section "Resources" of a form: which GPUs a job or a deployment has, and whether it would start at once. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { PlatformModel } from '../../model';
import type { GPUs } from '../../types';
import { Field } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { useResource } from '../context';
import { canHave, keptFor, suits } from '../gpus/fitting';
import { GPU_FIELDS, type IGPUValues, NO_GPUS, wishOfValues } from './gpu-values';

/** Up to so many devices are offered one by one. */
const SINGLE = 8;

interface IResourcesProps {
  readonly model: PlatformModel;
  readonly of: 'job' | 'deploy';
  readonly values: IGPUValues;
  readonly fields: Readonly<Record<string, string>>;
  /** One starts now: no schedule, no sweep. */
  readonly now: boolean;
  readonly change: (values: IGPUValues) => void;
}

/** Nothing where there are no GPUs, unless some are asked for already. */
export function Resources(props: IResourcesProps): JSX.Element | null {
  const { model, values, fields } = props;
  const gpus = useResource(model.gpus).data;
  React.useEffect(() => {
    // What holds a device without a lease comes and goes without an event.
    void model.gpus.refresh();
  }, [model]);
  const known = (gpus?.devices.length ?? 0) > 0;
  const said = GPU_FIELDS.some(field => field in fields) || JSON.stringify(values) !== JSON.stringify(NO_GPUS);
  return known || said ? <Fields {...props} gpus={gpus} /> : null;
}

function Fields(props: IResourcesProps & { readonly gpus: GPUs | null }): JSX.Element {
  const { gpus, values, fields } = props;
  const trans = useTrans();
  const id = (field: string): string => `jp-mlplat-${props.of}-${field}`;
  const devices = gpus?.devices ?? [];
  const names = [...new Set([...devices.map(device => device.name), ...(values.type ? [values.type] : [])])];
  const none = values.count === '';
  const change = (part: Partial<IGPUValues>): void => {
    props.change({ ...values, ...part });
  };
  const hint = gpus === null ? '' : startWords(gpus, values, props.now, trans);
  return (
    <section aria-labelledby="jp-mlplat-h-resources" className="jp-mlplat-limits jp-mlplat-resources">
      <h3 id="jp-mlplat-h-resources">{trans.__('Resources')}</h3>
      <Field id={id('gpus')} label={trans.__('GPUs')} error={fields.gpus}>
        <select
          id={id('gpus')}
          value={values.count}
          aria-invalid={'gpus' in fields}
          aria-describedby={id('gpus-hint')}
          onChange={event => {
            change({ count: event.target.value });
          }}
        >
          <option value="">{trans.__('none')}</option>
          {counts(devices.length, Number(values.count)).map(count => (
            <option key={count} value={String(count)}>
              {count}
            </option>
          ))}
        </select>
      </Field>
      {names.length > 1 || values.type || 'gpu_type' in fields ? (
        <Field id={id('gpu_type')} label={trans.__('Type')} error={fields.gpu_type}>
          <select
            id={id('gpu_type')}
            value={values.type}
            disabled={none}
            aria-invalid={'gpu_type' in fields}
            onChange={event => {
              change({ type: event.target.value });
            }}
          >
            <option value="">{trans.__('any')}</option>
            {names.map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </Field>
      ) : null}
      <Field id={id('gpu_memory')} label={trans.__('Memory of each')} error={fields.gpu_memory}>
        <input
          id={id('gpu_memory')}
          value={values.memory}
          disabled={none}
          placeholder={trans.__('any; like 16G')}
          aria-invalid={'gpu_memory' in fields}
          onChange={event => {
            change({ memory: event.target.value });
          }}
        />
      </Field>
      <div className="jp-mlplat-choices jp-mlplat-gpuChecks">
        <Check
          label={trans.__('a share of it')}
          title={trans.__('Only so much memory of each, beside others; without it, the whole device')}
          error={fields.gpu_shared}
          checked={values.shared}
          disabled={none || values.memory.trim() === ''}
          change={shared => {
            change({ shared });
          }}
        />
        {props.of === 'job' && (
          <Check
            label={trans.__('may be interrupted')}
            title={trans.__('Its GPUs can be taken back for others; it then goes on from its last checkpoint')}
            error={fields.interruptible}
            checked={values.interruptible}
            disabled={none}
            change={interruptible => {
              change({ interruptible });
            }}
          />
        )}
      </div>
      <p className="jp-mlplat-hint" id={id('gpus-hint')} aria-live="polite">
        {hint}
      </p>
    </section>
  );
}

function Check(props: {
  readonly label: string;
  readonly title: string;
  readonly error?: string;
  readonly checked: boolean;
  readonly disabled: boolean;
  readonly change: (checked: boolean) => void;
}): JSX.Element {
  return (
    <>
      <label className="jp-mlplat-check" title={props.title}>
        <input
          type="checkbox"
          checked={props.checked && !props.disabled}
          disabled={props.disabled}
          onChange={event => {
            props.change(event.target.checked);
          }}
        />
        {props.label}
      </label>
      {props.error && (
        <span className="jp-mlplat-fieldError" role="alert">
          {props.error}
        </span>
      )}
    </>
  );
}

/** 1, 2, 3 … of few devices, 1 … 8, 16, 32 … of many; what is asked for already is among them. */
function counts(devices: number, asked: number): number[] {
  const all = Array.from({ length: Math.min(SINGLE, devices) }, (_, place) => place + 1);
  for (let count = 2 * SINGLE; count < devices; count *= 2) {
    all.push(count);
  }
  return [...new Set([...all, devices, asked])].filter(count => count > 0).sort((one, other) => one - other);
}

/** "2 of 4 free now, starts at once", or "0 of 4 free, 3 wait". */
function startWords(gpus: GPUs, values: IGPUValues, now: boolean, trans: TranslationBundle): string {
  const { devices, queue } = gpus;
  const wish = wishOfValues(values);
  const count = wish?.count ?? 0;
  const asked = wish ?? { count, gpu_type: null, memory: null, shared: false };
  const suitable = devices.filter(device => suits(device, asked));
  const free = suitable.filter(device => canHave(device, asked) && keptFor(device, gpus) === null).length;
  if (suitable.length < count) {
    return suitable.length === 0
      ? trans.__('This machine has no such GPU.')
      : trans.__('This machine has only %1 such GPUs.', suitable.length);
  }
  if (queue.length > 0) {
    return trans._n('%2 of %3 free, %1 waits', '%2 of %3 free, %1 wait', queue.length, free, suitable.length);
  }
  if (wish === null || !now) {
    return trans.__('%1 of %2 free now', free, suitable.length);
  }
  return free < count
    ? trans.__('%1 of %2 free now, waits for its turn', free, suitable.length)
    : trans.__('%1 of %2 free now, starts at once', free, suitable.length);
}
