/** What a version is: metrics and parameters of its run, what it takes and gives, what it needs, where it is served. */

import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { ModelField, ModelVersionDetail } from '../../types';
import { bytes, number } from '../../widgets/format';
import { Facts, TextButton } from '../../widgets/parts';
import { StateBadge } from '../../widgets/state';
import { RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { Link } from '../context';
import { dataWords } from '../run/data-words';
import { Pairs } from '../run/pairs';
import { Cut, tip } from '../runs/cells';
import { useCopy } from './copy';
import { versionState } from './words';

/** Columns of a signature and requirements that are shown. */
const FIELDS = 300;

export function Overview({ detail, showCard }: { readonly detail: ModelVersionDetail; readonly showCard: () => void }): JSX.Element {
  const trans = useTrans();
  const tags = Object.entries(detail.tags);
  return (
    <div className="jp-mlplat-versionOverview">
      {detail.description && (
        <p className="jp-mlplat-hint">
          <button type="button" className="jp-mlplat-link" onClick={showCard}>
            {trans.__('Somebody has written about it: see its card')}
          </button>
        </p>
      )}
      <FactsOf detail={detail} />
      {detail.notes.length > 0 && (
        <ul className="jp-mlplat-notes" aria-label={trans.__('What could not be read')}>
          {detail.notes.map(note => (
            <li key={note} className="jp-mlplat-hint">
              {note}
            </li>
          ))}
        </ul>
      )}
      <div className="jp-mlplat-columns">
        <Pairs title={trans.__('Metrics')} rows={Object.entries(detail.metrics).map(([name, value]) => [name, number(value)])} numbers />
        <Pairs title={trans.__('Parameters')} rows={Object.entries(detail.parameters)} />
      </div>
      <div className="jp-mlplat-columns">
        <Fields title={trans.__('Takes')} fields={detail.inputs} />
        <Fields title={trans.__('Gives')} fields={detail.outputs} />
      </div>
      <div className="jp-mlplat-columns">
        <div data-part="data" tabIndex={-1}>
          <Pairs
            title={trans.__('Data')}
            rows={detail.datasets.map((dataset, index) => [String(dataset.name ?? index + 1), dataWords(dataset)])}
          />
        </div>
        {tags.length > 0 && <Pairs title={trans.__('Tags')} rows={tags} />}
        <Served detail={detail} />
      </div>
      <Requirements detail={detail} />
    </div>
  );
}

function FactsOf({ detail }: { readonly detail: ModelVersionDetail }): JSX.Element {
  const trans = useTrans();
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('Status'), <StateBadge key="s" state={versionState(detail.status)} />],
    detail.created_at !== null && [trans.__('Created'), <RelativeTime key="t" time={detail.created_at} />],
    detail.run !== null && [trans.__('Run'), <Link key="r" command={CommandIDs.openRun} id={detail.run.id} words={detail.run.name.slice(0, 60) || detail.run.id.slice(0, 8)} />],
    detail.run !== null && [trans.__('Experiment'), detail.run.experiment.slice(0, 60)],
    detail.flavors.length > 0 && [trans.__('Flavors'), detail.flavors.join(', ')],
    detail.size !== null && [trans.__('Size'), bytes(detail.size)],
    detail.python !== null && [trans.__('Python'), detail.python]
  ];
  return <Facts rows={rows.filter(row => row !== false)} />;
}

/** "double", "float32 (-1, 4)" with what is free as "any". */
function typeOf(field: ModelField): string {
  return field.shape === null ? field.type : `${field.type} (${field.shape.map(size => (size < 0 ? '∗' : size)).join(' × ')})`;
}

function Fields({ title, fields }: { readonly title: string; readonly fields: ReadonlyArray<ModelField> | null }): JSX.Element {
  const trans = useTrans();
  const optional = fields?.some(field => !field.required) ?? false;
  return (
    <section className="jp-mlplat-card" aria-label={title}>
      <h2>
        {title} {fields !== null && <span className="jp-mlplat-number">{fields.length}</span>}
      </h2>
      {fields === null ? (
        <p className="jp-mlplat-hint">{trans.__('The model says nothing of it: log it with a signature or an input example.')}</p>
      ) : (
        <div className="jp-mlplat-fieldScroll" tabIndex={0} role="region" aria-label={trans.__('%1: fields', title)}>
          <table className="jp-mlplat-table">
            <tbody>
              {fields.slice(0, FIELDS).map((field, index) => (
                <tr key={index}>
                  <th scope="row" title={tip(field.name)}>
                    <Cut text={field.name || trans.__('(no name)')} />
                  </th>
                  <td>
                    <code>{typeOf(field)}</code>
                  </td>
                  {optional && <td className="jp-mlplat-hint">{field.required ? '' : trans.__('optional')}</td>}
                </tr>
              ))}
            </tbody>
          </table>
          {fields.length > FIELDS && <p className="jp-mlplat-hint">{trans.__('The first %1 of %2.', FIELDS, fields.length)}</p>}
        </div>
      )}
    </section>
  );
}

function Served({ detail }: { readonly detail: ModelVersionDetail }): JSX.Element {
  const trans = useTrans();
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Deployments')}>
      <h2>{trans.__('Deployments')}</h2>
      {detail.deployments.length === 0 ? (
        <p className="jp-mlplat-hint">{trans.__('It is not served.')}</p>
      ) : (
        <table className="jp-mlplat-table">
          <tbody>
            {detail.deployments.map(each => (
              <tr key={each.name}>
                <th scope="row">
                  <Link command={CommandIDs.openDeployment} id={each.name} field="name" words={each.name} />
                </th>
                <td>
                  <StateBadge state={each.state} />
                </td>
                <td className="jp-mod-number">{each.traffic} %</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Requirements({ detail }: { readonly detail: ModelVersionDetail }): JSX.Element | null {
  const trans = useTrans();
  const copy = useCopy();
  if (detail.requirements.length === 0) {
    return null;
  }
  return (
    <details className="jp-mlplat-folded">
      <summary>{trans._n('%1 requirement', '%1 requirements', detail.requirements.length)}</summary>
      <pre tabIndex={0} aria-label={trans.__('Requirements')}>
        {detail.requirements.join('\n')}
      </pre>
      <TextButton
        label={trans.__('Copy')}
        icon={copyIcon}
        title={trans.__('Copy the requirements')}
        onClick={() => {
          copy(detail.requirements.join('\n'));
        }}
      />
    </details>
  );
}
