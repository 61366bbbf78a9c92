/** What the GPUs were used for in the last seven days: hours, of them at rest, and cost. */

import * as React from 'react';
import type { GPUUsage } from '../../types';
import { number } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { usePanel } from '../context';

/** So often it is asked for again, in milliseconds: hours add up slowly. */
const EVERY = 300_000;

export function Week(): JSX.Element | null {
  const { model } = usePanel();
  const trans = useTrans();
  const [usage, setUsage] = React.useState<GPUUsage | null>(null);
  React.useEffect(() => {
    const ending = new AbortController();
    const ask = (): void => {
      // Without an answer the last one stays; the devices above say what is wrong.
      model.api.gpus.usage(ending.signal).then(setUsage, () => undefined);
    };
    ask();
    const timer = window.setInterval(ask, EVERY);
    return () => {
      window.clearInterval(timer);
      ending.abort();
    };
  }, [model]);
  if (usage === null || usage.total.leases === 0) {
    return null;
  }
  const { total, currency } = usage;
  const words = [
    trans.__('This week: %1 GPU hours', hours(total.gpu_hours)),
    total.idle_hours > 0 ? trans.__('%1 of them at rest', hours(total.idle_hours)) : '',
    total.cost === null || currency === null ? '' : `${total.cost.toFixed(2)} ${currency}`
  ];
  const rows = usage.rows.map(row => {
    const cost = row.cost === null || currency === null ? '' : `, ${row.cost.toFixed(2)} ${currency}`;
    return `${row.key ?? '–'}: ${hours(row.gpu_hours)} h${cost}`;
  });
  return (
    <p className="jp-mlplat-hint" title={rows.join('\n')}>
      {words.filter(Boolean).join(', ')}
    </p>
  );
}

function hours(value: number): string {
  return number(value < 10 ? Math.round(value * 100) / 100 : Math.round(value));
}
