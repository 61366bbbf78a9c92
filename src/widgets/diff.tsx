/** A difference between two texts, as `diff -u` writes it. */

import * as React from 'react';
import { useTrans } from './trans';

/** A unified diff; every line keeps its sign, the colour only repeats it. */
export function Diff(props: { readonly text: string; readonly none: string }): JSX.Element {
  const trans = useTrans();
  return (
    <pre className="jp-mlplat-diff" tabIndex={0} aria-label={trans.__('Difference')}>
      {props.text === ''
        ? props.none
        : props.text
            .trimEnd()
            .split('\n')
            .map((line, index) => (
              <span key={index} data-line={kindOf(line)}>
                {`${line}\n`}
              </span>
            ))}
    </pre>
  );
}

function kindOf(line: string): string {
  if (/^(---|\+\+\+|@@)/.test(line)) {
    return 'head';
  }
  return line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : 'same';
}
