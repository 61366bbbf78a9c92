/** The view of some runs side by side: their curves, where they differ, and how parameters and metrics go together. */

import { copyIcon } from '@jupyterlab/ui-components';
import { Notification } from '@jupyterlab/apputils';
import * as React from 'react';
import type { IIdentity } from '../../links';
import type { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { Run } from '../../types';
import { copyText } from '../../widgets/copy';
import { Empty } from '../../widgets/feedback';
import { compareIcon } from '../../widgets/icons';
import { Tabs, TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { type IPanelContext, PanelWidget, Show } from '../context';
import { CopyLink } from '../copy-link';
import { codeOf } from './code';
import { Curves } from './curves';
import { Differences } from './differences';
import { Importance } from './importance';
import { Parallel } from './parallel';
import { Scatter } from './scatter';

const PAGES = ['curves', 'differences', 'parallel', 'scatter', 'importance'] as const;
type PageName = (typeof PAGES)[number];

/** Runs of a comparison that are opened again after a reload. */
const MOST_REMEMBERED = 500;

export class CompareView extends PanelWidget {
  constructor(
    context: IPanelContext,
    readonly runs: ReadonlyArray<string>
  ) {
    super(context);
    const { trans } = context;
    this.id = CompareView.idOf(runs);
    this.addClass('jp-mlplat-view');
    this.addClass('jp-mlplat-jobsView');
    this.addClass('jp-mlplat-compareView');
    this.title.label = trans._n('Compare %1 run', 'Compare %1 runs', runs.length);
    this.title.caption = trans.__('Curves and differences of runs');
    this.title.icon = compareIcon;
    this.title.closable = true;
    this._found = context.model.watchRuns(runs);
    this._found.demand();
  }

  /** The id of the view of these runs: the same for the same ones. */
  static idOf(runs: ReadonlyArray<string>): string {
    let sum = 0;
    for (const letter of [...runs].sort().join(' ')) {
      sum = (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0;
    }
    return `jp-mlplat-compare-${runs.length}-${sum.toString(16)}`;
  }

  override dispose(): void {
    this._found.dispose();
    super.dispose();
  }

  override get identity(): IIdentity {
    return { command: CommandIDs.compareRuns, args: { ids: this.runs.slice(0, MOST_REMEMBERED) } };
  }

  protected content(): JSX.Element {
    return (
      <Show resource={this._found} lines={5}>
        {runs => <Compared runs={runs} wanted={this.runs} />}
      </Show>
    );
  }

  private readonly _found: Resource<ReadonlyArray<Run>>;
}

interface IComparedProps {
  readonly runs: ReadonlyArray<Run>;
  readonly wanted: ReadonlyArray<string>;
}

function Compared({ runs, wanted }: IComparedProps): JSX.Element {
  const trans = useTrans();
  const [page, setPage] = React.useState<PageName>('curves');
  const words: Readonly<Record<PageName, string>> = {
    curves: trans.__('Curves'),
    differences: trans.__('Differences'),
    parallel: trans.__('Parallel coordinates'),
    scatter: trans.__('Scatter'),
    importance: trans.__('Importance')
  };
  const gone = wanted.length - runs.length;
  return (
    <>
      <header className="jp-mlplat-head">
        <div className="jp-mlplat-headTitle">
          <h1>{trans._n('%1 run', '%1 runs', runs.length)}</h1>
          <Tabs
            label={trans.__('What is compared')}
            tabs={PAGES.map(id => ({ id, label: words[id] }))}
            chosen={page}
            choose={id => {
              setPage(PAGES.find(each => each === id) ?? 'curves');
            }}
          />
          <div className="jp-mlplat-actions">
            <CopyLink />
            <TextButton
              label={trans.__('Copy as code')}
              icon={copyIcon}
              title={trans.__('Python that reads these runs and their metrics')}
              onClick={() => {
                void copyText(codeOf(runs.map(run => run.id))).then(() => {
                  Notification.success(trans.__('Copied.'), { autoClose: 2000 });
                });
              }}
            />
          </div>
        </div>
        {gone > 0 && <p className="jp-mlplat-hint">{trans._n('%1 run is archived or deleted.', '%1 runs are archived or deleted.', gone)}</p>}
      </header>
      {runs.length === 0 ? (
        <Empty title={trans.__('None of these runs is there any more.')} />
      ) : (
        <div className="jp-mlplat-comparePage" data-page={page}>
          {page === 'curves' && <Curves runs={runs} />}
          {page === 'differences' && <Differences runs={runs} />}
          {page === 'parallel' && <Parallel runs={runs} />}
          {page === 'scatter' && <Scatter runs={runs} />}
          {page === 'importance' && <Importance runs={runs} />}
        </div>
      )}
    </>
  );
}
