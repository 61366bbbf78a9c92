/** The fields "Notify" of the form: whom to tell, and of what. */

import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { NoticeEvent } from '../../types';
import { IconButton } from '../../widgets/parts';
import { useTrans } from '../../widgets/trans';
import { eventWords } from '../notices';
import { EVENTS, type INotifyValues, lineOf, NO_NOTIFY } from './notify-values';

/** The one that wants a time is the last. */
const SHOWN: ReadonlyArray<NoticeEvent> = ['failure', 'recovery', 'success', 'too_long'];

interface INotifyProps {
  readonly notify: ReadonlyArray<INotifyValues>;
  readonly fields: Readonly<Record<string, string>>;
  readonly change: (notify: ReadonlyArray<INotifyValues>) => void;
}

export function NotifyFields({ notify, fields, change }: INotifyProps): JSX.Element {
  const trans = useTrans();
  const lines = notify.length > 0 ? notify : [NO_NOTIFY];
  const errors = errorsByLine(lines, fields);
  return (
    <fieldset className="jp-mlplat-notify">
      <legend>{trans.__('Notify')}</legend>
      {lines.map((line, index) => (
        <Line
          key={index}
          id={`jp-mlplat-notify-${index}`}
          line={line}
          errors={errors.get(index) ?? []}
          change={next => {
            change(lines.map((each, at) => (at === index ? next : each)));
          }}
          remove={
            lines.length > 1
              ? () => {
                  change(lines.filter((_, at) => at !== index));
                }
              : null
          }
        />
      ))}
      <p className="jp-mlplat-hint">
        {trans.__('A mail address, the address of a webhook, env:NAME or file:PATH that holds one on the host of the engine, or @NAME of a configured target.')}
      </p>
      {lines.at(-1)?.to.trim() !== '' && (
        <p>
          <button
            type="button"
            className="jp-mlplat-link"
            onClick={() => {
              change([...lines, NO_NOTIFY]);
            }}
          >
            {trans.__('Tell somebody else, too')}
          </button>
        </p>
      )}
    </fieldset>
  );
}

/** What the server says of a target, at the line of that target. */
function errorsByLine(
  lines: ReadonlyArray<INotifyValues>,
  fields: Readonly<Record<string, string>>
): ReadonlyMap<number, string[]> {
  const found = new Map<number, string[]>();
  for (const [field, message] of Object.entries(fields)) {
    const match = /^notify(?:[.[](\d+))?/.exec(field);
    if (match) {
      const line = lineOf(lines, Number(match[1] ?? 0));
      found.set(line, [...(found.get(line) ?? []), message]);
    }
  }
  return found;
}

interface ILineProps {
  readonly id: string;
  readonly line: INotifyValues;
  readonly errors: ReadonlyArray<string>;
  readonly change: (line: INotifyValues) => void;
  readonly remove: (() => void) | null;
}

function Line({ id, line, errors, change, remove }: ILineProps): JSX.Element {
  const trans = useTrans();
  const wrong = errors.length > 0;
  return (
    <div className={`jp-mlplat-notifyLine${wrong ? ' jp-mod-invalid' : ''}`}>
      <div className="jp-mlplat-fieldControl">
        <input
          id={id}
          value={line.to}
          aria-label={trans.__('Whom to tell')}
          aria-invalid={wrong}
          aria-describedby={wrong ? `${id}-error` : undefined}
          placeholder={trans.__('mailto:ada@example.org or @team')}
          spellCheck={false}
          autoComplete="off"
          onChange={event => {
            change({ ...line, to: event.target.value });
          }}
        />
        {remove && <IconButton icon={closeIcon} label={trans.__('Do not tell %1', line.to)} onClick={remove} />}
      </div>
      <div className="jp-mlplat-choices" role="group" aria-label={trans.__('Of what')}>
        {SHOWN.map(event => (
          <label key={event} className="jp-mlplat-check">
            <input
              type="checkbox"
              checked={line.on.includes(event)}
              onChange={({ target }) => {
                change({ ...line, on: EVENTS.filter(each => (each === event ? target.checked : line.on.includes(each))) });
              }}
            />
            {eventWords(event, trans)}
          </label>
        ))}
        {line.on.includes('too_long') && (
          <input
            className="jp-mlplat-notifyAfter"
            value={line.after}
            aria-label={trans.__('Longer than')}
            placeholder={trans.__('2 × as usual')}
            title={trans.__('Like 2h; without a time, twice as long as usual')}
            onChange={event => {
              change({ ...line, after: event.target.value });
            }}
          />
        )}
      </div>
      {wrong && (
        <p className="jp-mlplat-fieldError" id={`${id}-error`} role="alert">
          {errors.join(' ')}
        </p>
      )}
    </div>
  );
}
