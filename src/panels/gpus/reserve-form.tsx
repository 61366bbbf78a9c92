/** Which GPUs shall be kept for whom, and when. */

import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';
import type { GPUs, ReservationRequest } from '../../types';
import { moment } from '../../widgets/format';
import { TransContext, useTrans } from '../../widgets/trans';
import type { IPanelContext } from '../context';
import { DeviceFields, type IDevicesAsked } from './device-fields';

const HOUR = 3600_000;

interface IWindow extends IDevicesAsked {
  /** In the browser's own zone, as `<input type="datetime-local">` writes it. */
  readonly from: string;
  readonly hours: string;
  readonly whose: string;
  readonly label: string;
}

/** What the server takes as the window of a reservation. */
export type ReservationAsked = Pick<ReservationRequest, 'starts_at' | 'ends_at' | 'whose' | 'label'> & IDevicesAsked;

/** The body of the dialog. */
export class ReservationForm extends ReactWidget {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _gpus: GPUs,
    private readonly _submit: (asked: ReservationAsked) => Promise<string | null>
  ) {
    super();
    this.addClass('jp-mlplat');
  }

  /** Submits; false, with the reason shown, where it was refused. */
  async submit(): Promise<boolean> {
    const asked = toRequest(this._asked);
    const { trans } = this._context;
    this._wrong = asked === null ? trans.__('Give a time, and a number of hours.') : await this._submit(asked);
    this.update();
    return this._wrong === null;
  }

  protected render(): JSX.Element {
    return (
      <TransContext.Provider value={this._context.trans}>
        <Fields
          gpus={this._gpus}
          asked={this._asked}
          wrong={this._wrong}
          change={asked => {
            this._asked = asked;
            this._wrong = null;
            this.update();
          }}
        />
      </TransContext.Provider>
    );
  }

  private _asked: IWindow = { gpu_type: null, count: 1, memory: null, from: nextHour(), hours: '2', whose: '', label: '' };
  private _wrong: string | null = null;
}

/** The next full hour, as the input writes it. */
function nextHour(): string {
  const then = new Date(Math.ceil(Date.now() / HOUR) * HOUR);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function toRequest(asked: IWindow): ReservationAsked | null {
  const from = new Date(asked.from).getTime();
  const ends = new Date(from + Number(asked.hours) * HOUR);
  if (Number.isNaN(ends.getTime()) || asked.hours.trim() === '') {
    return null;
  }
  return {
    gpu_type: asked.gpu_type,
    count: asked.count,
    memory: asked.memory,
    starts_at: new Date(from).toISOString(),
    ends_at: ends.toISOString(),
    whose: asked.whose.trim() || null,
    label: asked.label.trim() || null
  };
}

interface IFieldsProps {
  readonly gpus: GPUs;
  readonly asked: IWindow;
  readonly wrong: string | null;
  readonly change: (asked: IWindow) => void;
}

function Fields(props: IFieldsProps): JSX.Element {
  const { asked, change } = props;
  const trans = useTrans();
  const request = toRequest(asked);
  const field = (name: 'from' | 'hours' | 'whose' | 'label', label: string, more: React.InputHTMLAttributes<HTMLInputElement>) => (
    <div className="jp-mlplat-field">
      <label htmlFor={`jp-mlplat-reserve-${name}`}>{label}</label>
      <div className="jp-mlplat-fieldControl">
        <input
          id={`jp-mlplat-reserve-${name}`}
          value={asked[name]}
          onChange={event => {
            change({ ...asked, [name]: event.target.value });
          }}
          {...more}
        />
      </div>
    </div>
  );
  return (
    <div className="jp-mlplat-runForm">
      {field('from', trans.__('From'), { type: 'datetime-local', required: true })}
      {field('hours', trans.__('Hours'), { type: 'number', min: 0, step: 'any', required: true })}
      <DeviceFields
        gpus={props.gpus}
        asked={asked}
        change={devices => {
          change({ ...asked, ...devices });
        }}
      />
      {field('whose', trans.__('For'), { type: 'text', placeholder: trans.__('you; or a user, or @group') })}
      {field('label', trans.__('What for'), { type: 'text', placeholder: trans.__('shown to the others') })}
      <p className="jp-mlplat-hint" aria-live="polite">
        {request === null
          ? trans.__('Who has a device then keeps it; nobody else is given one beyond the begin.')
          : trans.__(
              'Until %1. Who has a device already keeps it; others are given one only up to the begin.',
              moment(request.ends_at)
            )}
      </p>
      {props.wrong !== null && (
        <p className="jp-mlplat-fieldError" role="alert">
          {props.wrong}
        </p>
      )}
    </div>
  );
}
