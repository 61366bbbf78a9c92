/** Commands around GPUs: a notebook that has some, and giving them back. */

import { Notification } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';
import { GPUForm } from '../panels/gpus/form';
import { sayEnded } from '../panels/gpus/saved';
import { asked, holdsKernelOf, leasesOf, placeAndTime } from '../panels/gpus/words';
import { asApiError } from '../resource';
import { CommandIDs } from '../tokens';
import type { Lease } from '../types';
import { showForm } from '../widgets/dialog';
import { cancelIcon, gpuIcon, scheduleIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

/** So often a place in the queue is asked for again, in milliseconds. */
const LOOK = 1000;

/** So long a kernel keeps devices that rest, in seconds. */
const KEPT = 1800;

export function gpuCommands({ app, context }: ICommandContext): ICommand[] {
  const { commands, model, trans } = context;
  const { contents, kernelspecs } = app.serviceManager;

  const open = async (path: string): Promise<void> => {
    await kernelspecs.ready;
    const name = kernelspecs.specs?.default ?? 'python3';
    await commands.execute('docmanager:open', { path, factory: 'Notebook', kernel: { name } });
    model.gpus.invalidate();
  };

  /** Shows the place in the queue until it is granted, cancelled or ended; true when it was granted. */
  const wait = async (first: Lease): Promise<boolean> => {
    let lease = first;
    let cancelled = false;
    const words = (): string => trans.__('Waiting for %1: %2', asked(lease, trans), placeAndTime(lease, trans));
    const id = Notification.emit(words(), 'in-progress', {
      autoClose: false,
      actions: [
        {
          label: trans.__('Cancel'),
          callback: () => {
            cancelled = true;
            void model.api.gpus.release(lease.id);
          }
        }
      ]
    });
    try {
      while (lease.state === 'queued') {
        await new Promise(resolve => setTimeout(resolve, LOOK));
        lease = await model.api.gpus.lease(lease.id);
        if (lease.state === 'queued') {
          Notification.update({ id, message: words() });
        }
      }
    } finally {
      Notification.dismiss(id);
      model.gpus.invalidate();
    }
    if (lease.state !== 'granted' && !cancelled) {
      Notification.warning(trans.__('The request for GPUs was ended: %1', lease.reason ?? ''), { autoClose: 10000 });
    }
    return lease.state === 'granted';
  };

  /** Ends a lease with its kernel, and says what is saved of it. */
  const end = async (lease: string, whose: string): Promise<void> => {
    const id = Notification.emit(trans.__('The variables of %1 are being saved.', whose), 'in-progress', { autoClose: false });
    try {
      await model.api.gpus.release(lease);
    } finally {
      Notification.dismiss(id);
    }
    await sayEnded(model.api, lease, trans.__('The kernel of %1 was shut down.', whose), trans);
  };

  return [
    {
      id: CommandIDs.newGPUNotebook,
      label: trans.__('Notebook with GPUs…'),
      caption: trans.__('Ask for GPUs, and open a new notebook whose kernel has them'),
      icon: gpuIcon,
      args: { cwd: STRING(trans.__('the folder of the notebook')) },
      enabled: () => (model.gpus.data?.devices.length ?? 0) > 0,
      run: async args => {
        await model.gpus.refresh();
        const gpus = model.gpus.data;
        if (gpus === null || gpus.devices.length === 0) {
          Notification.info(gpus?.message ?? trans.__('No GPU was found on this machine.'), { autoClose: 5000 });
          return null;
        }
        const made: { path?: string; lease?: Lease } = {};
        const forget = async (): Promise<void> => {
          if (made.path !== undefined) {
            await contents.delete(made.path).catch(() => undefined);
          }
        };
        const body = new GPUForm(context, gpus, async wanted => {
          made.path ??= (await contents.newUntitled({ path: text(args.cwd) ?? '', type: 'notebook' })).path;
          try {
            made.lease = await model.api.gpus.acquire({ ...wanted, notebook: made.path }, UUID.uuid4());
            return null;
          } catch (reason) {
            const error = asApiError(reason);
            return [error.message, error.hint].filter(Boolean).join(' – ');
          }
        });
        const accepted = await showForm({
          title: trans.__('A notebook with GPUs'),
          accept: trans.__('Start'),
          body,
          submit: () => body.submit()
        });
        const { lease, path } = made;
        if (!accepted || lease === undefined || path === undefined) {
          await forget();
          return null;
        }
        model.gpus.invalidate();
        if (lease.state !== 'granted' && !(await wait(lease))) {
          await forget();
          return null;
        }
        await open(path);
        return path;
      }
    },
    {
      id: CommandIDs.keepLease,
      label: trans.__('Keep GPUs for 30 Minutes'),
      caption: trans.__('Let a kernel keep its GPUs for 30 minutes although they do nothing'),
      icon: scheduleIcon,
      args: { id: STRING(trans.__("the lease's id")) },
      run: async args => {
        await model.gpus.refresh();
        const leases = leasesOf(model.gpus.data).filter(each => each.kind === 'kernel' && each.state === 'granted');
        const id =
          text(args.id) ??
          (
            await choose(
              trans.__('Keep'),
              leases,
              each => `${each.owner} ${each.label}: ${asked(each, trans)} (${each.id})`,
              trans.__('No kernel has a GPU.')
            )
          )?.id;
        if (id !== undefined) {
          await model.api.gpus.keep(id, KEPT);
          model.gpus.invalidate();
        }
        return null;
      }
    },
    {
      id: CommandIDs.releaseLease,
      label: trans.__('Give GPUs Back…'),
      caption: trans.__('End a claim on GPUs; a kernel of this server is shut down, a job cancelled, a deployment deleted; other programs go on'),
      icon: cancelIcon,
      args: { id: STRING(trans.__("the lease's id")) },
      run: async args => {
        await model.gpus.refresh();
        const leases = leasesOf(model.gpus.data);
        const given = text(args.id);
        const lease = given
          ? leases.find(each => each.id === given)
          : await choose(
              trans.__('Give back'),
              leases,
              each => `${each.owner} ${each.label}: ${asked(each, trans)} (${each.id})`,
              trans.__('No GPU is leased.')
            );
        if (!lease || lease.ended_at !== null) {
          return null;
        }
        if (lease.job_id !== null) {
          return commands.execute(CommandIDs.cancelJob, { id: lease.job_id, name: lease.label });
        }
        if (lease.deployment !== null) {
          return commands.execute(CommandIDs.deleteDeployment, { name: lease.deployment });
        }
        const held = lease.state === 'granted';
        const whose = lease.label || lease.owner;
        const ofKernel = held && holdsKernelOf(app.serviceManager, lease);
        const yes =
          !held ||
          (await sure(
            trans,
            trans.__('Give back %1?', asked(lease, trans)),
            ofKernel
              ? trans.__('%1 holds them. Its kernel is shut down; its variables are saved before, as far as they can be.', whose)
              : trans.__('%1 holds them. Others may be given them at once; what runs on them now is not stopped.', whose),
            trans.__('Give back')
          ));
        if (yes) {
          await (ofKernel ? end(lease.id, whose) : model.api.gpus.release(lease.id));
          model.gpus.invalidate();
          void app.serviceManager.sessions.refreshRunning();
        }
        return null;
      }
    }
  ];
}
