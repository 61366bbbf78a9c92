/** Commands around reservations of GPUs. */

import { Notification } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';
import { ReservationForm } from '../panels/gpus/reserve-form';
import { asApiError } from '../resource';
import { CommandIDs } from '../tokens';
import type { Reservation } from '../types';
import { showForm } from '../widgets/dialog';
import { moment } from '../widgets/format';
import { cancelIcon, scheduleIcon } from '../widgets/icons';
import { choose, type ICommand, type ICommandContext, STRING, sure, text } from './command';

export function reservationCommands({ context }: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const words = (each: Reservation): string => `${each.whose} ${moment(each.starts_at)} – ${moment(each.ends_at)} (${each.id})`;

  return [
    {
      id: CommandIDs.reserveGPUs,
      label: trans.__('Reserve GPUs…'),
      caption: trans.__('Keep GPUs for a user or a group from one time to another'),
      icon: scheduleIcon,
      enabled: () => (model.gpus.data?.devices.length ?? 0) > 0,
      run: async () => {
        await model.gpus.refresh();
        const gpus = model.gpus.data;
        if (gpus === null || gpus.devices.length === 0) {
          Notification.info(gpus?.message ?? trans.__('No GPU was found on this machine.'), { autoClose: 5000 });
          return null;
        }
        const key = UUID.uuid4();
        let tries = 0;
        let made: Reservation | null = null;
        const body = new ReservationForm(context, gpus, async asked => {
          try {
            // What was refused and changed is another request.
            made = await model.api.gpus.reserve(asked, `${key}-${tries}`);
            return null;
          } catch (reason) {
            tries += 1;
            const error = asApiError(reason);
            return [error.message, error.hint].filter(Boolean).join(' – ');
          }
        });
        await showForm({ title: trans.__('Reserve GPUs'), accept: trans.__('Reserve'), body, submit: () => body.submit() });
        model.gpus.invalidate();
        return (made as Reservation | null)?.id ?? null;
      }
    },
    {
      id: CommandIDs.cancelReservation,
      label: trans.__('Cancel a Reservation of GPUs…'),
      caption: trans.__('Others can have the devices from now on; who has them keeps them'),
      icon: cancelIcon,
      args: { id: STRING(trans.__("the reservation's id")) },
      run: async args => {
        await model.gpus.refresh();
        const all = model.gpus.data?.reservations ?? [];
        const given = text(args.id);
        const chosen = given
          ? all.find(each => each.id === given)
          : await choose(trans.__('Cancel'), all, words, trans.__('No GPU is reserved.'));
        if (!chosen) {
          return null;
        }
        const body = trans.__('%1: others can have the devices from now on. Who has them keeps them.', words(chosen));
        if (await sure(trans, trans.__('Cancel this reservation?'), body, trans.__('Cancel Reservation'))) {
          await model.api.gpus.cancelReservation(chosen.id);
          model.gpus.invalidate();
        }
        return null;
      }
    }
  ];
}
