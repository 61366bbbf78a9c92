/** What somebody typed about GPUs, and what it means to the server. */

import type { GPUOptions as Devices, JobOptions, ScheduleChange } from '../../types';
import { bytesText, parseBytes } from '../../widgets/format';
import type { Wish } from '../gpus/fitting';

/** Texts as typed: an empty one means that nothing is said. */
export interface IGPUValues {
  /** Devices; empty asks for none. */
  readonly count: string;
  /** A part of the model's name. */
  readonly type: string;
  /** Of each device. */
  readonly memory: string;
  /** Only so much memory of each device. */
  readonly shared: boolean;
  readonly interruptible: boolean;
}

export const NO_GPUS: IGPUValues = { count: '', type: '', memory: '', shared: false, interruptible: false };

/** The server's fields that the form places under "Resources". */
export const GPU_FIELDS = ['gpus', 'gpu_type', 'gpu_memory', 'gpu_shared', 'interruptible'] as const;

export type GPUOptions = Pick<ScheduleChange, (typeof GPU_FIELDS)[number]>;

/** What the form shows of options: who says which device, and not how many, asks for one. */
export function gpuValuesOf(options: JobOptions): IGPUValues {
  const count = options.gpus ?? (options.gpu_type !== null || options.gpu_memory !== null ? 1 : 0);
  return {
    count: count > 0 ? String(count) : '',
    type: options.gpu_type ?? '',
    memory: bytesText(options.gpu_memory),
    shared: options.gpu_shared,
    interruptible: options.interruptible
  };
}

/** The options as the server takes them: without a device none of the rest means anything. */
export function gpuOptionsOf(values: IGPUValues): GPUOptions {
  return { ...devicesOf(values), interruptible: values.count !== '' && values.interruptible };
}

/** The same for what cannot be interrupted. */
export function devicesOf(values: IGPUValues): Devices {
  if (values.count === '') {
    return { gpus: null, gpu_type: null, gpu_memory: null, gpu_shared: false };
  }
  const memory = parseBytes(values.memory);
  return {
    gpus: Number(values.count),
    gpu_type: values.type || null,
    gpu_memory: memory,
    gpu_shared: values.shared && memory !== null
  };
}

/** True where the size cannot be read. */
export function wrongMemory(values: IGPUValues): boolean {
  return values.count !== '' && values.memory.trim() !== '' && parseBytes(values.memory) === null;
}

/** What is asked for; null where nothing is. */
export function wishOfValues(values: IGPUValues): Wish | null {
  const { gpus, gpu_type, gpu_memory, gpu_shared } = devicesOf(values);
  return gpus === null ? null : { count: gpus, gpu_type, memory: gpu_memory, shared: gpu_shared };
}
