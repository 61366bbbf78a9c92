/** Every action as a command: a label, a caption, an icon and the schema of its arguments. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IDisposable } from '@lumino/disposable';
import type { IView } from '../panels/context';
import { RunsMemory } from '../panels/runs/state';
import { type ICommandContext, type ICommandOptions, text, told } from './command';
import { deploymentCommands } from './deployments';
import { gpuCommands } from './gpus';
import { jobListCommands } from './job-list';
import { jobCommands } from './jobs';
import { linkCommands } from './links';
import { modelCommands } from './models';
import { pipelineCommands } from './pipelines';
import { platformCommands } from './platform';
import { reservationCommands } from './reservations';
import { runListCommands } from './run-list';
import { runCommands } from './runs';
import { scheduleCommands } from './schedules';
import { sweepCommands } from './sweeps';

export type { ICommandOptions, INotebookAccess } from './command';

/** Registers all commands; the palette takes every one of them. */
export function addCommands(options: ICommandOptions): IDisposable[] {
  const { app, context, tracker } = options;
  const { commands, trans } = context;
  const show = async (id: string, make: () => IView): Promise<IView> => {
    let widget = tracker.find(each => each.content.id === id);
    if (!widget) {
      widget = new MainAreaWidget({ content: make() });
      widget.id = `${id}-main`;
      widget.title.closable = true;
      widget.toolbar.hide();
      await tracker.add(widget);
    }
    if (!widget.isAttached) {
      app.shell.add(widget, 'main');
    }
    app.shell.activateById(widget.id);
    return widget.content;
  };
  const close = (id: string): void => {
    tracker.find(each => each.content.id === id)?.dispose();
  };
  const saved = (id: string): void => {
    const widget = tracker.find(each => each.content.id === id);
    if (widget) {
      void tracker.save(widget);
    }
  };
  const whole: ICommandContext = { ...options, show, close, saved };
  const memory = new RunsMemory(options.state);
  const lists = [platformCommands, linkCommands, jobCommands, jobListCommands, sweepCommands, pipelineCommands, scheduleCommands, runCommands, modelCommands, deploymentCommands, gpuCommands, reservationCommands];
  return [...lists.flatMap(list => list(whole)), ...runListCommands(whole, memory)]
    .map(command =>
      commands.addCommand(command.id, {
        label: args => text(args.label) ?? command.label,
        caption: command.caption,
        icon: command.icon,
        isEnabled: command.enabled,
        describedBy: { args: { type: 'object', properties: command.args ?? {}, additionalProperties: false } },
        execute: args => told(trans, command.label, () => command.run(args))
      })
    );
}
