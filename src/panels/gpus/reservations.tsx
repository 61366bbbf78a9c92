/** The GPUs that are or will be kept for somebody. */

import * as React from 'react';
import { CommandIDs } from '../../tokens';
import type { GPUs, Reservation } from '../../types';
import { moment } from '../../widgets/format';
import { Ahead } from '../../widgets/time';
import { useTrans } from '../../widgets/trans';
import { CommandButton } from '../context';

export function Reservations(props: { readonly gpus: GPUs }): JSX.Element | null {
  const trans = useTrans();
  const { reservations } = props.gpus;
  return reservations.length === 0 ? null : (
    <>
      <p className="jp-mlplat-hint">{trans.__('Reserved')}</p>
      <ul className="jp-mlplat-list" aria-label={trans.__('Reservations of GPUs')}>
        {reservations.map(each => (
          <Row key={each.id} gpus={props.gpus} reservation={each} />
        ))}
      </ul>
    </>
  );
}

function Row(props: { readonly gpus: GPUs; readonly reservation: Reservation }): JSX.Element {
  const { gpus, reservation } = props;
  const trans = useTrans();
  const whose = [reservation.whose, reservation.label && `(${reservation.label})`].filter(Boolean).join(' ');
  const devices = gpus.devices.filter(each => reservation.devices.includes(each.uuid)).map(each => each.index);
  const holders = reservation.in_the_way.length;
  return (
    <li className="jp-mlplat-device">
      <div className="jp-mlplat-deviceHead">
        <span className="jp-mlplat-rowName" title={reservation.users.join(', ')}>
          {whose}
        </span>
        <span className="jp-mlplat-word" data-tone={reservation.state === 'open' ? 'brand' : 'quiet'}>
          {trans._n('device %2', 'devices %2', devices.length, devices.join(', '))}
        </span>
        <CommandButton
          command={CommandIDs.cancelReservation}
          args={{ id: reservation.id }}
          label={trans.__('Cancel the reservation of %1', whose)}
          iconOnly
        />
      </div>
      <div className="jp-mlplat-rowDetail">
        <span>
          {moment(reservation.starts_at)} – {moment(reservation.ends_at)}
        </span>
        {reservation.state === 'open' ? <span>{trans.__('now')}</span> : <Ahead time={reservation.starts_at} />}
        {holders > 0 && (
          <span title={trans.__('Nothing ends these claims before the begin.')}>
            {trans._n('%1 claim of others is in its way', '%1 claims of others are in its way', holders)}
          </span>
        )}
      </div>
    </li>
  );
}
