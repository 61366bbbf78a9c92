/** The section Features: the feature views and how fresh they are. */

import * as React from 'react';
import type { FeatureView, Page } from '../types';
import { Empty } from '../widgets/feedback';
import { duration } from '../widgets/format';
import { stateIcons } from '../widgets/icons';
import { RelativeTime } from '../widgets/time';
import { useTrans } from '../widgets/trans';
import { type IPanelContext, Show } from './context';
import { Section } from './section';

type Freshness = 'fresh' | 'stale' | 'never';

export class FeaturesSection extends Section {
  constructor(context: IPanelContext) {
    super(context, { name: 'features', label: context.trans.__('Features') });
    this.follow(context.model.features);
  }

  get summary(): string {
    const { model, trans } = this.context;
    const views = model.features.data?.items ?? [];
    const stale = views.filter(view => freshness(view) === 'stale').length;
    return [
      views.length ? trans._n('%1 view', '%1 views', views.length) : '',
      stale ? trans.__('%1 stale', stale) : ''
    ]
      .filter(Boolean)
      .join(' · ');
  }

  demand(): void {
    this.context.model.features.demand();
  }

  protected content(): JSX.Element {
    return <Show resource={this.context.model.features}>{page => <ViewList page={page} />}</Show>;
  }
}

/** Whether the online values of a view are younger than its time to live. */
function freshness(view: FeatureView): Freshness {
  if (view.materialized_at === null) {
    return 'never';
  }
  const age = (Date.now() - Date.parse(view.materialized_at)) / 1000;
  return view.ttl !== null && age > view.ttl ? 'stale' : 'fresh';
}

function ViewList(props: { readonly page: Page<FeatureView> }): JSX.Element {
  const trans = useTrans();
  if (props.page.items.length === 0) {
    return (
      <Empty title={trans.__('No feature views. Define one in a file, then apply it:')}>
        <code className="jp-mlplat-teach">%mlplat features apply features.py</code>
      </Empty>
    );
  }
  return (
    <ul className="jp-mlplat-list" aria-label={trans.__('Feature views')}>
      {props.page.items.map(view => (
        <ViewRow key={view.name} view={view} />
      ))}
    </ul>
  );
}

function ViewRow(props: { readonly view: FeatureView }): JSX.Element {
  const { view } = props;
  const trans = useTrans();
  const state = freshness(view);
  const looks = {
    fresh: { icon: stateIcons.succeeded, tone: 'success', word: trans.__('Fresh') },
    stale: { icon: stateIcons.warning, tone: 'warn', word: trans.__('Stale') },
    never: { icon: stateIcons.queued, tone: 'quiet', word: trans.__('Not materialized') }
  } as const;
  const look = looks[state];
  return (
    <li className="jp-mlplat-row">
      <span className="jp-mlplat-stateIcon" data-tone={look.tone} aria-hidden>
        <look.icon.react tag={null} />
      </span>
      <div className="jp-mlplat-rowMain">
        <span className="jp-mlplat-rowName" title={view.description || view.source}>
          {view.name}
        </span>
        <div className="jp-mlplat-rowDetail">
          <span className="jp-mlplat-word" data-tone={look.tone}>
            {look.word}
          </span>
          {view.materialized_at && <RelativeTime time={view.materialized_at} />}
          <span className="jp-mlplat-rowMetric" title={view.features.map(each => `${each.name}: ${each.type}`).join('\n')}>
            {trans._n('%1 feature', '%1 features', view.features.length)}
            {view.rows !== null && ` · ${trans.__('%1 rows', view.rows.toLocaleString())}`}
            {view.ttl !== null && ` · ${trans.__('valid %1', duration(view.ttl))}`}
          </span>
        </div>
      </div>
    </li>
  );
}
