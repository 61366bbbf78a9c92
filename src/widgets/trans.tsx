/** Translation as a React context, so that shared widgets need no argument for it. */

import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

export const TransContext = React.createContext<TranslationBundle>(nullTranslator.load('jupyter_mlplat'));

/** The bundle of the language that the user chose. */
export function useTrans(): TranslationBundle {
  return React.useContext(TransContext);
}
