/** A file of a run as it can be shown: whoever wrote it, it is only looked at. */

import * as React from 'react';
import { ErrorBox, type IProblem, Loading } from '../../widgets/feedback';
import { useTrans } from '../../widgets/trans';
import type { ArtifactTable } from '../../types';
import { asApiError } from '../../resource';
import { usePanel } from '../context';
import type { INotebookParts } from '../job/executed';
import { type FileKind, parseTable } from './kinds';
import { Markdown, Notebook } from './rendered';

/** Letters of a text, rows and columns of a table that are shown. */
const LETTERS = 200_000;
const ROWS = 200;
const COLUMNS = 60;

/** A page may show what is in it and fetch nothing; that its scripts do not run is up to the frame. */
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:">`;

interface IPreviewProps {
  readonly run: string;
  readonly path: string;
  readonly kind: FileKind;
  readonly parts: INotebookParts;
}

type Content = { readonly text: string } | { readonly address: string } | { readonly table: ArtifactTable };

export function Preview({ run, path, kind, parts }: IPreviewProps): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const [content, setContent] = React.useState<Content | null>(null);
  const [error, setError] = React.useState<IProblem | null>(null);
  React.useEffect(() => {
    let [wanted, address] = [true, ''];
    const read = async (): Promise<void> => {
      if (kind === 'parquet') {
        const table = await model.api.runs.table(run, path);
        if (wanted) {
          setContent({ table });
        }
        return;
      }
      const blob = await model.api.runs.artifact(run, path);
      if (kind !== 'image' && kind !== 'pdf') {
        const text = await blob.text();
        if (wanted) {
          setContent({ text });
        }
      } else if (wanted) {
        address = URL.createObjectURL(kind === 'pdf' ? new Blob([blob], { type: 'application/pdf' }) : blob);
        setContent({ address });
      }
    };
    read().catch((reason: unknown) => {
      if (wanted) {
        setError(asApiError(reason));
      }
    });
    return () => {
      wanted = false;
      URL.revokeObjectURL(address);
    };
  }, [model, run, path, kind]);
  if (error !== null) {
    return <ErrorBox error={error} />;
  }
  if (content === null) {
    return <Loading />;
  }
  const label = trans.__('Content of %1', path.slice(0, 200));
  if ('table' in content) {
    const { columns, rows, count } = content.table;
    const head = columns.map(column => [column.name, column.type] as const);
    return <Rows head={head} rows={rows} label={label} more={count > rows.length ? trans.__('The first %1 of %2 rows.', rows.length, count) : null} />;
  }
  if ('address' in content && kind === 'pdf') {
    return (
      <object className="jp-mlplat-artifactPage" type="application/pdf" data={content.address} aria-label={label}>
        <p className="jp-mlplat-hint">{trans.__('This browser shows no PDF; download it.')}</p>
      </object>
    );
  }
  if ('address' in content) {
    return <img className="jp-mlplat-artifactImage" src={content.address} alt={label} />;
  }
  switch (kind) {
    case 'markdown':
      return <Markdown parts={parts} text={content.text} label={label} />;
    case 'notebook':
      return <Notebook parts={parts} text={content.text} label={label} />;
    case 'page':
      return (
        <>
          <iframe className="jp-mlplat-artifactPage" sandbox="" srcDoc={POLICY + content.text} title={label} />
          <p className="jp-mlplat-hint">{trans.__('Scripts in it do not run here.')}</p>
        </>
      );
    case 'table':
      return <Table text={content.text} separator={path.toLowerCase().endsWith('.tsv') ? '\t' : ','} label={label} />;
    default:
      return (
        <pre className="jp-mlplat-artifactText" tabIndex={0} role="region" aria-label={label}>
          {content.text.slice(0, LETTERS)}
          {content.text.length > LETTERS && '\n…'}
        </pre>
      );
  }
}

function Table({ text, separator, label }: { readonly text: string; readonly separator: string; readonly label: string }): JSX.Element {
  const trans = useTrans();
  const [head = [], ...rows] = React.useMemo(() => parseTable(text, separator, ROWS + 1), [text, separator]);
  return <Rows head={head.map(name => [name, ''] as const)} rows={rows} label={label} more={rows.length === ROWS ? trans.__('The first %1 rows.', ROWS) : null} />;
}

/** Names with types, and rows below them; null is no value. */
function Rows(props: {
  readonly head: ReadonlyArray<readonly [string, string]>;
  readonly rows: ReadonlyArray<ReadonlyArray<string | null>>;
  readonly label: string;
  readonly more: string | null;
}): JSX.Element {
  return (
    <div className="jp-mlplat-hosted" tabIndex={0} role="region" aria-label={props.label}>
      <table className="jp-mlplat-table">
        <thead>
          <tr>
            {props.head.slice(0, COLUMNS).map(([name, type], index) => (
              <th key={index} scope="col" title={type}>
                {name.slice(0, 200)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, index) => (
            <tr key={index}>
              {row.slice(0, COLUMNS).map((cell, place) => (
                <td key={place}>{cell === null ? '–' : cell.slice(0, 200)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {props.more && <p className="jp-mlplat-hint">{props.more}</p>}
    </div>
  );
}
