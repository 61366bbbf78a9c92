/** What a version differs in from another one of the same model: numbers, signature, packages, code. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Resource } from '../../resource';
import { CommandIDs } from '../../tokens';
import type { ModelVersion, RegisteredModel, VersionComparison } from '../../types';
import { Diff } from '../../widgets/diff';
import { bytes } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { CommandButton, Show, usePanel } from '../context';
import { type IPart, Values, wasCompared } from '../compare/values';
import type { IModelState } from './state';

interface IComparisonProps {
  readonly model: RegisteredModel;
  readonly version: ModelVersion;
  readonly against: string | null;
  readonly choose: (state: Partial<IModelState>) => void;
}

export function Comparison({ model, version, against, choose }: IComparisonProps): JSX.Element {
  const trans = useTrans();
  const { model: platform } = usePanel();
  const id = React.useId();
  const others = model.versions.filter(each => each.version !== version.version);
  // The one before it, else the next one.
  const older = others.find(each => Number(each.version) < Number(version.version)) ?? others.at(-1);
  const other = others.find(each => each.version === against) ?? older;
  const before = other?.version ?? '';
  const found = React.useMemo(
    () => new Resource<VersionComparison>(signal => platform.api.models.compare(model.name, before, version.version, signal)),
    [platform, model.name, before, version.version]
  );
  React.useEffect(() => {
    found.demand();
    return () => {
      found.dispose();
    };
  }, [found]);
  return (
    <div className="jp-mlplat-versionComparison">
      <div className="jp-mlplat-curveTools">
        <label className="jp-mlplat-labelled" htmlFor={id}>
          {trans.__('Compared with version')}
          <select
            id={id}
            value={before}
            onChange={event => {
              choose({ against: event.target.value });
            }}
          >
            {others.map(each => (
              <option key={each.version} value={each.version}>
                {each.aliases.length > 0 ? `${each.version} (${each.aliases.join(', ').slice(0, 60)})` : each.version}
              </option>
            ))}
          </select>
        </label>
        {other?.run_id && version.run_id && other.run_id !== version.run_id && (
          <CommandButton command={CommandIDs.compareRuns} args={{ ids: [other.run_id, version.run_id] }} label={trans.__('Compare their runs')} />
        )}
      </div>
      <Show key={before} resource={found} lines={4}>
        {comparison => <Parts comparison={comparison} />}
      </Show>
    </div>
  );
}

function Parts({ comparison }: { readonly comparison: VersionComparison }): JSX.Element {
  const trans = useTrans();
  const { run, notes } = comparison;
  const heads = [trans.__('Version %1', comparison.before.version), trans.__('Version %1', comparison.after.version)] as const;
  const parts = partsOf(comparison, trans);
  const code = run?.code ?? '';
  const every = [...notes, ...(run?.notes ?? [])];
  const known = (part: IVersionPart): boolean => (part.ofRun ? run !== null && wasCompared(every, new RegExp(part.id)) : wasCompared(every, /^files/));
  const same = [
    ...parts.filter(part => part.rows.length === 0 && known(part)).map(part => part.word),
    ...(run !== null && code === '' && wasCompared(every, /code/) ? [trans.__('code')] : [])
  ];
  return (
    <div className="jp-mlplat-changes">
      <p className="jp-mlplat-hint">
        {[sizesOf(comparison, trans), same.length > 0 ? trans.__('the same in both: %1', same.join(', ')) : ''].filter(Boolean).join(' · ')}
      </p>
      {parts.slice(0, 4).map(part => (
        <Values key={part.id} part={part} heads={heads} />
      ))}
      {code !== '' && (
        <section aria-labelledby="jp-mlplat-h-code">
          <h2 id="jp-mlplat-h-code">{trans.__('Code')}</h2>
          <Diff text={code} none="" />
        </section>
      )}
      {parts.slice(4).map(part => (
        <Values key={part.id} part={part} heads={heads} />
      ))}
      {every.length > 0 && (
        <section aria-labelledby="jp-mlplat-h-notes">
          <h2 id="jp-mlplat-h-notes">{trans.__('Not compared')}</h2>
          <ul className="jp-mlplat-notes">
            {[...new Set(every)].map(note => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function sizesOf({ size, before, after }: VersionComparison, trans: TranslationBundle): string {
  const [old, now] = [size.at(0) ?? null, size.at(1) ?? null];
  if (old === null || now === null) {
    return '';
  }
  return old === now
    ? trans.__('both have %1', bytes(now))
    : trans.__('version %1 has %2, version %3 has %4', before.version, bytes(old), after.version, bytes(now));
}

interface IVersionPart extends IPart {
  /** It can be told only where both runs are known. */
  readonly ofRun: boolean;
}

function partsOf({ run, signature, requirements }: VersionComparison, trans: TranslationBundle): IVersionPart[] {
  const absent = trans.__('none');
  const ofRun = true;
  return [
    { id: 'metrics', title: trans.__('Metrics'), word: trans.__('metrics'), absent: trans.__('not logged'), rows: run?.metrics ?? [], ofRun },
    { id: 'parameters', title: trans.__('Parameters'), word: trans.__('parameters'), absent: trans.__('default'), rows: run?.parameters ?? [], ofRun },
    { id: 'signature', title: trans.__('Signature'), word: trans.__('signature'), absent, rows: signature, ofRun: false },
    { id: 'requirements', title: trans.__('Packages of the model'), word: trans.__('packages of the model'), absent: trans.__('not needed'), rows: requirements, ofRun: false },
    { id: 'data', title: trans.__('Data'), word: trans.__('data'), absent: trans.__('not used'), rows: run?.data ?? [], ofRun },
    { id: 'source', title: trans.__('Source'), word: trans.__('source'), absent, rows: run?.source ?? [], ofRun },
    { id: 'environment', title: trans.__('Python and packages of the run'), word: trans.__('packages of the run'), absent: trans.__('not installed'), rows: run?.environment ?? [], ofRun }
  ];
}
