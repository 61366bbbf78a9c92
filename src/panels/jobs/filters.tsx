/** What a list of jobs is narrowed to: states, mine, a part of the name, one schedule, sweep or pipeline. */

import * as React from 'react';
import type { JobFilter } from '../../api';
import type { JobState } from '../../types';
import { Chips } from '../../widgets/chips';
import { IconButton } from '../../widgets/parts';
import { StateIcon, type AnyState } from '../../widgets/state';
import { useTrans } from '../../widgets/trans';
import { closeIcon } from '@jupyterlab/ui-components';
import { shortId } from './words';

/** Milliseconds without a key press before the list is asked for. */
const PAUSE = 250;

/** States that people look for together. */
export const GROUPS = {
  running: ['starting', 'running'],
  queued: ['queued'],
  failed: ['failed', 'lost'],
  succeeded: ['succeeded'],
  cancelled: ['cancelled', 'skipped']
} as const satisfies Readonly<Record<string, ReadonlyArray<JobState>>>;

export type Group = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as ReadonlyArray<Group>;

/** What the filters say, as it is remembered. */
export interface IFilters {
  readonly groups: ReadonlyArray<Group>;
  readonly mine: boolean;
  readonly name: string;
  readonly schedule: string | null;
  readonly sweep: string | null;
  readonly pipeline: string | null;
}

export const NO_FILTERS: IFilters = { groups: [], mine: false, name: '', schedule: null, sweep: null, pipeline: null };

/** The filters as the server takes them; `owner` is who "mine" means. */
export function filterOf(filters: IFilters, owner: string | null): JobFilter {
  return {
    states: filters.groups.flatMap(group => [...GROUPS[group]]),
    owner: filters.mine ? owner : null,
    name: filters.name.trim(),
    schedule: filters.schedule,
    sweep: filters.sweep,
    pipeline: filters.pipeline
  };
}

/** True where something is left out. */
export function narrowed(filters: IFilters): boolean {
  const { groups, mine, name, schedule, sweep, pipeline } = filters;
  return groups.length > 0 || mine || name.trim() !== '' || schedule !== null || sweep !== null || pipeline !== null;
}

interface IFiltersProps {
  readonly filters: IFilters;
  readonly change: (filters: IFilters) => void;
}

export function Filters({ filters, change }: IFiltersProps): JSX.Element {
  const trans = useTrans();
  const chip = (id: Group | 'mine', label: string, state?: AnyState): { id: string; label: string; icon?: React.ReactNode } => ({
    id,
    label,
    icon: state && <StateIcon state={state} />
  });
  const pressed = new Set<string>([...filters.groups, ...(filters.mine ? ['mine'] : [])]);
  return (
    <div className="jp-mlplat-filters">
      <NameField
        name={filters.name}
        change={name => {
          change({ ...filters, name });
        }}
      />
      <Chips
        label={trans.__('Show only')}
        chips={[
          chip('running', trans.__('Running'), 'running'),
          chip('queued', trans.__('Queued'), 'queued'),
          chip('failed', trans.__('Failed or lost'), 'failed'),
          chip('succeeded', trans.__('Succeeded'), 'succeeded'),
          chip('cancelled', trans.__('Cancelled or skipped'), 'cancelled'),
          chip('mine', trans.__('Mine'))
        ]}
        pressed={pressed}
        toggle={id => {
          const group = GROUP_NAMES.find(each => each === id);
          if (group === undefined) {
            change({ ...filters, mine: !filters.mine });
          } else {
            const groups = GROUP_NAMES.filter(each => filters.groups.includes(each) !== (each === group));
            change({ ...filters, groups });
          }
        }}
      />
      {filters.schedule !== null && (
        <Source
          words={trans.__('of schedule %1', shortId(filters.schedule))}
          remove={() => {
            change({ ...filters, schedule: null });
          }}
        />
      )}
      {filters.sweep !== null && (
        <Source
          words={trans.__('of sweep %1', shortId(filters.sweep))}
          remove={() => {
            change({ ...filters, sweep: null });
          }}
        />
      )}
      {filters.pipeline !== null && (
        <Source
          words={trans.__('of pipeline %1', shortId(filters.pipeline))}
          remove={() => {
            change({ ...filters, pipeline: null });
          }}
        />
      )}
    </div>
  );
}

function NameField(props: { readonly name: string; readonly change: (name: string) => void }): JSX.Element {
  const trans = useTrans();
  const [text, setText] = React.useState(props.name);
  const { change, name } = props;
  const latest = React.useRef(change);
  latest.current = change;
  React.useEffect(() => {
    setText(name);
  }, [name]);
  React.useEffect(() => {
    if (text === name) {
      return;
    }
    const timer = window.setTimeout(() => {
      latest.current(text);
    }, PAUSE);
    return () => {
      window.clearTimeout(timer);
    };
  }, [text, name]);
  return (
    <input
      type="search"
      className="jp-mlplat-search"
      value={text}
      aria-label={trans.__('Part of the name')}
      placeholder={trans.__('Part of the name')}
      onChange={event => {
        setText(event.target.value);
      }}
    />
  );
}

/** One schedule or sweep that the list is of. */
function Source(props: { readonly words: string; readonly remove: () => void }): JSX.Element {
  const trans = useTrans();
  return (
    <span className="jp-mlplat-source">
      {props.words}
      <IconButton icon={closeIcon} label={trans.__('Show all, not only those %1', props.words)} onClick={props.remove} />
    </span>
  );
}
