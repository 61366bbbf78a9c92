/** The head of the side panel: what must be said once for all sections, and a voice for changes of state. */

import * as React from 'react';
import { API_VERSION } from '../api';
import type { Availability } from '../model';
import { CommandIDs } from '../tokens';
import { stateIcons } from '../widgets/icons';
import { stateWord } from '../widgets/state';
import { useTrans } from '../widgets/trans';
import { type IPanelContext, PanelWidget, usePanel } from './context';

export class Head extends PanelWidget {
  constructor(context: IPanelContext) {
    super(context);
    this.addClass('jp-mlplat-headWidget');
  }

  protected content(): JSX.Element {
    return (
      <>
        <h2>{this.context.trans.__('ML Platform')}</h2>
        <Banner />
        <Voice />
      </>
    );
  }
}

function Banner(): JSX.Element | null {
  const { model, commands } = usePanel();
  const trans = useTrans();
  const availability = React.useSyncExternalStore(
    React.useCallback(
      notify => {
        model.availabilityChanged.connect(notify);
        return () => {
          model.availabilityChanged.disconnect(notify);
        };
      },
      [model]
    ),
    () => model.availability
  );
  const [title, hint] = bannerWords(availability, trans.__.bind(trans));
  if (!title) {
    return null;
  }
  return (
    <div className="jp-mlplat-banner" role="alert">
      <span className="jp-mlplat-stateIcon" data-tone="warn" aria-hidden>
        <stateIcons.warning.react tag={null} />
      </span>
      <div>
        <p>{title}</p>
        <p className="jp-mlplat-hint">{hint}</p>
        <button
          type="button"
          className="jp-mlplat-link"
          onClick={() => {
            void commands.execute(CommandIDs.refresh);
          }}
        >
          {trans.__('Try again')}
        </button>
      </div>
    </div>
  );
}

function bannerWords(availability: Availability, __: (text: string, ...args: unknown[]) => string): [string, string] {
  switch (availability.kind) {
    case 'missing':
      return [
        __('The server extension is missing.'),
        __('The panel is installed, its server part is not running. Run “jupyter server extension enable jupyter_mlplat” and restart Jupyter.')
      ];
    case 'mismatch':
      return [
        __('The server extension is of another version.'),
        __(
          'It is %1 and speaks version %2, this page speaks version %3. Reload the page; if this stays, restart Jupyter.',
          availability.version,
          availability.server,
          API_VERSION
        )
      ];
    case 'offline':
      return [__('The Jupyter server cannot be reached.'), __('What you see is what was last known. Jobs go on without it.')];
    default:
      return ['', ''];
  }
}

/** Reads changes of state to those who do not see them. */
function Voice(): JSX.Element {
  const { model } = usePanel();
  const trans = useTrans();
  const [words, setWords] = React.useState('');
  React.useEffect(() => {
    const tell = (_: unknown, move: { job: { name: string; state: Parameters<typeof stateWord>[0] } }): void => {
      setWords(trans.__('Job %1: %2', move.job.name, stateWord(move.job.state, trans)));
    };
    model.jobMoved.connect(tell);
    return () => {
      model.jobMoved.disconnect(tell);
    };
  }, [model, trans]);
  return (
    <div className="jp-mlplat-sr" aria-live="polite">
      {words}
    </div>
  );
}
