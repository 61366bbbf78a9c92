/** A file of a run as it can be shown: whoever wrote it, it is only looked at. */

import * as React from 'react';
import { ErrorBox, type IProblem, Loading } from '../../widgets/feedback';
import { useTrans } from '../../widgets/trans';
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

type Content = { readonly text: string } | { readonly address: string };

export function Preview({ run, path, kind, parts }: IPreviewProps): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const [content, setContent] = React.useState<Content | null>(null);
  const [error, setError] = React.useState<IProblem | null>(null);
  React.useEffect(() => {
    let [wanted, address] = [true, ''];
    const read = async (): Promise<void> => {
      const blob = await model.api.runs.artifact(run, path);
      if (kind !== 'image') {
        const text = await blob.text();
        if (wanted) {
          setContent({ text });
        }
      } else if (wanted) {
        address = URL.createObjectURL(blob);
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
  return (
    <div className="jp-mlplat-hosted" tabIndex={0} role="region" aria-label={label}>
      <table className="jp-mlplat-table">
        <thead>
          <tr>
            {head.slice(0, COLUMNS).map((name, index) => (
              <th key={index} scope="col">
                {name.slice(0, 200)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.slice(0, COLUMNS).map((cell, place) => (
                <td key={place}>{cell.slice(0, 200)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === ROWS && <p className="jp-mlplat-hint">{trans.__('The first %1 rows.', ROWS)}</p>}
    </div>
  );
}
