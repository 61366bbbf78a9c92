/** A Markdown text and a notebook, drawn by JupyterLab and not trusted: their markup is cleaned, their scripts do not run. */

import type * as nbformat from '@jupyterlab/nbformat';
import { MimeModel } from '@jupyterlab/rendermime';
import { Widget } from '@lumino/widgets';
import * as React from 'react';
import { joinLines } from '../../api';
import { useTrans } from '../../widgets/trans';
import { ExecutedNotebook, type INotebookParts } from '../job/executed';

/** Puts a widget into the page as long as it is wanted. */
function Hosted(props: { readonly make: () => Widget; readonly label: string }): JSX.Element {
  const { make, label } = props;
  const host = React.useRef<HTMLDivElement>(null);
  // A layout effect: it ends while the element is still in the page, as Lumino wants it.
  React.useLayoutEffect(() => {
    const node = host.current;
    if (node === null) {
      return;
    }
    const widget = make();
    Widget.attach(widget, node);
    return () => {
      widget.dispose();
    };
  }, [make]);
  return <div ref={host} className="jp-mlplat-hosted" tabIndex={0} role="region" aria-label={label} />;
}

interface IRenderedProps {
  readonly parts: INotebookParts;
  readonly text: string;
  readonly label: string;
}

export function Markdown({ parts, text, label }: IRenderedProps): JSX.Element {
  const make = React.useCallback(() => {
    const renderer = parts.rendermime.createRenderer('text/markdown');
    void renderer.renderModel(new MimeModel({ data: { 'text/markdown': text }, trusted: false }));
    return renderer;
  }, [parts, text]);
  return <Hosted make={make} label={label} />;
}

/** A notebook as it is read from a file; null for something else. */
function notebookOf(text: string): nbformat.INotebookContent | null {
  try {
    const content = JSON.parse(text) as nbformat.INotebookContent;
    const cells = content.cells.map(cell => ({ ...cell, metadata: { ...cell.metadata, trusted: false } }));
    return joinLines({ ...content, cells });
  } catch {
    return null;
  }
}

export function Notebook({ parts, text, label }: IRenderedProps): JSX.Element {
  const trans = useTrans();
  const content = React.useMemo(() => notebookOf(text), [text]);
  const make = React.useCallback(() => {
    const notebook = new ExecutedNotebook(parts, '');
    notebook.following = false;
    if (content !== null) {
      notebook.display(content);
    }
    return notebook;
  }, [parts, content]);
  return content === null ? <p className="jp-mlplat-hint">{trans.__('It is no notebook that can be read.')}</p> : <Hosted make={make} label={label} />;
}
