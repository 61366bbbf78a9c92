/** Who is drawn in which colour: a look lights one up, a press takes it out and brings it back. */

import * as React from 'react';
import { TextButton } from '../../widgets/parts';
import { isState, StateIcon } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import type { IActor } from './series';

interface ILegendProps {
  readonly actors: ReadonlyArray<IActor>;
  readonly hidden: ReadonlySet<string>;
  readonly hide: (hidden: ReadonlySet<string>) => void;
  readonly look: (id: string | null) => void;
}

export function Legend({ actors, hidden, hide, look }: ILegendProps): JSX.Element {
  const trans = useTrans();
  const off = (): void => {
    look(null);
  };
  return (
    <div className="jp-mlplat-runLegend">
      <ul aria-label={trans.__('Runs that are drawn')}>
        {actors.map(({ id, name, colour, runs, group }) => {
          const status = runs.length === 1 && !group ? runs[0].status : '';
          const on = (): void => {
            look(hidden.has(id) ? null : id);
          };
          return (
            <li key={id}>
              <button
                type="button"
                aria-pressed={!hidden.has(id)}
                title={trans.__('%1: press to show or hide it', name.slice(0, 500))}
                onPointerEnter={on}
                onPointerLeave={off}
                onFocus={on}
                onBlur={off}
                onClick={() => {
                  const next = new Set(hidden);
                  if (!next.delete(id)) {
                    next.add(id);
                    off();
                  }
                  hide(next);
                }}
              >
                <i style={{ background: colour }} aria-hidden />
                <bdi>{name.slice(0, 80)}</bdi>
                {status === 'RUNNING' && isState(status) && <StateIcon state={status} label={trans.__('Running')} />}
                {group && <span className="jp-mlplat-number">{trans._n('%1 run', '%1 runs', runs.length)}</span>}
              </button>
            </li>
          );
        })}
      </ul>
      {hidden.size > 0 && (
        <TextButton
          label={trans.__('Show all')}
          onClick={() => {
            hide(new Set());
          }}
        />
      )}
    </div>
  );
}
