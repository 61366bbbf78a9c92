/** What a file can be shown as, by its name and size. */

export type FileKind = 'image' | 'markdown' | 'table' | 'parquet' | 'notebook' | 'page' | 'pdf' | 'text' | 'other';

const ENDINGS: Readonly<Record<string, FileKind>> = {
  ...Object.fromEntries(['png', 'jpg', 'jpeg', 'gif', 'webp', 'svg', 'bmp'].map(ending => [ending, 'image' as const])),
  ...Object.fromEntries(['csv', 'tsv'].map(ending => [ending, 'table' as const])),
  ...Object.fromEntries(['htm', 'html'].map(ending => [ending, 'page' as const])),
  ...Object.fromEntries(
    ['txt', 'log', 'json', 'yaml', 'yml', 'toml', 'ini', 'cfg', 'py', 'r', 'sql', 'sh', 'xml', 'lock', 'diff', 'jsonl'].map(ending => [ending, 'text' as const])
  ),
  md: 'markdown',
  parquet: 'parquet',
  pdf: 'pdf',
  ipynb: 'notebook'
};

/** Files without an ending that are texts all the same. */
const NAMES: ReadonlySet<string> = new Set(['MLmodel', 'Dockerfile', 'LICENSE', 'README']);

/** The folder of a run's files that has its notebook. */
export const NOTEBOOK = 'notebook';

/** Bytes of a file that is fetched to be shown. */
export const LARGEST = 10_000_000;

/** What the file at `path` is shown as; one that is too large is only downloaded. */
export function kindOf(path: string, size: number | null): FileKind {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const ending = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : '';
  const kind = NAMES.has(name) ? 'text' : Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : 'other';
  // Of parquet only the first rows are fetched.
  return (size ?? 0) > LARGEST && kind !== 'parquet' ? 'other' : kind;
}

/** The first rows of a table with commas or tabs, after RFC 4180. */
export function parseTable(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') {
        cell += letter;
      } else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else {
        quoted = false;
      }
    } else if (letter === '"' && cell === '') {
      quoted = true;
    } else if (letter === separator) {
      row.push(cell);
      cell = '';
    } else if (letter === '\n') {
      rows.push([...row, cell.replace(/\r$/, '')]);
      row = [];
      cell = '';
    } else {
      cell += letter;
    }
  }
  if (rows.length < most && (cell !== '' || row.length > 0)) {
    rows.push([...row, cell]);
  }
  return rows;
}
