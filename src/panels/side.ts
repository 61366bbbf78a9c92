/** The side panel: one icon, seven sections, each collapsible and remembered. */

import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import { CommandToolbarButton, SidePanel } from '@jupyterlab/ui-components';
import type { JSONValue } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';
import { CommandIDs, type SectionName } from '../tokens';
import { platformIcon } from '../widgets/icons';
import type { IPanelContext } from './context';
import { DeploymentsSection } from './deployments';
import { DriftSection } from './drift';
import { FeaturesSection } from './features';
import { Fold } from './fold';
import { GPUsSection } from './gpus/section';
import { JobsSection } from './jobs/section';
import { ModelsSection } from './models/section';
import { RunsSection } from './runs/section';
import { Head } from './side-head';

const STATE_KEY = 'jupyter-mlplat:panel';

/** Milliseconds in which JupyterLab may still move the focus after a command: its palette gives it back when it closes. */
const SETTLES = 1000;

/** Sections that are open until the user decides otherwise. */
const OPEN: ReadonlySet<SectionName> = new Set<SectionName>(['jobs', 'runs', 'deployments']);

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
      new ModelsSection(_context),
      new DeploymentsSection(_context),
      new FeaturesSection(_context),
      new DriftSection(_context),
      new GPUsSection(_context)
    ].map(section => new Fold(section, commands));
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

  /**
   * Takes the focus back when something else than the user moves it out of the panel right after this.
   * A dialog keeps it: two that take the focus from each other would never end.
   */
  private _hold(fold: Fold): void {
    this._release?.();
    const back = ({ target }: FocusEvent): void => {
      if (!this.isVisible || (target instanceof Element && target.closest('[role="dialog"], .jp-Dialog'))) {
        release();
      } else if (target instanceof Node && !this.node.contains(target)) {
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
