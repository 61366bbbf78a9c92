/** Puts a text on the clipboard, and says so. */

import { Notification } from '@jupyterlab/apputils';
import { copyText } from '../../widgets/copy';
import { useTrans } from '../../widgets/trans';

export function useCopy(): (text: string) => void {
  const trans = useTrans();
  return text => {
    void copyText(text).then(() => {
      Notification.success(trans.__('Copied.'), { autoClose: 2000 });
    });
  };
}
