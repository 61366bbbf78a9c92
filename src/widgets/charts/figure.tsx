/** A picture with its title, what can be chosen of it, and its export. */

import { downloadIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { pictureIcon } from '../icons';
import { IconButton } from '../parts';
import { useTrans } from '../trans';

interface IFigureProps {
  readonly title: string;
  /** Saves what is drawn; null where nothing is. */
  readonly picture: (() => void) | null;
  /** Saves the figures behind it; null where there are none. */
  readonly table: (() => void) | null;
  readonly choosers?: React.ReactNode;
  readonly children: React.ReactNode;
}

export function Figure({ title, picture, table, choosers, children }: IFigureProps): JSX.Element {
  const trans = useTrans();
  return (
    <section className="jp-mlplat-figureCard" aria-label={title}>
      <div className="jp-mlplat-cardHead">
        <h3>{title}</h3>
        <span className="jp-mlplat-cardTools">
          {picture && <IconButton icon={pictureIcon} label={trans.__('Save “%1” as a picture', title)} onClick={picture} />}
          {table && <IconButton icon={downloadIcon} label={trans.__('Save the figures of “%1” as CSV', title)} onClick={table} />}
        </span>
      </div>
      {choosers && <div className="jp-mlplat-figureTools">{choosers}</div>}
      {children}
    </section>
  );
}
