/** GPUs and leases in words, and which of them belong to a notebook. */

import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { GPU, GPUs, Lease } from '../../types';
import { bytes } from '../../widgets/format';

export function isFree(device: GPU): boolean {
  return device.lease === null && device.shares.length === 0 && device.note === null;
}

/** What a lease is for: a kernel's is named by its notebook. */
export function purpose(lease: Lease): string {
  return lease.kind === 'kernel' ? PathExt.basename(lease.label) : lease.label;
}

export function holder(lease: Lease): string {
  return lease.label ? `${lease.owner} (${purpose(lease)})` : lease.owner;
}

/** "Held by ada (train.ipynb)", "Shared by ada (20 GB), grace (8 GB)", "In use without a lease" or "Free". */
export function holders(device: GPU, trans: TranslationBundle): string {
  if (device.lease) {
    return trans.__('Held by %1', holder(device.lease));
  }
  if (device.shares.length > 0) {
    const names = device.shares.map(lease => `${lease.owner} (${bytes(lease.memory ?? 0)})`);
    return trans.__('Shared by %1', names.join(', '));
  }
  return device.note ? trans.__('In use without a lease') : trans.__('Free');
}

/** "2 × A100", "1 × GPU". */
export function asked(lease: Lease, trans: TranslationBundle): string {
  return `${lease.count} × ${lease.gpu_type ?? trans.__('GPU')}`;
}

/** "1st", "2nd", "11th" in the queue. */
export function place(position: number, trans: TranslationBundle): string {
  const rest = position % 100;
  const ending = rest >= 11 && rest <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][position % 10] ?? 'th');
  return trans.__('%1 in the queue', `${position}${ending}`);
}

/** The same with how long it may still take, where that is known: "3rd in the queue, ~6 min". */
export function placeAndTime(lease: Lease, trans: TranslationBundle): string {
  const words = place(lease.position ?? 0, trans);
  if (lease.expected_start === null) {
    return words;
  }
  const minutes = Math.max(1, Math.round((Date.parse(lease.expected_start) - Date.now()) / 60_000));
  return trans.__('%1, ~%2 min', words, minutes);
}

/** Every living lease once, those that hold devices first. */
export function leasesOf(gpus: GPUs | null): Lease[] {
  const found = new Map<string, Lease>();
  for (const device of gpus?.devices ?? []) {
    for (const lease of [...(device.lease ? [device.lease] : []), ...device.shares]) {
      found.set(lease.id, lease);
    }
  }
  for (const lease of gpus?.queue ?? []) {
    found.set(lease.id, lease);
  }
  return [...found.values()];
}

/** The lease of the kernel of a notebook; the server names notebooks by whole paths. */
export function leaseOf(gpus: GPUs | null, path: string): Lease | undefined {
  return leasesOf(gpus).find(lease => lease.kind === 'kernel' && `/${lease.label}`.endsWith(`/${path}`));
}
