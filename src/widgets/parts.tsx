/** Small parts that many panels share. */

import { Button, checkIcon, copyIcon, type LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { copyText } from './copy';
import { useTrans } from './trans';

/** How much of something is done. */
export function Progress(props: { readonly value: number; readonly of: number; readonly label: string }): JSX.Element {
  const share = props.of > 0 ? Math.min(1, props.value / props.of) : 0;
  return (
    <span
      className="jp-mlplat-progress"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={props.of}
      aria-valuenow={props.value}
    >
      <span style={{ transform: `scaleX(${share})` }} />
    </span>
  );
}

/** A button with an icon and no text: the label is read out and shown on hover. */
export function IconButton(props: {
  readonly icon: LabIcon;
  readonly label: string;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly className?: string;
}): JSX.Element {
  return (
    <button
      type="button"
      className={`jp-mlplat-iconButton ${props.className ?? ''}`}
      title={props.label}
      aria-label={props.label}
      onClick={event => {
        event.stopPropagation();
        props.onClick();
      }}
      disabled={props.disabled}
    >
      <props.icon.react tag="span" width="14px" height="14px" />
    </button>
  );
}

/** Something worth copying: an id, an address. */
export function Copyable(props: {
  readonly text: string;
  readonly label: string;
  readonly shown?: string;
}): JSX.Element {
  const trans = useTrans();
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    if (!copied) {
      return;
    }
    const timer = window.setTimeout(() => {
      setCopied(false);
    }, 1500);
    return () => {
      window.clearTimeout(timer);
    };
  }, [copied]);
  const icon = copied ? checkIcon : copyIcon;
  return (
    <button
      type="button"
      className="jp-mlplat-copyable"
      title={trans.__('Copy %1: %2', props.label, props.text)}
      aria-label={trans.__('Copy %1: %2', props.label, props.text)}
      onClick={event => {
        event.stopPropagation();
        void copyText(props.text).then(() => {
          setCopied(true);
        });
      }}
    >
      <code>{props.shown ?? props.text}</code>
      <icon.react tag="span" width="12px" height="12px" />
    </button>
  );
}

/** Names and values as a description list. */
export function Facts(props: { readonly rows: ReadonlyArray<readonly [string, React.ReactNode]> }): JSX.Element {
  return (
    <dl className="jp-mlplat-facts">
      {props.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface ITab {
  readonly id: string;
  readonly label: string;
}

/** A tab list after the ARIA pattern: arrows move, the chosen one is in the tab order. */
export function Tabs(props: {
  readonly tabs: ReadonlyArray<ITab>;
  readonly chosen: string;
  readonly label: string;
  readonly choose: (id: string) => void;
}): JSX.Element {
  const move = (event: React.KeyboardEvent, step: number): void => {
    event.preventDefault();
    const at = props.tabs.findIndex(tab => tab.id === props.chosen);
    const next = props.tabs[(at + step + props.tabs.length) % props.tabs.length];
    props.choose(next.id);
    const list = event.currentTarget;
    window.requestAnimationFrame(() => {
      list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
    });
  };
  return (
    <div
      className="jp-mlplat-tabs"
      role="tablist"
      aria-label={props.label}
      onKeyDown={event => {
        if (event.key === 'ArrowRight') {
          move(event, 1);
        } else if (event.key === 'ArrowLeft') {
          move(event, -1);
        }
      }}
    >
      {props.tabs.map(tab => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          aria-selected={tab.id === props.chosen}
          tabIndex={tab.id === props.chosen ? 0 : -1}
          onClick={() => {
            props.choose(tab.id);
          }}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}

/** One field of a form: label, control, help and what is wrong with it. */
export function Field(props: {
  readonly id: string;
  readonly label: string;
  readonly help?: string;
  readonly error?: string;
  readonly children: React.ReactNode;
}): JSX.Element {
  return (
    <div className={`jp-mlplat-field${props.error ? ' jp-mod-invalid' : ''}`}>
      <label htmlFor={props.id}>{props.label}</label>
      <div className="jp-mlplat-fieldControl">{props.children}</div>
      {props.help && (
        <p className="jp-mlplat-hint" id={`${props.id}-help`}>
          {props.help}
        </p>
      )}
      {props.error && (
        <p className="jp-mlplat-fieldError" id={`${props.id}-error`} role="alert">
          {props.error}
        </p>
      )}
    </div>
  );
}

/** A button with words, in JupyterLab's style. */
export function TextButton(props: {
  readonly label: string;
  readonly icon?: LabIcon;
  readonly onClick: () => void;
  readonly primary?: boolean;
  readonly disabled?: boolean;
  readonly title?: string;
}): JSX.Element {
  return (
    <Button
      className={`jp-mlplat-button${props.primary ? ' jp-mod-styled jp-mod-accept' : ''}`}
      onClick={props.onClick}
      disabled={props.disabled}
      title={props.title}
      type="button"
    >
      {props.icon && <props.icon.react tag="span" width="14px" height="14px" />}
      {props.label}
    </Button>
  );
}
