/** What a command of ours is, and how it asks and tells. */

import { Dialog, InputDialog, type MainAreaWidget, Notification, showDialog, type WidgetTracker } from '@jupyterlab/apputils';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { JobNotifications } from '../notify';
import type { IPanelContext, IView } from '../panels/context';
import type { INotebookParts } from '../panels/job/executed';
import type { PlatformPanel } from '../panels/side';
import { asApiError } from '../resource';

/** The notebook that a command would run, and how to save it first. */
export interface INotebookAccess {
  /** Path of the notebook in front, or null. */
  current(): string | null;
  /** Saves the notebook when it is open and has changes. */
  save(path: string): Promise<void>;
  /** Path of the notebook selected in the file browser, or null. */
  selected(): string | null;
}

export interface ICommandOptions {
  readonly app: JupyterFrontEnd;
  readonly context: IPanelContext;
  readonly panel: PlatformPanel;
  readonly notebooks: INotebookAccess;
  readonly parts: INotebookParts;
  readonly tracker: WidgetTracker<MainAreaWidget<IView>>;
  readonly notifications: JobNotifications;
  readonly state: IStateDB | null;
}

/** The options, and how a command shows a view. */
export interface ICommandContext extends ICommandOptions {
  /** Brings the view with this id to the front, made first where it is missing. */
  readonly show: (id: string, make: () => IView) => Promise<IView>;
  /** Closes the view with this id. */
  readonly close: (id: string) => void;
  /** What the view with this id shows is remembered for the next time. */
  readonly saved: (id: string) => void;
}

export interface ICommand {
  readonly id: string;
  readonly label: string;
  readonly caption: string;
  readonly icon: LabIcon;
  readonly args?: Readonly<Record<string, ReadonlyJSONObject>>;
  readonly run: (args: ReadonlyPartialJSONObject) => unknown;
  readonly enabled?: (args: ReadonlyPartialJSONObject) => boolean;
}

/** An argument that is a text with something in it. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Schema of an argument that is a text. */
export const STRING = (description: string): ReadonlyJSONObject => ({ type: 'string', description });

/** Runs an action; a failure is told in words, with what to do. */
export async function told(trans: TranslationBundle, label: string, run: () => unknown): Promise<unknown> {
  try {
    return (await run()) ?? null;
  } catch (reason) {
    const error = asApiError(reason);
    const said = [error.message, ...Object.values(error.fields), error.hint].filter(Boolean);
    Notification.error(trans.__('%1: %2', label.replace(/…$/, ''), sentences(said)), { autoClose: 10000 });
    return null;
  }
}

/** One after the other, each beginning with a capital but the first. */
function sentences(said: ReadonlyArray<string>): string {
  const [first, ...others] = said;
  return others.reduce(
    (before, next) => `${before}${/[.!?:…]$/.test(before) ? '' : '.'} ${next.charAt(0).toLocaleUpperCase()}${next.slice(1)}`,
    first
  );
}

/** Asks once, and says what is lost. */
export async function sure(
  trans: TranslationBundle,
  title: string,
  body: string,
  yes: string,
  no: string = trans.__('Keep'),
  harmless = false
): Promise<boolean> {
  const accept = harmless ? Dialog.okButton : Dialog.warnButton;
  const answer = await showDialog({
    title,
    body,
    buttons: [Dialog.cancelButton({ label: no }), accept({ label: yes, ariaLabel: trans.__('%1 now', yes) })]
  });
  return answer.button.accept;
}

/** Lets the user choose one of `all`; says `none` when there is nothing to choose. */
export async function choose<T>(
  title: string,
  all: ReadonlyArray<T>,
  words: (each: T) => string,
  none: string
): Promise<T | undefined> {
  if (all.length === 0) {
    Notification.info(none, { autoClose: 3000 });
    return undefined;
  }
  const items = all.map(words);
  const answer = await InputDialog.getItem({ title, items });
  return answer.button.accept && answer.value !== null ? all[items.indexOf(answer.value)] : undefined;
}
