/** The cells of a run: values as text, cut where nobody reads on. */

import * as React from 'react';
import type { Run } from '../../types';
import { duration } from '../../widgets/format';
import { isState, StateBadge } from '../../widgets/state';
import { Elapsed, RelativeTime } from '../../widgets/time';
import { type IColumn, tookOf, valueOf, valueText } from './columns';

/** Letters of a cell and of its tip; a value may have many thousands. */
const CELL = 120;
const TIP = 1000;

/** A text whose direction and length disturb nothing around it. */
export function Cut(props: { readonly text: string }): JSX.Element {
  return <bdi>{props.text.slice(0, CELL)}</bdi>;
}

/** A text for a tip. */
export function tip(text: string): string {
  return text.length > TIP ? `${text.slice(0, TIP)}…` : text;
}

export function Cell({ run, column }: { readonly run: Run; readonly column: IColumn }): JSX.Element {
  const value = valueOf(run, column);
  const text = valueText(value);
  const plain = column.kind !== 'attributes' || column.key === 'owner' || column.key === 'experiment';
  return (
    <td data-column={column.kind === 'attributes' ? column.key : undefined} data-kind={column.kind} title={plain && text !== '' ? tip(column.kind === 'metrics' ? String(value) : text) : undefined}>
      {plain ? <Cut text={text} /> : <Attribute run={run} name={column.key} />}
    </td>
  );
}

function Attribute({ run, name }: { readonly run: Run; readonly name: string }): JSX.Element {
  if (name === 'status') {
    return isState(run.status) ? <StateBadge state={run.status} /> : <>{run.status}</>;
  }
  if (run.started_at === null) {
    return <>–</>;
  }
  if (name === 'started') {
    return <RelativeTime time={run.started_at} />;
  }
  const took = tookOf(run);
  return took !== null ? <>{duration(took)}</> : run.status === 'RUNNING' ? <Elapsed since={run.started_at} /> : <>–</>;
}
