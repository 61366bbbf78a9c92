/** The fields of a form that say which devices are meant: type, number, memory. */

import * as React from 'react';
import type { GPUs } from '../../types';
import { bytes } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';

const GIB = 2 ** 30;

/** Which devices somebody means; null is any. */
export interface IDevicesAsked {
  readonly gpu_type: string | null;
  readonly count: number;
  readonly memory: number | null;
}

interface IDeviceFieldsProps {
  readonly gpus: GPUs;
  readonly asked: IDevicesAsked;
  readonly change: (asked: IDevicesAsked) => void;
}

export function DeviceFields(props: IDeviceFieldsProps): JSX.Element {
  const { gpus, change } = props;
  const { gpu_type, count, memory } = props.asked;
  const asked = { gpu_type, count, memory };
  const trans = useTrans();
  const names = [...new Set(gpus.devices.map(device => device.name))];
  const largest = Math.max(...gpus.devices.map(device => device.memory_total_bytes));
  return (
    <>
      <div className="jp-mlplat-field">
        <label htmlFor="jp-mlplat-gpu-type">{trans.__('Type')}</label>
        <div className="jp-mlplat-fieldControl">
          <select
            id="jp-mlplat-gpu-type"
            value={asked.gpu_type ?? ''}
            onChange={event => {
              change({ ...asked, gpu_type: event.target.value || null });
            }}
          >
            <option value="">{trans.__('any')}</option>
            {names.map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </div>
      </div>
      <div className="jp-mlplat-field">
        <label htmlFor="jp-mlplat-gpu-count">{trans.__('Devices')}</label>
        <div className="jp-mlplat-fieldControl">
          <input
            id="jp-mlplat-gpu-count"
            type="number"
            min={1}
            max={gpus.devices.length}
            value={asked.count}
            onChange={event => {
              change({ ...asked, count: Math.max(1, Math.trunc(Number(event.target.value) || 1)) });
            }}
          />
          <span className="jp-mlplat-range">1 – {gpus.devices.length}</span>
        </div>
      </div>
      <div className="jp-mlplat-field">
        <label htmlFor="jp-mlplat-gpu-memory">{trans.__('Memory of each, GiB')}</label>
        <div className="jp-mlplat-fieldControl">
          <input
            id="jp-mlplat-gpu-memory"
            type="number"
            min={1}
            placeholder={trans.__('any')}
            onChange={event => {
              const size = Number(event.target.value);
              change({ ...asked, memory: size > 0 ? Math.round(size * GIB) : null });
            }}
          />
          <span className="jp-mlplat-range">{trans.__('at most %1', bytes(largest))}</span>
        </div>
      </div>
    </>
  );
}
