/** Which GPUs a new notebook shall have. */

import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';
import type { GPUs } from '../../types';
import { TransContext, useTrans } from '../../widgets/trans';
import type { IPanelContext } from '../context';
import { DeviceFields, type IDevicesAsked } from './device-fields';
import { canHave, keptFor, suits } from './fitting';

/** What was asked for. */
export interface IAsked extends IDevicesAsked {
  /** Seconds of rest after which its user is asked; 0 is never, null what is configured. */
  readonly idle_limit: number | null;
}

/** The body of the dialog; `asked` is what stands in it. */
export class GPUForm extends ReactWidget {
  constructor(
    private readonly _context: IPanelContext,
    private readonly _gpus: GPUs,
    private readonly _submit: (asked: IAsked) => Promise<string | null>
  ) {
    super();
    this.addClass('jp-mlplat');
  }

  /** Submits; false, with the reason shown, where it was refused. */
  async submit(): Promise<boolean> {
    this._wrong = await this._submit(this._asked);
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

  private _asked: IAsked = { gpu_type: null, count: 1, memory: null, idle_limit: null };
  private _wrong: string | null = null;
}

interface IFieldsProps {
  readonly gpus: GPUs;
  readonly asked: IAsked;
  readonly wrong: string | null;
  readonly change: (asked: IAsked) => void;
}

function Fields(props: IFieldsProps): JSX.Element {
  const { gpus, asked, change } = props;
  const trans = useTrans();
  const wish = { ...asked, shared: false };
  const suitable = gpus.devices.filter(device => suits(device, wish));
  const free = suitable.filter(device => canHave(device, wish) && keptFor(device, gpus) === null).length;
  return (
    <div className="jp-mlplat-runForm">
      <DeviceFields
        gpus={gpus}
        asked={asked}
        change={devices => {
          change({ ...asked, ...devices });
        }}
      />
      <div className="jp-mlplat-field">
        <label htmlFor="jp-mlplat-gpu-idle">{trans.__('Idle minutes until you are asked')}</label>
        <div className="jp-mlplat-fieldControl">
          <input
            id="jp-mlplat-gpu-idle"
            type="number"
            min={0}
            step="any"
            placeholder={trans.__('as usual')}
            onChange={event => {
              const { value } = event.target;
              change({ ...asked, idle_limit: value === '' ? null : Math.max(0, Number(value)) * 60 });
            }}
          />
          <span className="jp-mlplat-range">{trans.__('0: never')}</span>
        </div>
      </div>
      <p className="jp-mlplat-hint" aria-live="polite">
        {free >= asked.count
          ? trans.__('%1 of %2 such devices are free: it starts at once.', free, suitable.length)
          : trans.__('%1 of %2 such devices are free: it waits for its turn, and you can go on working.', free, suitable.length)}
      </p>
      {props.wrong !== null && (
        <p className="jp-mlplat-fieldError" role="alert">
          {props.wrong}
        </p>
      )}
    </div>
  );
}
