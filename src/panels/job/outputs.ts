/** New outputs of a cell that are shown already: only what differs is drawn anew, so that what one reads stays. */

import type * as nbformat from '@jupyterlab/nbformat';

/** What is used of JupyterLab's model of the outputs of a cell. */
export interface IOutputs {
  readonly length: number;
  add(output: nbformat.IOutput): number;
  set(index: number, output: nbformat.IOutput): void;
  fromJSON(outputs: nbformat.IOutput[]): void;
}

/** Shows `after` where `before` is shown. */
export function renewOutputs(
  shown: IOutputs,
  before: ReadonlyArray<nbformat.IOutput>,
  after: ReadonlyArray<nbformat.IOutput>
): void {
  if (shown.length !== before.length || after.length < before.length) {
    shown.fromJSON([...after]);
    return;
  }
  after.forEach((output, index) => {
    const last = before.at(index);
    if (last === undefined) {
      shown.add(output);
    } else if (JSON.stringify(last) !== JSON.stringify(output)) {
      const more = index === before.length - 1 ? appended(last, output) : null;
      if (more === null) {
        shown.set(index, output);
      } else {
        shown.add(more);
      }
    }
  });
}

/** What was printed since; null where it is not only more of the same. */
function appended(before: nbformat.IOutput, after: nbformat.IOutput): nbformat.IOutput | null {
  const grown =
    before.output_type === 'stream' &&
    after.output_type === 'stream' &&
    before.name === after.name &&
    String(after.text).startsWith(String(before.text));
  return grown ? { ...after, text: String(after.text).slice(String(before.text).length) } : null;
}
