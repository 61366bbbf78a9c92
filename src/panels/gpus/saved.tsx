/** Says that a kernel was shut down with its lease, and what is saved of it. */

import { Dialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Api } from '../../api';
import type { EndedKernel } from '../../types';
import { bytes } from '../../widgets/format';

/** "12 variables (1.2 GiB) are saved: run %mlplat restore", or why nothing is. */
function savedWords(kernel: EndedKernel, trans: TranslationBundle): string {
  return kernel.message !== null
    ? trans.__('Nothing of it is saved: %1.', kernel.message)
    : trans._n(
        '%1 variable (%2) is saved: run %mlplat restore',
        '%1 variables (%2) are saved: run %mlplat restore',
        kernel.names.length,
        bytes(kernel.bytes)
      );
}

/** Shows a notification that stays. It has room for a line, so a dialog has the rest. */
export async function sayEnded(api: Api, lease: string, words: string, trans: TranslationBundle): Promise<void> {
  const kernel = await api.gpus.kernel(lease).catch(() => null);
  if (kernel === null) {
    Notification.warning(words, { autoClose: false });
    return;
  }
  const details = (event: MouseEvent): void => {
    event.preventDefault();
    const title = trans.__('Variables of a kernel that was shut down');
    const body = <Saved kernel={kernel} words={words} trans={trans} />;
    const dialog = new Dialog({ title, body, buttons: [Dialog.okButton({ label: trans.__('Close') })] });
    dialog.node.setAttribute('aria-label', title);
    void dialog.launch();
  };
  Notification.warning(`${words} ${savedWords(kernel, trans)}`, {
    autoClose: false,
    actions: [{ label: trans.__('Details'), callback: details }]
  });
}

function Saved(props: {
  readonly kernel: EndedKernel;
  readonly words: string;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { kernel, trans } = props;
  const skipped = Object.entries(kernel.skipped);
  return (
    <div>
      <p>
        {props.words} {savedWords(kernel, trans)}
      </p>
      {kernel.names.length > 0 && (
        <p>
          {trans.__("In the notebook's next kernel %load_ext jupyter_mlplat and %mlplat restore set: %1.", kernel.names.join(', '))}
        </p>
      )}
      {skipped.length > 0 && (
        <>
          <p>{trans.__('Not saved:')}</p>
          <ul>
            {skipped.map(([name, why]) => (
              <li key={name}>
                {name}: {why}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
