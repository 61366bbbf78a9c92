/** GPUs and leases in words, and which of them belong to a notebook. */

import type { ServiceManager } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Deployment, GPU, GPUs, Job, Lease } from '../../types';
import { bytes, ordinal, until } from '../../widgets/format';
import type { Wish } from './fitting';

export function holder(lease: Lease): string {
  return lease.label ? `${lease.owner} (${lease.label})` : lease.owner;
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
export function asked(wish: Pick<Wish, 'count' | 'gpu_type'>, trans: TranslationBundle): string {
  return `${wish.count} × ${wish.gpu_type ?? trans.__('GPU')}`;
}

/** The same with the memory: "2 × A100, 16.0 GiB or more of each". */
export function askedWhole(wish: Wish, trans: TranslationBundle): string {
  const words = asked(wish, trans);
  if (wish.memory === null) {
    return words;
  }
  return wish.shared
    ? trans.__('%1, a share of %2 of each', words, bytes(wish.memory))
    : trans.__('%1, %2 or more of each', words, bytes(wish.memory));
}

/** What each attempt of a job, or a deployment, asks for. */
export function wishOf(work: Job | Deployment): Wish {
  return { count: work.gpus, gpu_type: work.gpu_type, memory: work.gpu_memory, shared: work.gpu_shared };
}

/** "~6 min" until a claim has its turn; empty where that is not known. */
export function timeLeft(lease: Lease, trans: TranslationBundle, now = Date.now()): string {
  if (lease.expected_start === null) {
    return '';
  }
  // Less than a minute would be a promise.
  const start = Math.max(Date.parse(lease.expected_start), now + 60_000);
  return `~${until(new Date(start), now, trans)}`;
}

/** "3rd in the queue", with how long it may still take where that is known: "3rd in the queue, ~6 min". */
export function placeAndTime(lease: Lease, trans: TranslationBundle, now = Date.now()): string {
  const place = trans.__('%1 in the queue', ordinal(lease.position ?? 0, trans));
  return [place, timeLeft(lease, trans, now)].filter(Boolean).join(', ');
}

/** Devices as people call them, "A100-80G (0), A100-80G (1)"; those that are not of this machine by their ids. */
export function deviceNames(uuids: ReadonlyArray<string>, gpus: GPUs | null): string {
  const known = new Map((gpus?.devices ?? []).map(device => [device.uuid, `${device.name} (${device.index})`]));
  return uuids.map(uuid => known.get(uuid) ?? uuid.slice(0, 12)).join(', ');
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
  return leasesOf(gpus).find(lease => lease.kind === 'kernel' && (lease.notebook ?? '').endsWith(`/${path}`));
}

/** From when on others have reserved the devices of a lease, which ends then; null where nobody has. */
export function reservedFrom(gpus: GPUs | null, lease: Lease): string | null {
  const taken = gpus?.reservations.some(
    each => each.starts_at === lease.ends_at && each.devices.some(uuid => lease.devices.includes(uuid))
  );
  return taken ? lease.ends_at : null;
}

/** True where a kernel of this server has the devices: it ends with the lease. */
export function holdsKernelOf({ contents, sessions }: ServiceManager.IManager, lease: Lease): boolean {
  const paths = [...sessions.running()].filter(each => each.kernel !== null).map(each => contents.localPath(each.path));
  return lease.kind === 'kernel' && paths.some(path => (lease.notebook ?? '').endsWith(`/${path}`));
}

/** "1 × A100-80G (12.0 GiB in use)"; what a share holds of its device nobody knows. */
export function heldWords(lease: Lease, gpus: GPUs | null, trans: TranslationBundle): string {
  const held = (gpus?.devices ?? []).filter(device => lease.devices.includes(device.uuid));
  const names = new Set(held.map(device => device.name));
  const words = names.size === 1 ? asked({ ...lease, gpu_type: [...names][0] }, trans) : asked(lease, trans);
  if (lease.shared) {
    return trans.__('a share of %1', words);
  }
  return trans.__('%1 (%2 in use)', words, bytes(held.reduce((sum, device) => sum + device.memory_used_bytes, 0)));
}

/** Its lease as it is now: others that come and go move it in the queue without an event of the job or deployment. */
export function leaseNow(work: Job | Deployment, gpus: GPUs | null): Lease | null {
  const { lease } = work;
  return lease === null ? null : (leasesOf(gpus).find(each => each.id === lease.id) ?? lease);
}
