/** Which devices somebody could have, as the server's queue decides it. */

import type { GPU, GPUs, Lease, Reservation } from '../../types';

/** What is asked for: so many devices of a kind. */
export type Wish = Pick<Lease, 'count' | 'gpu_type' | 'memory' | 'shared'>;

export function isFree(device: GPU): boolean {
  return device.lease === null && device.shares.length === 0 && device.note === null;
}

/** For whom a device is kept now, by a reservation whose window is open; null where everybody can have it. */
export function keptFor(device: GPU, gpus: GPUs): Reservation | null {
  return gpus.reservations.find(each => each.state === 'open' && each.devices.includes(device.uuid)) ?? null;
}

/** True where the device is of the kind that is asked for, whether it is free or not. */
export function suits(device: GPU, wish: Wish): boolean {
  const named = wish.gpu_type === null || device.name.toLowerCase().includes(wish.gpu_type.toLowerCase());
  return named && device.memory_total_bytes >= (wish.memory ?? 0);
}

/** True where the device, or the share of it that is asked for, could be had now. */
export function canHave(device: GPU, wish: Wish): boolean {
  if (!suits(device, wish) || device.lease !== null || device.note !== null) {
    return false;
  }
  const taken = device.shares.reduce((sum, lease) => sum + (lease.memory ?? 0), 0);
  return wish.shared ? device.memory_total_bytes - taken >= (wish.memory ?? 0) : device.shares.length === 0;
}
