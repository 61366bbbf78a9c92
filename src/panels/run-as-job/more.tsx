/** The section "More" of the form: what few jobs need. */

import * as React from 'react';
import type { ParametersSchema } from '../../api';
import type { CatchUp, Overlap } from '../../types';
import { Field } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { catchUpWords, overlapWords } from '../schedules/words';
import { NotifyFields } from './notify';
import { SweepFields } from './sweep';
import type { IValues } from './values';

const OVERLAPS: ReadonlyArray<Overlap> = ['queue', 'skip', 'allow', 'replace'];
const CATCH_UPS: ReadonlyArray<CatchUp> = ['latest', 'all', 'skip'];
const FIELDS = ['cell_timeout', 'deadline', 'priority', 'memory', 'autolog', 'overlap', 'catch_up', 'catch_up_limit', 'max_lateness'];
const NOTIFY = /^notify\b/;
const SWEEP = /^(space(\.|$)|(trials|metric|direction|parallel|strategy)$)/;

interface IMoreProps {
  readonly schema: ParametersSchema;
  /** A schedule is changed, which cannot become a sweep. */
  readonly fixed: boolean;
  readonly values: IValues;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (values: Partial<IValues>) => void;
}

export function More({ schema, fixed, values, fields, change }: IMoreProps): JSX.Element {
  const trans = useTrans();
  const [wanted, setOpen] = React.useState(false);
  const sweeping = !values.scheduled && !fixed;
  const open =
    wanted ||
    Object.keys(fields).some(field => NOTIFY.test(field)) ||
    FIELDS.some(field => field in fields) || (sweeping && Object.keys(fields).some(field => SWEEP.test(field)));
  const text = (name: 'cellTimeout' | 'deadline' | 'priority' | 'memory' | 'catchUpLimit' | 'maxLateness', field: string, label: string, none: string): JSX.Element => (
    <Field id={`jp-mlplat-job-${field}`} label={label} error={fields[field]}>
      <input
        id={`jp-mlplat-job-${field}`}
        value={values[name]}
        placeholder={none}
        aria-invalid={field in fields}
        onChange={event => {
          change({ [name]: event.target.value });
        }}
      />
    </Field>
  );
  return (
    <section className="jp-mlplat-more">
      <button
        type="button"
        className="jp-mlplat-link"
        aria-expanded={open}
        aria-controls="jp-mlplat-more-body"
        onClick={() => {
          setOpen(!open);
        }}
      >
        {open ? '▾' : '▸'} {values.scheduled ? trans.__('More: overlap, catch-up, limits, memory, priority, notify') : trans.__('More: sweep, limits, memory, priority, notify')}
      </button>
      <div id="jp-mlplat-more-body" hidden={!open}>
        {open && values.scheduled && (
          <>
            <Field id="jp-mlplat-job-overlap" label={trans.__('If the last one still runs')} error={fields.overlap}>
              <select
                id="jp-mlplat-job-overlap"
                value={values.overlap}
                onChange={event => {
                  change({ overlap: OVERLAPS.find(each => each === event.target.value) });
                }}
              >
                {OVERLAPS.map(each => (
                  <option key={each} value={each}>
                    {overlapWords(each, trans)}
                  </option>
                ))}
              </select>
            </Field>
            <Field
              id="jp-mlplat-job-catch_up"
              label={trans.__('Of those that fell due while nothing could run')}
              error={fields.catch_up}
            >
              <select
                id="jp-mlplat-job-catch_up"
                value={values.catchUp}
                onChange={event => {
                  change({ catchUp: CATCH_UPS.find(each => each === event.target.value) });
                }}
              >
                {CATCH_UPS.map(each => (
                  <option key={each} value={each}>
                    {catchUpWords(each, trans)}
                  </option>
                ))}
              </select>
            </Field>
            {values.catchUp === 'all' && text('catchUpLimit', 'catch_up_limit', trans.__('At most'), '100')}
            {text('maxLateness', 'max_lateness', trans.__('Missed when later than'), trans.__('never'))}
          </>
        )}
        {open && sweeping && (
          <SweepFields
            schema={schema}
            sweep={values.sweep}
            fields={fields}
            change={sweep => {
              change({ sweep });
            }}
          />
        )}
        {open && text('memory', 'memory', trans.__('Memory limit'), trans.__('none; like 16G or 500M'))}
        {open && text('cellTimeout', 'cell_timeout', trans.__('Time limit per cell'), trans.__('none'))}
        {open && text('deadline', 'deadline', trans.__('Time limit with all retries'), trans.__('none'))}
        {open && text('priority', 'priority', trans.__('Priority'), trans.__('0; higher runs first'))}
        {open && (
          <label className="jp-mlplat-check">
            <input
              type="checkbox"
              checked={values.autolog}
              onChange={event => {
                change({ autolog: event.target.checked });
              }}
            />
            {trans.__("Log models' training by itself")}
          </label>
        )}
        {open && (
          <NotifyFields
            notify={values.notify}
            fields={fields}
            change={notify => {
              change({ notify });
            }}
          />
        )}
      </div>
    </section>
  );
}
