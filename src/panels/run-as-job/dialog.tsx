/** The dialogs "Run as job" and "Edit schedule": one form, made from the notebook itself. */

import { ReactWidget } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { UUID } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { ApiError, ParametersSchema } from '../../api';
import { asApiError } from '../../resource';
import type { Job, Schedule, Sweep } from '../../types';
import { showForm } from '../../widgets/dialog';
import { TransContext } from '../../widgets/trans';
import type { IPanelContext } from '../context';
import { relativeNotebook } from '../jobs/words';
import { Form } from './form';
import { countOf, sweepProblems } from './sweep-values';
import { changeOf, firstValues, isScheduleSpec, isSweepSpec, type IValues, specOf, sweeps, timingOf, unreadable, valuesOf } from './values';

/** What the form made. */
export interface IMade {
  readonly job?: Job;
  readonly schedule?: Schedule;
  readonly sweep?: Sweep;
}

/** Shows the form and submits; resolves to what it made, or null when it was given up. */
export async function runAsJob(context: IPanelContext, path: string, scheduled = false): Promise<IMade | null> {
  const { model, trans } = context;
  const schema = await model.api.notebooks.schema(path);
  let key: string = UUID.uuid4();
  const body = new FormWidget(context, path, schema, firstValues(schema, scheduled), {
    submit: async values => {
      const spec = specOf(path, schema, values);
      try {
        if (isSweepSpec(spec)) {
          return { sweep: await model.api.sweeps.create(spec, key) };
        }
        return isScheduleSpec(spec)
          ? { schedule: await model.api.schedules.create(spec, key) }
          : { job: await model.api.jobs.create(spec, key) };
      } catch (reason) {
        // The next try is another request: the server may have kept the answer to this one.
        key = UUID.uuid4();
        throw reason;
      }
    }
  });
  await showForm({
    title: trans.__('Run %1 as a job', path.split('/').pop() ?? path),
    accept: body.accept,
    acceptChanged: body.acceptChanged,
    body,
    submit: () => body.submit(),
    focus: scheduled ? '#jp-mlplat-when-cron' : undefined,
    className: 'jp-mlplat-runDialog'
  });
  return body.made;
}

/** Shows the form of a schedule and changes what was changed in it; resolves to null when it was given up. */
export async function editSchedule(context: IPanelContext, schedule: Schedule): Promise<Schedule | null> {
  const { model, trans } = context;
  const path = relativeNotebook(schedule.notebook, PageConfig.getOption('serverRoot'));
  let schema: ParametersSchema = { properties: {} };
  let without: string | null = null;
  try {
    schema = path === null ? schema : await model.api.notebooks.schema(path);
  } catch (reason) {
    without = asApiError(reason).message;
  }
  if (path === null) {
    without = trans.__('%1 is outside of the folder that this server serves; its parameters stay as they are.', schedule.notebook);
  }
  const before = valuesOf(schedule, schema);
  const body = new FormWidget(context, schedule.notebook, schema, before, {
    without,
    submit: async values => ({
      schedule: await model.api.schedules.change(schedule.id, changeOf(schema, before, values), schedule.revision)
    })
  });
  await showForm({
    title: trans.__('Edit %1', schedule.name),
    accept: body.accept,
    body,
    submit: () => body.submit(),
    focus: '#jp-mlplat-when-cron, #jp-mlplat-when-every, #jp-mlplat-when-at',
    className: 'jp-mlplat-runDialog'
  });
  return body.made?.schedule ?? null;
}

interface IFormOptions {
  /** Sends what was typed. Raises what the server says. */
  readonly submit: (values: IValues) => Promise<IMade>;
  /** A schedule is changed: why its parameters cannot be, or null. */
  readonly without?: string | null;
}

class FormWidget extends ReactWidget {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _path: string,
    private readonly _schema: ParametersSchema,
    private _values: IValues,
    private readonly _options: IFormOptions
  ) {
    super();
    this.addClass('jp-mlplat');
  }

  made: IMade | null = null;

  /** What the button says. */
  get accept(): string {
    const { trans } = this._context;
    if (this._editing || this._values.scheduled) {
      return this._editing ? trans.__('Save') : trans.__('Schedule');
    }
    const count = sweeps(this._values) ? countOf(this._schema, this._values.sweep) : 1;
    return count === null ? trans.__('Run sweep') : count === 1 ? trans.__('Run') : trans.__('Run %1 jobs', count);
  }

  readonly acceptChanged = new Signal<this, string>(this);

  /** Sends it; false when something is wrong, which is then shown. */
  async submit(): Promise<boolean> {
    const { trans } = this._context;
    const { durations, numbers, sizes, references, events } = unreadable(this._values);
    const problems = !this._values.scheduled && sweeps(this._values) ? sweepProblems(this._schema, this._values.sweep, trans) : {};
    const never = this._values.scheduled && timingOf(this._values) === null;
    if (never || Object.keys(problems).length + [durations, numbers, sizes, references, events].flat().length > 0) {
      this._show(null, {
        ...(never ? { [this._values.kind]: trans.__('Say when.') } : {}),
        ...Object.fromEntries(durations.map(field => [field, trans.__('Write it like 90s, 10m or 2h.')])),
        ...Object.fromEntries(numbers.map(field => [field, trans.__('Write a whole number.')])),
        ...Object.fromEntries(sizes.map(field => [field, trans.__('Write it like 16G or 500M.')])),
        ...Object.fromEntries(references.map(field => [field, trans.__('Write env:NAME or file:PATH; never the secret itself.')])),
        ...Object.fromEntries(events.map(field => [field, trans.__('Say of what: choose at least one.')])),
        ...problems
      });
      return false;
    }
    try {
      this.made = await this._options.submit(this._values);
      return true;
    } catch (reason) {
      const error = asApiError(reason);
      this._show(error, error.fields);
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
          without={this._options.without ?? null}
          values={this._values}
          spec={this._editing ? null : specOf(this._path, this._schema, this._values)}
          defaultName={(this._path.split('/').pop() ?? this._path).replace(/\.ipynb$/, '')}
          error={this._error}
          fields={this._fields}
          change={values => {
            const before = this.accept;
            this._values = { ...this._values, ...values };
            this._show(null, {});
            if (this.accept !== before) {
              this.acceptChanged.emit(this.accept);
            }
          }}
        />
      </TransContext.Provider>
    );
  }

  private get _editing(): boolean {
    return this._options.without !== undefined;
  }

  private _show(error: ApiError | null, fields: Readonly<Record<string, string>>): void {
    this._error = error;
    this._fields = fields;
    this.update();
  }

  private _error: ApiError | null = null;
  private _fields: Readonly<Record<string, string>> = {};
}
