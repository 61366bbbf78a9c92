/** One version of a model: what it is, where it comes from, what is written about it, what it differs in from another. */

import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { ModelVersion, RegisteredModel } from '../../types';
import { codeIcon } from '../../widgets/icons';
import { Tabs, TextButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { Show, usePanel } from '../context';
import type { INotebookParts } from '../job/executed';
import { AliasChips } from '../models/chips';
import { Card } from './card';
import { Comparison } from './comparison';
import { useCopy } from './copy';
import type { Drafts } from './drafts';
import { LineageGraph } from './lineage';
import { Overview } from './overview';
import { type IModelState, type PageName, PAGES } from './state';
import { codeOf } from './words';

interface IVersionPanelProps {
  readonly model: RegisteredModel;
  readonly version: ModelVersion;
  readonly state: IModelState;
  readonly parts: INotebookParts;
  readonly drafts: Drafts;
  readonly choose: (state: Partial<IModelState>) => void;
}

export function VersionPanel({ model, version, state, parts, drafts, choose }: IVersionPanelProps): JSX.Element {
  const trans = useTrans();
  const panel = usePanel();
  const id = React.useId();
  const [view, setView] = React.useState<ReturnType<typeof panel.model.watchVersion> | null>(null);
  React.useEffect(() => {
    const made = panel.model.watchVersion(version.name, version.version);
    made.detail.demand();
    setView(made);
    return () => {
      made.dispose();
    };
  }, [panel.model, version.name, version.version]);
  React.useEffect(() => {
    if (state.page === 'lineage') {
      view?.lineage.demand();
    } else if (state.page === 'card') {
      view?.card.demand();
    }
  }, [view, state.page]);
  const whole = React.useRef<HTMLElement>(null);
  const sought = React.useRef(false);
  const showData = React.useCallback((): void => {
    sought.current = true;
    choose({ page: 'overview' });
  }, [choose]);
  React.useEffect(() => {
    if (sought.current && state.page === 'overview') {
      sought.current = false;
      const data = whole.current?.querySelector<HTMLElement>('[data-part="data"]');
      data?.scrollIntoView({ block: 'center' });
      data?.focus({ preventScroll: true });
    }
  }, [state.page]);
  const showCard = (): void => {
    choose({ page: 'card' });
  };
  const words: Readonly<Record<PageName, string>> = {
    overview: trans.__('Overview'),
    lineage: trans.__('Lineage'),
    card: trans.__('Card'),
    compare: trans.__('Compare')
  };
  const pages = PAGES.filter(page => page !== 'compare' || model.versions.length > 1);
  const page = pages.find(each => each === state.page) ?? 'overview';
  return (
    <section ref={whole} className="jp-mlplat-card jp-mlplat-versionPanel" aria-labelledby={id} data-version={version.version}>
      <div className="jp-mlplat-cardHead">
        <span className="jp-mlplat-inline">
          <h2 id={id}>{trans.__('Version %1', version.version)}</h2>
          <AliasChips aliases={version.aliases.map(alias => [alias, null] as const)} locked={model.protected} most={5} label={trans.__('Its aliases')} />
        </span>
        <Tabs
          label={trans.__('What is shown of version %1', version.version)}
          tabs={pages.map(each => ({ id: each, label: words[each] }))}
          chosen={page}
          choose={chosen => {
            choose({ page: PAGES.find(each => each === chosen) ?? 'overview' });
          }}
        />
        <CopyButtons uri={version.uri} />
      </div>
      {view && page === 'overview' && <Show resource={view.detail} lines={4}>{detail => <Overview detail={detail} showCard={showCard} />}</Show>}
      {view && page === 'lineage' && <Show resource={view.lineage} lines={4}>{lineage => <LineageGraph lineage={lineage} of={version} showData={showData} />}</Show>}
      {view && page === 'card' && <Show resource={view.card} lines={6}>{card => <Card loaded={card} resource={view.card} parts={parts} drafts={drafts} />}</Show>}
      {page === 'compare' && <Comparison model={model} version={version} against={state.against} choose={choose} />}
    </section>
  );
}

function CopyButtons({ uri }: { readonly uri: string }): JSX.Element {
  const trans = useTrans();
  const copy = useCopy();
  return (
    <span className="jp-mlplat-inline jp-mlplat-copies">
      <TextButton
        label={trans.__('Copy address')}
        icon={copyIcon}
        title={trans.__('Copy %1', uri.slice(0, 300))}
        onClick={() => {
          copy(uri);
        }}
      />
      <TextButton
        label={trans.__('Copy as code')}
        icon={codeIcon}
        title={trans.__('Python that loads this version')}
        onClick={() => {
          copy(codeOf(uri));
        }}
      />
    </span>
  );
}
