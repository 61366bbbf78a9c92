/** The side panel: one icon, six sections, each collapsible and remembered. */

import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import { caretDownIcon, CommandToolbarButton, SidePanel } from '@jupyterlab/ui-components';
import type { JSONValue } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
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
import type { Section } from './section';

const STATE_KEY = 'jupyter-mlplat:panel';

/** Milliseconds in which JupyterLab may still move the focus after a command: its palette gives it back when it closes. */
const SETTLES = 1000;

/** Sections that are open until the user decides otherwise. */
const OPEN: ReadonlySet<SectionName> = new Set<SectionName>(['jobs', 'runs', 'deployments']);

/** A section under its title; the title is a button with a live summary at its right end. */
class Fold extends Panel {
  constructor(readonly section: Section) {
    super();
    this.addClass('jp-mlplat-fold');
    const node = document.createElement('h3');
    node.className = 'jp-mlplat-foldTitle';
    this._button = node.appendChild(document.createElement('button'));
    this._button.type = 'button';
    this._button.dataset.section = section.name;
    this._button.setAttribute('aria-controls', section.id);
    const caret = this._button.appendChild(document.createElement('span'));
    caret.className = 'jp-mlplat-foldCaret';
    caretDownIcon.element({ container: caret, tag: 'span' });
    this._button.append(section.title.label);
    const summary = this._button.appendChild(document.createElement('span'));
    summary.className = 'jp-mlplat-summary';
    const update = (): void => {
      summary.textContent = section.summary;
      summary.title = section.summary;
    };
    section.summaryChanged.connect(update);
    update();
    this._button.addEventListener('click', () => {
      this.open = !this.open;
      this._toggled.emit();
    });
    this.addWidget(new Widget({ node }));
    this.addWidget(section);
    this.open = false;
  }

  /** The user opened or closed it. */
  get toggled(): ISignal<this, void> {
    return this._toggled;
  }

  get open(): boolean {
    return !this.section.isHidden;
  }

  set open(open: boolean) {
    this.section.setHidden(!open);
    this.toggleClass('jp-mod-open', open);
    this._button.setAttribute('aria-expanded', String(open));
  }

  focus(): void {
    this._button.focus();
  }

  private readonly _button: HTMLButtonElement;
  private readonly _toggled = new Signal<this, void>(this);
}

export class PlatformPanel extends SidePanel {
  constructor(
    private readonly _context: IPanelContext,
    options: { readonly translator?: ITranslator; readonly state?: IStateDB | null }
  ) {
    super({ content: new Panel(), translator: options.translator });
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
    this._folds = [
      new JobsSection(_context),
      new RunsSection(_context),
      new DeploymentsSection(_context),
      new FeaturesSection(_context),
      new DriftSection(_context),
      new GPUsSection(_context)
    ].map(section => new Fold(section));
    this._folds.forEach(fold => {
      fold.open = OPEN.has(fold.section.name);
      fold.toggled.connect(() => {
        void this._save();
      });
      this.addWidget(fold);
    });
    void this._restore();
  }

  /** Opens a section; its title takes the focus when the panel is activated. */
  reveal(name: SectionName): void {
    const fold = this._folds.find(each => each.section.name === name);
    if (fold) {
      fold.open = true;
      this._wanted = fold;
      void this._save();
    }
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    const fold = this._wanted ?? this._folds[0];
    this._wanted = null;
    fold.focus();
    this._hold(fold);
  }

  /** Takes the focus back when something else than the user moves it out of the panel right after this. */
  private _hold(fold: Fold): void {
    this._release?.();
    const back = (event: FocusEvent): void => {
      if (this.isVisible && event.target instanceof Node && !this.node.contains(event.target)) {
        fold.focus();
      }
    };
    const release = (): void => {
      window.clearTimeout(timer);
      document.removeEventListener('focusin', back);
      document.removeEventListener('pointerdown', release, true);
      document.removeEventListener('keydown', release, true);
    };
    const timer = window.setTimeout(release, SETTLES);
    document.addEventListener('focusin', back);
    document.addEventListener('pointerdown', release, true);
    document.addEventListener('keydown', release, true);
    this._release = release;
  }

  override dispose(): void {
    this._release?.();
    super.dispose();
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
      this._folds.forEach(fold => {
        fold.section.demand();
      });
    });
  }

  private async _restore(): Promise<void> {
    const saved: unknown = await this._state?.fetch(STATE_KEY);
    if (typeof saved === 'object' && saved !== null && 'open' in saved && Array.isArray(saved.open)) {
      const open = new Set(saved.open.map(String));
      this._folds.forEach(fold => {
        fold.open = open.has(fold.section.name);
      });
    }
    this._restored = true;
  }

  private async _save(): Promise<void> {
    if (this._restored && this._state) {
      const open = this._folds.filter(fold => fold.open).map(fold => fold.section.name);
      await this._state.save(STATE_KEY, { open } as unknown as JSONValue as never);
    }
  }

  private readonly _state: IStateDB | null;
  private readonly _folds: ReadonlyArray<Fold>;
  private _wanted: Fold | null = null;
  private _release: (() => void) | null = null;
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

