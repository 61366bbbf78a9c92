/** A section of the side panel: a body, and a summary in its title that says the most important thing. */

import { Signal, type ISignal } from '@lumino/signaling';
import type { SectionName } from '../tokens';
import { type IPanelContext, PanelWidget } from './context';

/** A command, and what its button says. */
export interface IOpener {
  readonly command: string;
  readonly label: string;
}

interface ISectionOptions {
  readonly name: SectionName;
  readonly label: string;
  /** Opens the whole view of what it shows in short. */
  readonly opens?: IOpener;
}

const PRESSABLE = 'a[href], button, input, select, textarea, [tabindex="0"]';

export abstract class Section extends PanelWidget {
  constructor(context: IPanelContext, options: ISectionOptions) {
    super(context);
    this.name = options.name;
    this.opens = options.opens ?? null;
    this.id = `jp-mlplat-section-${options.name}`;
    this.title.label = options.label;
    this.addClass('jp-mlplat-section');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', options.label);
    this._drawn = new MutationObserver(() => {
      // Where nothing in it takes the focus it must take it itself to be scrolled by keyboard.
      this.node.tabIndex = this.node.querySelector(PRESSABLE) === null ? 0 : -1;
    });
    this._drawn.observe(this.node, { childList: true, subtree: true });
  }

  override dispose(): void {
    this._drawn.disconnect();
    super.dispose();
  }

  readonly name: SectionName;
  readonly opens: IOpener | null;

  /** One short line for the title, shown also while collapsed; empty when there is nothing to say. */
  abstract get summary(): string;

  get summaryChanged(): ISignal<this, void> {
    return this._summaryChanged;
  }

  /** The panel became visible: fetch what was never fetched, even while this section is collapsed. */
  abstract demand(): void;

  /** Renews the summary when the resource changes. */
  protected follow(resource: { readonly changed: ISignal<unknown, unknown> }): void {
    resource.changed.connect(() => {
      this._summaryChanged.emit();
    });
  }

  protected override onShown(): void {
    this.demand();
  }

  private readonly _drawn: MutationObserver;
  private readonly _summaryChanged = new Signal<this, void>(this);
}
