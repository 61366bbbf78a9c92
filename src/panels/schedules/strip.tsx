/** The last and the next 24 hours of all schedules: a lane each, a mark for each instant. */

import * as React from 'react';
import type { IPlan } from '../../model';
import { moment } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { countWords, type IEntry, type Mark, MARKS, markTone, markWord, READ, wentWrong } from './entries';

export const DAY = 86_400_000;

/** Marks closer than this share a place: 20 minutes. */
const PLACE = 1_200_000;
const PLACES = (2 * DAY) / PLACE;

interface IStripProps {
  readonly plans: ReadonlyArray<IPlan>;
  readonly entries: ReadonlyMap<string, ReadonlyArray<IEntry>>;
  readonly now: number;
  readonly chosen: string | null;
  readonly choose: (id: string) => void;
}

export function Strip(props: IStripProps): JSX.Element {
  const { plans, entries, now } = props;
  const trans = useTrans();
  const from = now - DAY;
  return (
    <div className="jp-mlplat-lanes">
      {plans.map(({ schedule }) => (
        <Lane
          key={schedule.id}
          name={schedule.name}
          entries={entries.get(schedule.id) ?? []}
          from={from}
          now={now}
          chosen={schedule.id === props.chosen}
          choose={() => {
            props.choose(schedule.id);
          }}
        />
      ))}
      <Hours from={from} />
      <ul className="jp-mlplat-legend" aria-label={trans.__('What the marks mean')}>
        {READ.map(mark => (
          <li key={mark}>
            <i className="jp-mlplat-mark" data-mark={mark} data-tone={markTone(mark)} aria-hidden /> {markWord(mark, trans)}
          </li>
        ))}
        <li>
          <i className="jp-mlplat-mark" data-mark="failed" data-tone="error" aria-hidden /> {trans.__('Ran and failed')}
        </li>
      </ul>
    </div>
  );
}

interface ILaneProps {
  readonly name: string;
  readonly entries: ReadonlyArray<IEntry>;
  readonly from: number;
  readonly now: number;
  readonly chosen: boolean;
  readonly choose: () => void;
}

const Lane = React.memo(
  function Lane({ name, entries, from, now, chosen, choose }: ILaneProps): JSX.Element {
    const trans = useTrans();
    const places = new Map<number, IEntry[]>();
    for (const entry of entries) {
      const place = Math.min(PLACES - 1, Math.max(0, Math.floor((entry.time - from) / PLACE)));
      places.set(place, [...(places.get(place) ?? []), entry]);
    }
    const past = countWords(entries.filter(each => each.mark !== 'coming'), trans) || trans.__('nothing was due');
    const coming = entries.filter(each => each.mark === 'coming').length;
    const words = trans.__('%1, last 24 hours: %2; next 24 hours: %3 to come', name, past, coming);
    return (
      <div className="jp-mlplat-lane" data-chosen={chosen}>
        <button type="button" className="jp-mlplat-rowName" onClick={choose} title={trans.__('Show %1 below', name)}>
          {name}
        </button>
        <div className="jp-mlplat-track" role="img" aria-label={words}>
          {[...places].map(([place, some]) => (
            <PlaceMark key={place} place={place} entries={some} />
          ))}
          <i className="jp-mlplat-nowLine" style={{ left: `${((now - from) / (2 * DAY)) * 100}%` }} />
        </div>
      </div>
    );
  },
  (before, after) => before.entries === after.entries && before.chosen === after.chosen && before.name === after.name && before.from === after.from
);

function PlaceMark({ place, entries }: { readonly place: number; readonly entries: ReadonlyArray<IEntry> }): JSX.Element {
  const trans = useTrans();
  const mark = entries.reduce<Mark>((worst, each) => (MARKS.indexOf(each.mark) > MARKS.indexOf(worst) ? each.mark : worst), 'coming');
  const failed = (mark === 'ran' || mark === 'caught_up') && entries.some(wentWrong);
  const last = entries[entries.length - 1];
  const span = entries.length === 1 ? moment(new Date(last.time)) : `${moment(new Date(entries[0].time))} – ${moment(new Date(last.time))}`;
  return (
    <i
      className="jp-mlplat-mark"
      data-mark={failed ? 'failed' : mark}
      data-tone={failed ? 'error' : markTone(mark)}
      style={{ left: `${(place / PLACES) * 100}%` }}
      title={`${span}: ${countWords(entries, trans)}`}
    />
  );
}

/** Six-hour lines of the local clock. */
function Hours({ from }: { readonly from: number }): JSX.Element {
  const trans = useTrans();
  const lines: Date[] = [];
  const first = new Date(from);
  first.setMinutes(0, 0, 0);
  for (let hour = 1; hour <= 48; hour++) {
    const at = new Date(first.getTime() + hour * 3_600_000);
    if (at.getHours() % 6 === 0 && at.getTime() < from + 2 * DAY) {
      lines.push(at);
    }
  }
  return (
    <div className="jp-mlplat-lane jp-mlplat-hours" aria-hidden>
      <span />
      <div className="jp-mlplat-track">
        {lines.map(at => (
          <span key={at.getTime()} style={{ left: `${((at.getTime() - from) / (2 * DAY)) * 100}%` }}>
            {at.getHours() === 0
              ? at.toLocaleDateString(undefined, { weekday: 'short' })
              : at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })}
          </span>
        ))}
        <b style={{ left: '50%' }}>{trans.__('now')}</b>
      </div>
    </div>
  );
}
