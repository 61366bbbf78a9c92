/** Puts a text on the clipboard. */

import { Clipboard } from '@jupyterlab/apputils';

export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
  } else {
    // Over plain HTTP browsers have no other way.
    Clipboard.copyToSystem(text);
  }
}
