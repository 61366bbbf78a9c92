/** A button that opens a small menu of commands, drawn as JupyterLab draws its own. */

import { caretDownIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Menu } from '@lumino/widgets';
import * as React from 'react';
import { usePanel } from './context';

export interface IMenuItem {
  readonly command: string;
  readonly args: ReadonlyJSONObject;
}

export function MenuButton(props: {
  readonly label: string;
  readonly items: ReadonlyArray<IMenuItem>;
  readonly icon?: LabIcon;
  /** Only the caret is shown; the label is read out and shown on hover. */
  readonly caretOnly?: boolean;
}): JSX.Element {
  const { commands } = usePanel();
  const [open, setOpen] = React.useState(false);
  const menu = React.useRef<Menu | null>(null);
  React.useEffect(() => () => menu.current?.dispose(), []);
  const show = (button: HTMLButtonElement): void => {
    const next = new Menu({ commands });
    next.addClass('jp-mlplat-menu');
    props.items.forEach(item => {
      next.addItem(item);
    });
    next.aboutToClose.connect(() => {
      setOpen(false);
      button.focus();
      // What was chosen is run after the menu says that it closes.
      window.setTimeout(() => {
        next.dispose();
      });
    });
    menu.current = next;
    setOpen(true);
    const { left, bottom } = button.getBoundingClientRect();
    next.open(left, bottom + 2);
  };
  return (
    <button
      type="button"
      className="jp-mlplat-button"
      data-caret={props.caretOnly || undefined}
      aria-haspopup="menu"
      aria-expanded={open}
      aria-label={props.caretOnly ? props.label : undefined}
      title={props.caretOnly ? props.label : undefined}
      onClick={event => {
        show(event.currentTarget);
      }}
    >
      {props.icon && <props.icon.react tag="span" width="14px" height="14px" />}
      {!props.caretOnly && props.label}
      <caretDownIcon.react tag="span" width="14px" height="14px" />
    </button>
  );
}
