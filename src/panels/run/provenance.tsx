/** What a run was made of, as far as its tags tell: its notebook, its commit, its job, its devices. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { RunDetail } from '../../types';
import { Copyable, Facts } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { Link } from '../context';
import { shortId } from '../jobs/words';

/** The folder of a run's files that has its packages and what was not committed. */
const FOLDER = 'provenance';

/** Letters of a commit's hash that people read. */
const HASH = 12;

export function Provenance({ run }: { readonly run: RunDetail }): JSX.Element | null {
  const trans = useTrans();
  const { tags } = run;
  const tag = (name: string): string => tags[name] ?? '';
  const commit = tag('mlflow.source.git.commit');
  const link = (command: string, name: string): JSX.Element => (
    <Link command={command} id={tag(name)} words={shortId(tag(name)) || trans.__('Open')} />
  );
  const rows: ReadonlyArray<false | readonly [string, React.ReactNode]> = [
    tag('mlflow.source.name') !== '' && [
      trans.__('Source'),
      <Copyable key="s" text={tag('mlflow.source.name')} shown={tag('mlflow.source.name').split('/').pop() ?? ''} label={trans.__('path')} />
    ],
    commit !== '' && [trans.__('Commit'), <Copyable key="c" text={commit} shown={commit.slice(0, HASH)} label={trans.__('commit')} />],
    tag('mlflow.source.git.branch') !== '' && [trans.__('Branch'), tag('mlflow.source.git.branch')],
    tag('mlflow.source.git.repoURL') !== '' && [trans.__('Repository'), tag('mlflow.source.git.repoURL')],
    run.job_id !== null && [
      trans.__('Job'),
      <span key="j" className="jp-mlplat-inline">
        {link(CommandIDs.openJob, 'mlplat.job_id')}
        {tag('mlplat.attempt') !== '' && trans.__('attempt %1', tag('mlplat.attempt'))}
      </span>
    ],
    tag('mlplat.schedule_id') !== '' && [trans.__('Schedule'), link(CommandIDs.openSchedules, 'mlplat.schedule_id')],
    tag('mlplat.sweep_id') !== '' && [trans.__('Sweep'), link(CommandIDs.openSweep, 'mlplat.sweep_id')],
    tag('mlplat.pipeline_id') !== '' && [trans.__('Pipeline'), link(CommandIDs.openPipeline, 'mlplat.pipeline_id')],
    tag('mlflow.parentRunId') !== '' && [trans.__('Parent run'), link(CommandIDs.openRun, 'mlflow.parentRunId')],
    tag('mlplat.features') !== '' && [trans.__('Features'), tag('mlplat.features').split(',').join(', ')],
    tag('mlplat.gpus') !== '' && [trans.__('GPUs'), tag('mlplat.gpus')],
    tag('mlplat.lease') !== '' && [trans.__('Lease'), tag('mlplat.lease')]
  ];
  const known = rows.filter(row => row !== false);
  if (known.length === 0 && !run.artifacts.includes(FOLDER)) {
    return null;
  }
  return (
    <section className="jp-mlplat-card" aria-label={trans.__('Provenance')}>
      <h2>{trans.__('Provenance')}</h2>
      <Facts rows={known} />
      {run.artifacts.includes(FOLDER) && (
        <p className="jp-mlplat-hint">{trans.__('Its packages, and what was not committed, are among its artifacts, in %1.', `${FOLDER}/`)}</p>
      )}
    </section>
  );
}
