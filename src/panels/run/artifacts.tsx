/** The files of a run: folders that unfold, and what is in a file below it. */

import { caretDownIcon, caretRightIcon, downloadIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Artifact, ArtifactPage, RunDetail } from '../../types';
import { Resource } from '../../resource';
import { ErrorBox, Loading } from '../../widgets/feedback';
import { bytes } from '../../widgets/format';
import { IconButton } from '../../widgets/parts';
import { save } from '../../widgets/save';
import { useTrans } from '../../widgets/trans';
import { usePanel, useResource } from '../context';
import type { INotebookParts } from '../job/executed';
import { kindOf } from './kinds';
import { Preview } from './preview';

/** Entries of a folder that are listed. */
const MOST = 500;

interface IArtifactsProps {
  readonly run: RunDetail;
  readonly parts: INotebookParts;
}

export function Artifacts({ run, parts }: IArtifactsProps): JSX.Element {
  const trans = useTrans();
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Artifacts')}>
      <h2>{trans.__('Artifacts')}</h2>
      {run.artifacts.length === 0 ? <p className="jp-mlplat-hint">{trans.__('None.')}</p> : <Folder run={run} parts={parts} path="" />}
    </section>
  );
}

function Folder({ run, parts, path }: IArtifactsProps & { readonly path: string }): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  // What a run has may grow while it runs: what its own view lists is a good sign.
  const grown = run.artifacts.join('\n');
  const folder = React.useMemo(() => new Resource<ArtifactPage>(signal => model.api.runs.artifacts(run.id, path, signal)), [model, run.id, path]);
  React.useEffect(() => {
    void folder.refresh();
  }, [folder, grown]);
  React.useEffect(
    () => () => {
      folder.dispose();
    },
    [folder]
  );
  const { data, error } = useResource(folder);
  if (data === null) {
    return error ? (
      <ErrorBox
        error={error}
        retry={() => {
          void folder.refresh();
        }}
      />
    ) : (
      <Loading lines={1} />
    );
  }
  return (
    <>
      <ul className="jp-mlplat-artifacts">
        {data.items.slice(0, MOST).map(item => (
          <Entry key={item.path} run={run} parts={parts} item={item} />
        ))}
      </ul>
      {(data.next !== null || data.items.length > MOST) && <p className="jp-mlplat-hint">{trans.__('There are more than %1.', MOST)}</p>}
    </>
  );
}

function Entry({ run, parts, item }: IArtifactsProps & { readonly item: Artifact }): JSX.Element {
  const trans = useTrans();
  const { model } = usePanel();
  const [open, setOpen] = React.useState(false);
  const [error, setError] = React.useState<string | null>(null);
  const kind = item.is_dir ? 'folder' : kindOf(item.path, item.size);
  const name = item.path.slice(item.path.lastIndexOf('/') + 1);
  const shown = name.slice(0, 200);
  const Caret = open ? caretDownIcon : caretRightIcon;
  const download = (): void => {
    model.api.runs.artifact(run.id, item.path).then(
      blob => {
        setError(null);
        save(blob, name);
      },
      (reason: unknown) => {
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    );
  };
  return (
    <li data-artifact={item.path}>
      <div className="jp-mlplat-artifact">
        {kind === 'other' ? (
          <button type="button" className="jp-mlplat-rowName" title={trans.__('Download %1', shown)} onClick={download}>
            <bdi>{shown}</bdi>
          </button>
        ) : (
          <button
            type="button"
            className="jp-mlplat-rowName"
            aria-expanded={open}
            onClick={() => {
              setOpen(!open);
            }}
          >
            <Caret.react tag="span" width="14px" height="14px" />
            <bdi>{item.is_dir ? `${shown}/` : shown}</bdi>
          </button>
        )}
        {item.size !== null && <span className="jp-mlplat-number">{bytes(item.size)}</span>}
        {!item.is_dir && <IconButton icon={downloadIcon} label={trans.__('Download %1', shown)} onClick={download} />}
      </div>
      {error && <p className="jp-mlplat-fieldError">{error}</p>}
      {open && kind === 'folder' && <Folder run={run} parts={parts} path={item.path} />}
      {open && kind !== 'folder' && <Preview run={run.id} path={item.path} kind={kind} parts={parts} />}
    </li>
  );
}
