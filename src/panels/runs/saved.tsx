/** Views that were saved under a name: experiment, filter, order, grouping and columns. */

import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { editIcon } from '../../widgets/icons';
import { IconButton, TextButton } from '../../widgets/parts';
import { Popover } from '../../widgets/popover';
import { useTrans } from '../../widgets/trans';
import type { IRunsState, ISavedView, RunsMemory } from './state';

interface ISavedProps {
  readonly memory: RunsMemory;
  readonly state: IRunsState;
  readonly open: (view: ISavedView) => void;
}

export function SavedViews(props: ISavedProps): JSX.Element {
  const trans = useTrans();
  return (
    <Popover label={trans.__('Saved views')} detail={props.memory.views.length > 0 ? String(props.memory.views.length) : undefined}>
      {close => <Views {...props} close={close} />}
    </Popover>
  );
}

function Views({ memory, state, open, close }: ISavedProps & { readonly close: () => void }): JSX.Element {
  const trans = useTrans();
  const [name, setName] = React.useState('');
  const [renamed, setRenamed] = React.useState<string | null>(null);
  const wanted = name.trim();
  return (
    <>
      <form
        className="jp-mlplat-inlineForm"
        onSubmit={event => {
          event.preventDefault();
          if (wanted !== '') {
            memory.keep({ ...state, name: wanted, columns: memory.columns });
            setName('');
          }
        }}
      >
        <input
          className="jp-mlplat-search"
          value={name}
          maxLength={100}
          aria-label={trans.__('Name of the view')}
          placeholder={trans.__('Name of the view')}
          onChange={event => {
            setName(event.target.value);
          }}
        />
        <button type="submit" className="jp-mlplat-button" disabled={wanted === ''}>
          {memory.views.some(view => view.name === wanted) ? trans.__('Replace') : trans.__('Save this view')}
        </button>
      </form>
      {memory.views.length === 0 ? (
        <p className="jp-mlplat-hint">{trans.__('None yet. A view is the experiment, the filter, the order and the columns.')}</p>
      ) : (
        <ul className="jp-mlplat-choiceList" aria-label={trans.__('Saved views')}>
          {memory.views.map(view => (
            <li key={view.name} className="jp-mlplat-savedView">
              {renamed === view.name ? (
                <Rename
                  name={view.name}
                  done={to => {
                    setRenamed(null);
                    if (to !== null) {
                      memory.rename(view.name, to);
                    }
                  }}
                />
              ) : (
                <>
                  <button
                    type="button"
                    className="jp-mlplat-rowName"
                    title={[view.experiment ?? trans.__('all experiments'), view.filter, ...view.order].filter(Boolean).join(' · ')}
                    onClick={() => {
                      open(view);
                      close();
                    }}
                  >
                    <bdi>{view.name}</bdi>
                  </button>
                  <IconButton
                    icon={editIcon}
                    label={trans.__('Rename the view %1', view.name)}
                    onClick={() => {
                      setRenamed(view.name);
                    }}
                  />
                  <IconButton
                    icon={closeIcon}
                    label={trans.__('Forget the view %1', view.name)}
                    onClick={() => {
                      memory.forget(view.name);
                    }}
                  />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Rename(props: { readonly name: string; readonly done: (to: string | null) => void }): JSX.Element {
  const trans = useTrans();
  const [name, setName] = React.useState(props.name);
  return (
    <form
      className="jp-mlplat-inlineForm"
      onSubmit={event => {
        event.preventDefault();
        props.done(name.trim() || null);
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          props.done(null);
        }
      }}
    >
      <input
        className="jp-mlplat-search"
        value={name}
        maxLength={100}
        autoFocus
        aria-label={trans.__('New name of the view %1', props.name)}
        onChange={event => {
          setName(event.target.value);
        }}
      />
      <TextButton
        label={trans.__('Rename')}
        onClick={() => {
          props.done(name.trim() || null);
        }}
      />
    </form>
  );
}
