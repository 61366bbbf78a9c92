/** The side panel: one icon, six sections, each collapsible and remembered. */

import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import { AccordionToolbar, CommandToolbarButton, SidePanel } from '@jupyterlab/ui-components';
import type { JSONValue } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import type { AccordionPanel, Title, Widget } from '@lumino/widgets';
import * as React from 'react';
import { API_VERSION } from '../api';
import type { Availability } from '../model';
import { CommandIDs, type SectionName } from '../tokens';
import { platformIcon, stateIcons } from '../widgets/icons';
import { stateWord } from '../widgets/state';
import { useTrans } from '../widgets/trans';
import { type IPanelContext, PanelWidget, usePanel } from './context';
import { DeploymentsSection } from './deployments';
import { DriftSection } from './drift';
import { FeaturesSection } from './features';
import { GPUsSection } from './gpus';
import { JobsSection } from './jobs';
import { RunsSection } from './runs';
import { Section } from './section';

const STATE_KEY = 'jupyter-mlplat:panel';

/** Sections that are open until the user decides otherwise. */
const OPEN: ReadonlySet<SectionName> = new Set<SectionName>(['jobs', 'runs', 'deployments']);

/** Section titles are buttons with a live summary at their right end. */
class TitleRenderer extends AccordionToolbar.Renderer {
  override createSectionTitle(data: Title<Widget>): HTMLElement {
    const title = super.createSectionTitle(data);
    title.setAttribute('role', 'button');
    const section = data.owner;
    if (section instanceof Section) {
      title.setAttribute('aria-controls', section.id);
      title.dataset.section = section.name;
      const summary = document.createElement('span');
      summary.className = 'jp-mlplat-summary';
      const update = (): void => {
        summary.textContent = section.summary;
        summary.title = section.summary;
      };
      section.summaryChanged.connect(update);
      update();
      title.appendChild(summary);
    }
    return title;
  }
}

export class PlatformPanel extends SidePanel {
  constructor(
    private readonly _context: IPanelContext,
    options: { readonly translator?: ITranslator; readonly state?: IStateDB | null }
  ) {
    super({ renderer: new TitleRenderer(), translator: options.translator });
    const { trans, commands } = _context;
    this._state = options.state ?? null;
    this.id = 'jp-mlplat-panel';
    this.addClass('jp-mlplat-panel');
    this.title.icon = platformIcon;
    this.title.caption = trans.__('ML Platform');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('ML Platform'));
    this.header.addWidget(new Head(_context));
    for (const id of [CommandIDs.refresh, CommandIDs.showStatus]) {
      this.toolbar.addItem(id, new CommandToolbarButton({ commands, id, label: '' }));
    }
    this._sections = [
      new JobsSection(_context),
      new RunsSection(_context),
      new DeploymentsSection(_context),
      new FeaturesSection(_context),
      new DriftSection(_context),
      new GPUsSection(_context)
    ];
    this._sections.forEach(section => {
      this.addWidget(section);
    });
    this._apply(OPEN);
    this._accordion.expansionToggled.connect(() => {
      void this._save();
    });
    void this._restore();
  }

  /** Opens a section and puts the focus on its title. */
  reveal(name: SectionName): void {
    const index = this._sections.findIndex(section => section.name === name);
    this._accordion.expand(index);
    this._accordion.titles[index]?.focus();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._demand();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this._demand();
    }
  }

  private _demand(): void {
    void this._context.model.start().then(() => {
      this._sections.forEach(section => {
        section.demand();
      });
    });
  }

  private get _accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  private _apply(open: ReadonlySet<string>): void {
    this._sections.forEach((section, index) => {
      if (open.has(section.name)) {
        this._accordion.expand(index);
      } else {
        this._accordion.collapse(index);
      }
    });
  }

  private async _restore(): Promise<void> {
    const saved: unknown = await this._state?.fetch(STATE_KEY);
    if (typeof saved === 'object' && saved !== null && 'open' in saved && Array.isArray(saved.open)) {
      this._apply(new Set(saved.open.map(String)));
    }
    this._restored = true;
  }

  private async _save(): Promise<void> {
    if (this._restored && this._state) {
      const open = this._sections.filter(section => !section.isHidden).map(section => section.name);
      await this._state.save(STATE_KEY, { open } as unknown as JSONValue as never);
    }
  }

  private readonly _state: IStateDB | null;
  private readonly _sections: ReadonlyArray<Section>;
  private _restored = false;
}

/** What must be said once for the whole panel, and a voice for changes of state. */
class Head extends PanelWidget {
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

