/** A button that opens a small box below it: Escape and a press elsewhere close it, the focus goes back to the button. */

import { caretDownIcon, type LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

interface IPopoverProps {
  readonly label: string;
  readonly icon?: LabIcon;
  /** Said behind the label. */
  readonly detail?: string;
  readonly children: (close: () => void) => React.ReactNode;
}

export function Popover(props: IPopoverProps): JSX.Element {
  const [open, setOpen] = React.useState(false);
  const whole = React.useRef<HTMLDivElement>(null);
  const button = React.useRef<HTMLButtonElement>(null);
  const close = React.useCallback((): void => {
    setOpen(false);
    button.current?.focus();
  }, []);
  React.useEffect(() => {
    if (!open) {
      return;
    }
    whole.current?.querySelector<HTMLElement>('[role="dialog"] :is(input, button, select)')?.focus();
    const elsewhere = (event: PointerEvent): void => {
      if (event.target instanceof Node && !whole.current?.contains(event.target)) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', elsewhere, true);
    return () => {
      document.removeEventListener('pointerdown', elsewhere, true);
    };
  }, [open]);
  return (
    <div
      ref={whole}
      className="jp-mlplat-popover"
      onKeyDown={event => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          close();
        }
      }}
    >
      <button
        ref={button}
        type="button"
        className="jp-mlplat-button"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => {
          setOpen(!open);
        }}
      >
        {props.icon && <props.icon.react tag="span" width="14px" height="14px" />}
        {props.label}
        {props.detail && <span className="jp-mlplat-popoverDetail">{props.detail}</span>}
        <caretDownIcon.react tag="span" width="14px" height="14px" />
      </button>
      {open && (
        <div role="dialog" aria-label={props.label} className="jp-mlplat-popoverBox">
          {props.children(close)}
        </div>
      )}
    </div>
  );
}
