/** The facts of a job, and what it left: below its title. */

import type { JSONValue } from '@lumino/coreutils';
import * as React from 'react';
import { ended } from '../../model';
import { CommandIDs } from '../../tokens';
import type { Job } from '../../types';
import { bytes, duration, moment, number, short } from '../../widgets/format';
import { Copyable, Facts } from '../../widgets/parts';
import { Ahead, RelativeTime } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { Link } from '../context';
import { GPUFacts } from '../gpus/facts';
import { shortId } from '../jobs/words';
import { notifyWords } from '../notices';

/** What there is to know of a job in short, with links to what it belongs to. */
export function JobFacts({ job }: { readonly job: Job }): JSX.Element {
  const trans = useTrans();
  const peak = Math.max(0, ...job.attempts.map(each => each.peak_rss ?? 0), ...job.cells.map(each => each.peak_rss ?? 0));
  const attempt = job.retries > 0 ? trans.__('%1 of at most %2', job.attempt, job.retries + 1) : String(job.attempt);
  const rows: Array<readonly [string, React.ReactNode] | false> = [
    [trans.__('Notebook'), <code key="nb">{job.notebook.split('/').pop()}</code>],
    job.attempt > 0 && [trans.__('Attempt'), attempt],
    [trans.__('Submitted'), <RelativeTime key="t" time={job.submitted_at} />],
    job.started_at !== null &&
      job.ended_at !== null && [trans.__('Took'), duration((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000)],
    peak > 0 && [trans.__('Memory peak'), bytes(peak)],
    job.gpus > 0 && [trans.__('GPUs'), <GPUFacts key="g" work={job} />],
    job.deadline_at !== null && !ended(job) && [trans.__('Deadline'), <Ahead key="d" time={job.deadline_at} />],
    job.schedule_id !== null && [
      trans.__('Schedule'),
      <Link
        key="s"
        command={CommandIDs.openSchedules}
        id={job.schedule_id}
        words={job.scheduled_for ? trans.__('for %1', moment(job.scheduled_for)) : trans.__('Open')}
      />
    ],
    job.sweep_id !== null && [
      trans.__('Sweep'),
      <Link key="w" command={CommandIDs.openSweep} id={job.sweep_id} words={shortId(job.sweep_id) || trans.__('Open')} />
    ],
    job.pipeline_id !== null && [
      trans.__('Pipeline'),
      <span key="p" className="jp-mlplat-inline">
        <Link command={CommandIDs.openPipeline} id={job.pipeline_id} words={shortId(job.pipeline_id) || trans.__('Open')} />
        {job.node !== null && trans.__('node %1', job.node)}
      </span>
    ],
    job.notify.length > 0 && job.notices.length === 0 && [trans.__('Tells'), notifyWords(job.notify, trans)],
    job.retry_of !== null && [
      trans.__('Runs again'),
      <Link key="r" command={CommandIDs.openJob} id={job.retry_of} words={shortId(job.retry_of) || trans.__('Open')} />
    ],
    ...Object.entries(job.metric).map(([name, value]) => [name, <b key={name}>{number(value)}</b>] as const),
    [trans.__('Job'), <Copyable key="id" text={job.id} shown={job.id.slice(0, 12)} label={trans.__('job id')} />],
    job.run_id !== null && [
      trans.__('Run'),
      <span key="run" className="jp-mlplat-inline">
        <Link command={CommandIDs.openRun} id={job.run_id} words={trans.__('Open')} />
        <Copyable text={job.run_id} shown={job.run_id.slice(0, 12)} label={trans.__('run id')} />
      </span>
    ]
  ];
  return <Facts rows={rows.filter(row => row !== false)} />;
}

/** What a job left with `mlplat.set_result`: names and values that can be copied. */
export function Results({ results }: { readonly results: Job['results'] }): JSX.Element | null {
  const trans = useTrans();
  const all = Object.entries(results);
  const text = (value: JSONValue): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return all.length === 0 ? null : (
    <div className="jp-mlplat-results">
      <h2>{trans.__('Results')}</h2>
      <Facts
        rows={all.map(([name, value]) => [
          name,
          <Copyable key={name} text={text(value)} shown={short(value)} label={trans.__('result %1', name)} />
        ])}
      />
    </div>
  );
}
