/** A section of the side panel under its title, which opens and closes it. */

import { caretDownIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { type ISignal, Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
import { openIcon } from '../widgets/icons';
import type { IOpener, Section } from './section';

/** A section under its title; the title is a button with a live summary at its right end. */
export class Fold extends Panel {
  constructor(readonly section: Section, commands: CommandRegistry) {
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
    if (section.opens !== null) {
      node.append(opener(commands, section.opens));
    }
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

/** A button at the end of a title that opens the whole view of what the section shows in short. */
function opener(commands: CommandRegistry, { command, label }: IOpener): HTMLButtonElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'jp-mlplat-iconButton';
  button.title = label;
  button.setAttribute('aria-label', label);
  openIcon.element({ container: button.appendChild(document.createElement('span')), tag: 'span', width: '14px', height: '14px' });
  button.addEventListener('click', () => {
    void commands.execute(command);
  });
  return button;
}
