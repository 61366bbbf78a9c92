/** The head of the table: every column that the server can order by is a button that does. */

import * as React from 'react';
import { useTrans } from '../../widgets/trans';
import type { ISelection } from '../../widgets/selection';
import { Cut, tip } from './cells';
import { type IColumn, NAME_ORDER } from './columns';

interface IHeadProps {
  readonly columns: ReadonlyArray<IColumn>;
  readonly count: number;
  readonly selection: ISelection;
  readonly order: ReadonlyArray<string>;
  readonly sort: (order: ReadonlyArray<string>) => void;
}

type Direction = 'ascending' | 'descending' | 'none';

function directionOf(order: ReadonlyArray<string>, field: string): Direction {
  const found = order.find(each => each === field || each.replace(/\s+(asc|desc)$/i, '') === field);
  return found === undefined ? 'none' : /\sdesc$/i.test(found) ? 'descending' : 'ascending';
}

/** The order after a press: rising, falling, none; `more` keeps the others, and this one behind them. */
export function nextOrder(order: ReadonlyArray<string>, field: string, more: boolean): string[] {
  const others = more ? order.filter(each => directionOf([each], field) === 'none') : [];
  switch (directionOf(order, field)) {
    case 'none':
      return [...others, `${field} ASC`];
    case 'ascending':
      return [...others, `${field} DESC`];
    default:
      return others;
  }
}

export function Head({ columns, count, selection, order, sort }: IHeadProps): JSX.Element {
  const trans = useTrans();
  const { chosen } = selection;
  const whole = count > 0 && chosen.size === count;
  const box = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (box.current) {
      box.current.indeterminate = chosen.size > 0 && !whole;
    }
  }, [chosen, whole]);
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" data-column="choose">
          <input
            ref={box}
            type="checkbox"
            checked={whole}
            aria-label={trans.__('Select all runs that are loaded')}
            onChange={() => {
              if (whole) {
                selection.clear();
              } else {
                selection.all();
              }
            }}
          />
        </th>
        <Title name="name" title={trans.__('Run')} field={NAME_ORDER} order={order} sort={sort} />
        {columns.map(column => (
          <Title
            key={column.id}
            name={column.kind === 'attributes' ? column.key : column.id}
            kind={column.kind}
            title={column.title}
            field={column.order}
            order={order}
            sort={sort}
          />
        ))}
        <td />
      </tr>
    </thead>
  );
}

interface ITitleProps extends Pick<IHeadProps, 'order' | 'sort'> {
  readonly name: string;
  readonly title: string;
  readonly kind?: string;
  readonly field: string | null;
}

const SIGNS: Readonly<Record<Direction, string>> = { ascending: '▲', descending: '▼', none: '' };

function Title({ name, title, kind, field, order, sort }: ITitleProps): JSX.Element {
  const trans = useTrans();
  const direction = field === null ? 'none' : directionOf(order, field);
  return (
    <th scope="col" data-column={name} data-kind={kind} aria-sort={field === null ? undefined : direction} title={field === null ? tip(title) : undefined}>
      {field === null ? (
        <Cut text={title} />
      ) : (
        <button
          type="button"
          title={trans.__('Order by %1; with Shift after the others', tip(title))}
          onClick={event => {
            sort(nextOrder(order, field, event.shiftKey));
          }}
        >
          <Cut text={title} />
          {direction !== 'none' && (
            <span aria-hidden>
              {SIGNS[direction]}
              {order.length > 1 ? order.findIndex(each => directionOf([each], field) !== 'none') + 1 : ''}
            </span>
          )}
        </button>
      )}
    </th>
  );
}
