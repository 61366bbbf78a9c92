/** A dialog with a form that stays open until what it asks for has worked. */

import { Dialog, type ReactWidget } from '@jupyterlab/apputils';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

export interface IFormDialogOptions {
  readonly title: string;
  readonly accept: string;
  /** The button says something else from now on. */
  readonly acceptChanged?: ISignal<unknown, string>;
  readonly body: ReactWidget;
  /** Does the work; false keeps the dialog open, with the reason shown in its body. */
  readonly submit: () => Promise<boolean>;
  readonly focus?: string;
  readonly className?: string;
}

/** Shows a form; resolves to true when its work was done, false when it was given up. */
export async function showForm(options: IFormDialogOptions): Promise<boolean> {
  const result = await new FormDialog(options).launch();
  return result.button.accept;
}

/**
 * Selects what gets the focus when the form is there: what has it already, where somebody was quicker. JupyterLab waits
 * for the page to be idle before it gives the focus, and where much goes on that may be while one types.
 */
function focusOf(first: string): string {
  const body = '.jp-Dialog-body';
  return `${body}:focus-within :focus, ${body}:not(:focus-within) :is(${first})`;
}

class FormDialog extends Dialog<unknown> {
  constructor(private readonly _form: IFormDialogOptions) {
    super({
      title: <span>{_form.title}</span>,
      body: _form.body,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: _form.accept })],
      focusNodeSelector: focusOf(_form.focus ?? 'input, select, textarea')
    });
    this.addClass('jp-mlplat-dialog');
    this.node.setAttribute('aria-label', _form.title);
    _form.acceptChanged?.connect((_, label) => {
      const button = this.node.querySelector('.jp-Dialog-footer .jp-mod-accept');
      const words = button?.querySelector('.jp-Dialog-buttonLabel');
      if (button && words) {
        words.textContent = label;
        button.setAttribute('aria-label', label);
      }
    });
    if (_form.className) {
      this.addClass(_form.className);
    }
  }

  override resolve(index?: number): void {
    if (index === 0) {
      super.resolve(0);
      return;
    }
    if (this._busy) {
      return;
    }
    this._setBusy(true);
    this._form.submit().then(
      done => {
        this._setBusy(false);
        if (done) {
          super.resolve(1);
        }
      },
      (error: unknown) => {
        this._setBusy(false);
        console.error(error);
      }
    );
  }

  private _setBusy(busy: boolean): void {
    this._busy = busy;
    this.toggleClass('jp-mod-busy', busy);
    this.node.setAttribute('aria-busy', String(busy));
  }

  private _busy = false;
}
