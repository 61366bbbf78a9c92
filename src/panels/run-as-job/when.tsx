/** The section "When" of the form: now, or on a schedule, with the next fire times as one types. */

import * as React from 'react';
import type { ApiError, Timing } from '../../api';
import type { PlatformModel } from '../../model';
import { asApiError } from '../../resource';
import type { FireTime } from '../../types';
import { moment } from '../../widgets/format';
import { Field } from '../../widgets/parts';
import { Ahead } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { cronWords } from '../schedules/words';
import { type IValues, type Kind, ownZone, timingOf } from './values';

/** Milliseconds without a key press before the server is asked. */
const PAUSE = 300;

/** Fire times that are shown. */
const SHOWN = 5;

interface IPreview {
  readonly times: ReadonlyArray<FireTime>;
  readonly error: ApiError | null;
  readonly busy: boolean;
}

/** The next fire times of a timing; null asks nothing. */
function usePreview(model: PlatformModel, timing: Timing | null): IPreview {
  const [preview, setPreview] = React.useState<IPreview>({ times: [], error: null, busy: timing !== null });
  const key = JSON.stringify(timing);
  React.useEffect(() => {
    if (timing === null) {
      setPreview({ times: [], error: null, busy: false });
      return;
    }
    const abort = new AbortController();
    setPreview(last => ({ ...last, busy: true }));
    const timer = window.setTimeout(() => {
      model.api.schedules.preview(timing, SHOWN, abort.signal).then(
        page => {
          setPreview({ times: page.items, error: null, busy: false });
        },
        (reason: unknown) => {
          if (!abort.signal.aborted) {
            setPreview({ times: [], error: asApiError(reason), busy: false });
          }
        }
      );
    }, PAUSE);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [model, key]);
  return preview;
}

/** What is wrong with a field, and what to do. */
function wrong(error: ApiError | null, field: string): string | undefined {
  const message = error?.fields[field];
  return message === undefined ? undefined : [message, error?.hint].filter(Boolean).join(': ');
}

export interface IWhenProps {
  readonly model: PlatformModel;
  readonly values: IValues;
  readonly fields: Readonly<Record<string, string>>;
  /** There is no "now": the form changes a schedule. */
  readonly fixed: boolean;
  readonly change: (values: Partial<IValues>) => void;
}

export function WhenSection(props: IWhenProps): JSX.Element {
  const { values, change } = props;
  const trans = useTrans();
  return (
    <section aria-labelledby="jp-mlplat-h-when">
      <h3 id="jp-mlplat-h-when">{trans.__('When')}</h3>
      {!props.fixed && (
        <div className="jp-mlplat-choices" role="radiogroup" aria-labelledby="jp-mlplat-h-when">
          {[false, true].map(scheduled => (
            <label key={String(scheduled)} className="jp-mlplat-check">
              <input
                type="radio"
                name="jp-mlplat-when"
                checked={values.scheduled === scheduled}
                onChange={() => {
                  change({ scheduled });
                }}
              />
              {scheduled ? trans.__('on a schedule') : trans.__('now')}
            </label>
          ))}
        </div>
      )}
      {values.scheduled && <Timed {...props} />}
    </section>
  );
}

function Timed(props: IWhenProps): JSX.Element {
  const { model, values, fields, change } = props;
  const trans = useTrans();
  const preview = usePreview(model, timingOf(values));
  const error = (field: string): string | undefined => fields[field] ?? wrong(preview.error, field);
  const kinds: ReadonlyArray<readonly [Kind, string]> = [
    ['cron', trans.__('by the clock (cron)')],
    ['every', trans.__('at an interval')],
    ['at', trans.__('once')]
  ];
  return (
    <div className="jp-mlplat-timed">
      <div className="jp-mlplat-choices" role="radiogroup" aria-label={trans.__('Kind of schedule')}>
        {kinds.map(([kind, words]) => (
          <label key={kind} className="jp-mlplat-check">
            <input
              type="radio"
              name="jp-mlplat-kind"
              checked={values.kind === kind}
              onChange={() => {
                change({ kind });
              }}
            />
            {words}
          </label>
        ))}
      </div>
      {values.kind === 'cron' && <CronFields values={values} error={error} change={change} />}
      {values.kind === 'every' && (
        <Field id="jp-mlplat-when-every" label={trans.__('Every')} error={error('every')}>
          <input
            id="jp-mlplat-when-every"
            value={values.every}
            aria-invalid={error('every') !== undefined}
            placeholder={trans.__('like 15m, 6h or 1d')}
            onChange={event => {
              change({ every: event.target.value });
            }}
          />
        </Field>
      )}
      {values.kind === 'at' && (
        <Field id="jp-mlplat-when-at" label={trans.__('At')} error={error('at')} help={trans.__('In your time zone, %1.', ownZone())}>
          <input
            id="jp-mlplat-when-at"
            type="datetime-local"
            value={values.at}
            aria-invalid={error('at') !== undefined}
            onChange={event => {
              change({ at: event.target.value });
            }}
          />
        </Field>
      )}
      <FireTimes preview={preview} zone={values.kind === 'cron' ? values.timezone : ownZone()} />
    </div>
  );
}

interface ICronProps {
  readonly values: IValues;
  readonly error: (field: string) => string | undefined;
  readonly change: (values: Partial<IValues>) => void;
}

function CronFields({ values, error, change }: ICronProps): JSX.Element {
  const trans = useTrans();
  const zones = React.useMemo(() => ['UTC', ...Intl.supportedValuesOf('timeZone')], []);
  const presets: ReadonlyArray<readonly [string, string]> = [
    [trans.__('hourly'), '0 * * * *'],
    [trans.__('daily'), '0 6 * * *'],
    [trans.__('weekdays'), '0 6 * * 1-5'],
    [trans.__('weekly'), '0 6 * * 1'],
    [trans.__('monthly'), '0 6 1 * *']
  ];
  return (
    <>
      <Field id="jp-mlplat-when-cron" label={trans.__('Cron')} error={error('cron')}>
        <input
          id="jp-mlplat-when-cron"
          className="jp-mlplat-code"
          value={values.cron}
          spellCheck={false}
          autoComplete="off"
          aria-invalid={error('cron') !== undefined}
          aria-describedby="jp-mlplat-when-cron-words"
          placeholder={trans.__('minute hour day month weekday')}
          onChange={event => {
            change({ cron: event.target.value });
          }}
        />
        <span className="jp-mlplat-range" id="jp-mlplat-when-cron-words">
          {cronWords(values.cron, trans) ?? trans.__('minute hour day month weekday')}
        </span>
      </Field>
      <p className="jp-mlplat-presets">
        {presets.map(([words, cron]) => (
          <button
            key={cron}
            type="button"
            className="jp-mlplat-link"
            title={cron}
            onClick={() => {
              change({ cron });
            }}
          >
            {words}
          </button>
        ))}
      </p>
      <Field id="jp-mlplat-when-zone" label={trans.__('Time zone')} error={error('timezone')}>
        <input
          id="jp-mlplat-when-zone"
          value={values.timezone}
          spellCheck={false}
          autoComplete="off"
          list="jp-mlplat-zones"
          aria-invalid={error('timezone') !== undefined}
          placeholder={ownZone()}
          onChange={event => {
            change({ timezone: event.target.value });
          }}
        />
        <datalist id="jp-mlplat-zones">
          {zones.map(zone => (
            <option key={zone} value={zone} />
          ))}
        </datalist>
      </Field>
    </>
  );
}

/** Where the list will be, its place is kept: nothing moves while one types. */
function FireTimes(props: { readonly preview: IPreview; readonly zone: string }): JSX.Element {
  const { times, error, busy } = props.preview;
  const trans = useTrans();
  const placed = error !== null && ['cron', 'timezone', 'every', 'at'].some(field => field in error.fields);
  return (
    <div className="jp-mlplat-fires" aria-busy={busy}>
      <span id="jp-mlplat-h-fires">{trans.__('Next')}</span>
      <div aria-live="polite">
        {error !== null && !placed && <p className="jp-mlplat-fieldError">{[error.message, error.hint].filter(Boolean).join(' ')}</p>}
        {error === null && !busy && times.length === 0 && <p className="jp-mlplat-hint">{trans.__('never: it lies in the past')}</p>}
        <ol aria-labelledby="jp-mlplat-h-fires">
          {times.map(each => (
            <li key={each.utc} title={trans.__('%1, your time: %2', each.local, new Date(each.utc).toLocaleString())}>
              <b>{moment(each.utc, props.zone)}</b> <Ahead time={each.utc} />
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}
