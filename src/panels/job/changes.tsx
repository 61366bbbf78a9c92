/** What is different from the last time that a job succeeded: values then and now, the code, the time of its cells. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { CellTiming, JobChanges } from '../../types';
import { Diff } from '../../widgets/diff';
import { Empty } from '../../widgets/feedback';
import { duration } from '../../widgets/format';
import { useTrans } from '../../widgets/trans';
import { Heads, type IPart, Values, wasCompared } from '../compare/values';
import { Link } from '../context';
import { shortId } from '../jobs/words';

/** A cell is slower when it took so many times as long, and so many seconds more. */
const SLOWER = { times: 1.2, seconds: 0.2 };

/** Slower cells that are shown, the slowest first. */
const CELLS = 10;

export function Changes({ changes }: { readonly changes: JobChanges }): JSX.Element {
  const trans = useTrans();
  const { against, code, notes } = changes;
  const heads = headsOf(changes, trans);
  if (against === null) {
    return (
      <Empty title={trans.__('Nothing to compare with: this notebook has not succeeded before.')}>
        <p className="jp-mlplat-hint">
          {trans.__('After its first success you see here what is different: parameters, code, data, packages, metrics, and which cells are slower.')}
        </p>
      </Empty>
    );
  }
  const parts = partsOf(changes, trans);
  const slower = slowerCells(changes.timings);
  const same = [
    ...parts.filter(part => part.rows.length === 0 && wasCompared(notes, new RegExp(part.id))).map(part => part.word),
    ...(code === '' && wasCompared(notes, /code/) ? [trans.__('code')] : [])
  ];
  return (
    <div className="jp-mlplat-changes">
      <p className="jp-mlplat-hint">
        {trans.__('Compared with the last success before it:')}{' '}
        <Link command={CommandIDs.openJob} id={against} words={trans.__('job %1', shortId(against) || against)} />
        {same.length > 0 && ` · ${trans.__('the same as then: %1', same.join(', '))}`}
      </p>
      {parts.slice(0, 1).map(part => (
        <Values key={part.id} part={part} heads={heads} />
      ))}
      {code !== '' && (
        <section aria-labelledby="jp-mlplat-h-code">
          <h2 id="jp-mlplat-h-code">{trans.__('Code')}</h2>
          <Diff text={code} none="" />
        </section>
      )}
      {parts.slice(1).map(part => (
        <Values key={part.id} part={part} heads={heads} />
      ))}
      {slower.length > 0 && <Slower cells={slower} heads={heads} />}
      {notes.length > 0 && (
        <section aria-labelledby="jp-mlplat-h-notes">
          <h2 id="jp-mlplat-h-notes">{trans.__('Not compared')}</h2>
          <ul className="jp-mlplat-notes">
            {notes.map(note => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** "Then (#41)" and "Now (#42)". */
function headsOf(changes: JobChanges, trans: TranslationBundle): readonly [string, string] {
  return [trans.__('Then %1', shortId(changes.against ?? '')), trans.__('Now %1', shortId(changes.job_id))];
}

function partsOf(changes: JobChanges, trans: TranslationBundle): IPart[] {
  return [
    { id: 'parameters', title: trans.__('Parameters'), word: trans.__('parameters'), absent: trans.__('default'), rows: changes.parameters },
    { id: 'data', title: trans.__('Data'), word: trans.__('data'), absent: trans.__('not used'), rows: changes.data },
    { id: 'environment', title: trans.__('Python and packages'), word: trans.__('packages'), absent: trans.__('not installed'), rows: changes.environment },
    { id: 'metrics', title: trans.__('Metrics'), word: trans.__('metrics'), absent: trans.__('not logged'), rows: changes.metrics }
  ];
}

interface ISlower {
  readonly index: number;
  readonly before: number;
  readonly after: number;
}

/** The cells that took noticeably longer, the most seconds lost first. */
function slowerCells(timings: ReadonlyArray<CellTiming>): ISlower[] {
  return timings
    .flatMap(({ index, before, after }) => (before === null || after === null ? [] : [{ index, before, after }]))
    .filter(({ before, after }) => after > before * SLOWER.times && after - before > SLOWER.seconds)
    .sort((one, other) => other.after - other.before - (one.after - one.before))
    .slice(0, CELLS);
}

function Slower(props: { readonly cells: ReadonlyArray<ISlower>; readonly heads: readonly [string, string] }): JSX.Element {
  const trans = useTrans();
  const most = Math.max(...props.cells.map(cell => cell.after));
  const bar = (seconds: number, kind: 'then' | 'now'): JSX.Element => (
    <span className="jp-mlplat-timing" data-kind={kind}>
      <span className="jp-mlplat-bar" aria-hidden>
        <span style={{ transform: `scaleX(${seconds / most})` }} />
      </span>
      {duration(seconds)}
    </span>
  );
  return (
    <section aria-labelledby="jp-mlplat-h-slower" data-part="slower">
      <h2 id="jp-mlplat-h-slower">{trans.__('Slower cells')}</h2>
      <table className="jp-mlplat-table" aria-labelledby="jp-mlplat-h-slower">
        <thead>
          <tr>
            <th scope="col">{trans.__('Cell')}</th>
            <Heads words={props.heads} />
          </tr>
        </thead>
        <tbody>
          {props.cells.map(cell => (
            <tr key={cell.index}>
              <th scope="row">{trans.__('Cell %1', cell.index)}</th>
              <td>{bar(cell.before, 'then')}</td>
              <td>{bar(cell.after, 'now')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
