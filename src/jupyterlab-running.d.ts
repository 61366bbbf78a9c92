/**
 * The part of `@jupyterlab/running` that is used here. JupyterLab shares the package with every extension at run
 * time, whether the extension installs it or not; only its types are missing.
 */
declare module '@jupyterlab/running' {
  import type { LabIcon } from '@jupyterlab/ui-components';
  import type { Token } from '@lumino/coreutils';
  import type { IDisposable } from '@lumino/disposable';
  import type { ISignal } from '@lumino/signaling';

  export interface IRunningSessionManagers {
    add(manager: IRunningSessions.IManager): IDisposable;
  }

  export const IRunningSessionManagers: Token<IRunningSessionManagers>;

  export namespace IRunningSessions {
    interface IRunningItem {
      readonly className?: string;
      readonly children?: IRunningItem[];
      icon: () => LabIcon | string;
      label: () => string;
      labelTitle?: () => string;
      detail?: () => string;
      open?: () => void;
      shutdown?: () => void;
    }

    interface IManager {
      readonly name: string;
      readonly shutdownLabel?: string | ((item: IRunningItem) => string);
      readonly shutdownAllLabel?: string;
      readonly shutdownAllConfirmationText?: string | (() => string);
      readonly runningChanged: ISignal<unknown, unknown>;
      running(): IRunningItem[];
      refreshRunning(): void;
      shutdownAll(): void;
    }
  }
}
