/** Which columns the table has: a list to search, and a switch for those that differ. */

import * as React from 'react';
import { TextButton } from '../../widgets/parts';
import { Popover } from '../../widgets/popover';
import { useTrans } from '../../widgets/trans';
import { type Census, DIFFERING, type IColumn, type IShown, type Kind, switched } from './columns';

interface IChooserProps {
  readonly all: ReadonlyArray<IColumn>;
  readonly visible: ReadonlyArray<IColumn>;
  readonly census: Census;
  readonly choice: IShown;
  readonly change: (choice: IShown) => void;
}

/** Lines of one list; more are found by the search. */
const MOST = 300;

export function ColumnChooser(props: IChooserProps): JSX.Element {
  const trans = useTrans();
  return (
    <Popover label={trans.__('Columns')} detail={String(props.visible.length + 1)}>
      {() => <Choices {...props} />}
    </Popover>
  );
}

function Choices({ all, visible, census, choice, change }: IChooserProps): JSX.Element {
  const trans = useTrans();
  const [sought, setSought] = React.useState('');
  const on = new Set(visible.map(column => column.id));
  const words: Readonly<Record<Kind, string>> = {
    attributes: trans.__('Run'),
    params: trans.__('Parameters'),
    metrics: trans.__('Metrics'),
    tags: trans.__('Tags')
  };
  const fitting = all.filter(column => column.title.toLowerCase().includes(sought.toLowerCase()));
  return (
    <>
      <input
        type="search"
        className="jp-mlplat-search"
        value={sought}
        aria-label={trans.__('Search columns')}
        placeholder={trans.__('Search columns')}
        onChange={event => {
          setSought(event.target.value);
        }}
      />
      <label className="jp-mlplat-tick">
        <input
          type="checkbox"
          checked={choice.differing}
          onChange={event => {
            change({ ...choice, differing: event.target.checked });
          }}
        />
        {trans.__('Only what differs among the loaded runs')}
      </label>
      <div className="jp-mlplat-choiceList" tabIndex={-1}>
        {(Object.keys(words) as Kind[]).map(kind => {
          const some = fitting.filter(column => column.kind === kind).slice(0, MOST);
          return (
            some.length > 0 && (
              <fieldset key={kind}>
                <legend>{words[kind]}</legend>
                {some.map(column => (
                  <label key={column.id} className="jp-mlplat-tick" title={column.title.slice(0, 500)}>
                    <input
                      type="checkbox"
                      checked={on.has(column.id)}
                      onChange={event => {
                        change(switched(choice, column.id, event.target.checked));
                      }}
                    />
                    <bdi>{column.title.slice(0, 200)}</bdi>
                    {kind !== 'attributes' && !census.differs(column.id) && <span className="jp-mlplat-hint">{trans.__('the same')}</span>}
                  </label>
                ))}
              </fieldset>
            )
          );
        })}
        {fitting.length === 0 && <p className="jp-mlplat-hint">{trans.__('No column fits.')}</p>}
      </div>
      <TextButton
        label={trans.__('As at first')}
        onClick={() => {
          change(DIFFERING);
        }}
      />
    </>
  );
}
