/** What every panel is given, and how a panel follows a resource. */

import { ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';
import * as React from 'react';
import type { IIdentity } from '../links';
import type { PlatformModel } from '../model';
import type { ISnapshot, Resource } from '../resource';
import { Empty, ErrorBox, Loading, Offline } from '../widgets/feedback';
import { IconButton, TextButton } from '../widgets/parts';
import { TransContext, useTrans } from '../widgets/trans';

export interface IPanelContext {
  readonly model: PlatformModel;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
}

/** What stands in the main area. */
export interface IView extends Widget {
  readonly identity: IIdentity;
}

const PanelContext = React.createContext<IPanelContext | null>(null);
const IdentityContext = React.createContext<IIdentity | null>(null);

/** The context of the panel that renders this. */
export function usePanel(): IPanelContext {
  const context = React.useContext(PanelContext);
  if (context === null) {
    throw new Error('A panel component was rendered outside a panel.');
  }
  return context;
}

/** What opens the view again that renders this; null outside the main area. */
export function useIdentity(): IIdentity | null {
  return React.useContext(IdentityContext);
}

/** The snapshot of a resource; a change renders again. */
export function useResource<T>(resource: Resource<T>): ISnapshot<T> {
  return React.useSyncExternalStore(
    React.useCallback(
      (notify: () => void) => {
        resource.changed.connect(notify);
        return () => {
          resource.changed.disconnect(notify);
        };
      },
      [resource]
    ),
    () => resource.snapshot
  );
}

/** Shows a resource: loading, error and offline are the same everywhere. */
export function Show<T>(props: {
  readonly resource: Resource<T>;
  readonly lines?: number;
  readonly children: (data: T) => React.ReactNode;
}): JSX.Element {
  const snapshot = useResource(props.resource);
  const { model } = usePanel();
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
  if (availability.kind === 'missing') {
    // The panel's head says why, once.
    return <Empty title={trans.__('Not available.')} />;
  }
  if (snapshot.data === null) {
    if (snapshot.error !== null) {
      return (
        <ErrorBox
          error={snapshot.error}
          retry={() => {
            void props.resource.refresh();
          }}
        />
      );
    }
    return <Loading lines={props.lines} />;
  }
  return (
    <>
      {snapshot.phase === 'offline' && <Offline />}
      {snapshot.phase === 'error' && snapshot.error && <ErrorBox error={snapshot.error} />}
      {props.children(snapshot.data)}
    </>
  );
}

/** A button that is a command: label, icon and whether it is enabled come from the registry. */
export function CommandButton(props: {
  readonly command: string;
  readonly args?: ReadonlyPartialJSONObject;
  readonly label?: string;
  readonly primary?: boolean;
  readonly iconOnly?: boolean;
  readonly className?: string;
}): JSX.Element | null {
  const { commands } = usePanel();
  const args = props.args ?? {};
  if (!commands.isVisible(props.command, args)) {
    return null;
  }
  const icon = commands.icon(props.command, args);
  const label = props.label ?? commands.label(props.command, args);
  const run = (): void => {
    void commands.execute(props.command, args);
  };
  const resolved = icon !== undefined && typeof icon === 'object' && 'react' in icon ? icon : undefined;
  if (props.iconOnly && resolved) {
    return (
      <IconButton
        icon={resolved as React.ComponentProps<typeof IconButton>['icon']}
        label={label}
        onClick={run}
        disabled={!commands.isEnabled(props.command, args)}
        className={props.className}
      />
    );
  }
  return (
    <TextButton
      label={label}
      icon={resolved as React.ComponentProps<typeof TextButton>['icon']}
      onClick={run}
      primary={props.primary}
      disabled={!commands.isEnabled(props.command, args)}
      title={commands.caption(props.command, args)}
    />
  );
}

/** A link to another of our views: by its id, or by what else its command takes. */
export function Link(props: {
  readonly command: string;
  readonly words: string;
  readonly id?: string;
  /** What the command calls it. */
  readonly field?: 'id' | 'name';
  readonly args?: ReadonlyPartialJSONObject;
}): JSX.Element {
  const { commands } = usePanel();
  const args = props.args ?? { [props.field ?? 'id']: props.id };
  return (
    <button
      type="button"
      className="jp-mlplat-link"
      onClick={() => {
        void commands.execute(props.command, args);
      }}
    >
      {props.words}
    </button>
  );
}

/** A React widget inside our contexts. Subclasses render; `onShown` runs whenever it becomes visible. */
export abstract class PanelWidget extends ReactWidget {
  constructor(protected readonly context: IPanelContext) {
    super();
    this.addClass('jp-mlplat');
  }

  /** What opens it again, where it is a view of the main area. */
  get identity(): IIdentity | null {
    return null;
  }

  protected abstract content(): JSX.Element;

  protected onShown(): void {
    // Nothing by default.
  }

  protected override render(): JSX.Element {
    return (
      <TransContext.Provider value={this.context.trans}>
        <PanelContext.Provider value={this.context}>
          <IdentityContext.Provider value={this.identity}>{this.content()}</IdentityContext.Provider>
        </PanelContext.Provider>
      </TransContext.Provider>
    );
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.onShown();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.onShown();
    }
  }
}
