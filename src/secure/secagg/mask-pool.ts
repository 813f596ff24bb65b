/**
 * Mask expansion over workers: the vector is cut into tiles (and, where it is short, the masks into groups), every worker
 * sums masks over its part from zero, and the parts are added here. The result has the bytes of the single-threaded
 * kernel.
 *
 * @module
 */

import { createWorkerPool, MASK_TILE_BYTES, type Mask, type WorkerEntry } from '../../foundations/kernels/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import type { MaskJob } from './mask-job.ts';
import type { MaskExpander } from './masking.ts';

/** Where the workers' module is; a page's bundler finds it by the first form. */
const entry: WorkerEntry = {
  inBrowser: () => new Worker(new URL('./mask-worker.ts', import.meta.url), { type: 'module' }),
  inNode: () => new URL(/* @vite-ignore */ './mask-worker.ts', import.meta.url),
};

/** Workers that expand masks for `handleWith` and `advanceWith`. */
export interface MaskPool {
  readonly expand: MaskExpander;
  close(): Promise<void>;
}

/** Parts a worker gets on average, so that a slow one does not hold up the others. */
const PARTS_PER_WORKER = 4;

/**
 * Starts workers for mask expansion.
 * @throws {RangeError} when `workers` is not a positive integer; `expand` rejects with a WorkerError when one fails.
 */
export function createMaskPool({ workers }: { readonly workers: number }): MaskPool {
  assertInteger(workers, 'workers', { min: 1, max: 256 });
  const pool = createWorkerPool<MaskJob, Uint8Array>(entry, { size: workers });
  return {
    async expand(target, masks, { words, cipher = 'chacha20', offsetBytes = 0 }) {
      if (masks.length === 0 || target.length === 0) return;
      const wanted = workers * PARTS_PER_WORKER;
      const tiles = Math.ceil(target.length / MASK_TILE_BYTES);
      const tilesAPart = Math.ceil(tiles / Math.min(tiles, wanted));
      const groups = Math.min(masks.length, Math.ceil(wanted / Math.ceil(tiles / tilesAPart)));
      const masksAGroup = Math.ceil(masks.length / groups);
      const parts: Promise<void>[] = [];
      for (let start = 0; start < target.length; start += tilesAPart * MASK_TILE_BYTES) {
        const part = target.subarray(start, start + tilesAPart * MASK_TILE_BYTES);
        for (let first = 0; first < masks.length; first += masksAGroup) {
          const job = packJob(masks.slice(first, first + masksAGroup), {
            words,
            cipher,
            offsetBytes: offsetBytes + start,
            lengthBytes: part.length,
          });
          parts.push(pool.run(job, [job.keys.buffer as ArrayBuffer]).then((sum) => addWordsInto(part, sum, words)));
        }
      }
      await Promise.all(parts);
    },
    close: () => pool.close(),
  };
}

function packJob(masks: readonly Mask[], shape: Omit<MaskJob, 'keys' | 'signs'>): MaskJob {
  const keys = new Uint8Array(masks.length * 32);
  const signs = new Uint8Array(masks.length);
  masks.forEach(({ key, sign }, i) => {
    keys.set(key, 32 * i);
    signs[i] = sign === -1 ? 1 : 0;
  });
  return { ...shape, keys, signs };
}

function addWordsInto(target: Uint8Array, addend: Uint8Array, words: MaskJob['words']): void {
  const view = (bytes: Uint8Array) => {
    const { buffer, byteOffset, byteLength } = bytes;
    return words === 'u16'
      ? new Uint16Array(buffer, byteOffset, byteLength / 2)
      : new Int32Array(buffer, byteOffset, byteLength / 4);
  };
  const [to, from] = [view(target), view(addend)];
  if (words !== 'u64') {
    for (let i = 0; i < to.length; i += 1) to[i] = (to[i] as number) + (from[i] as number);
    return;
  }
  for (let i = 0; i < to.length; i += 2) {
    const low = ((to[i] as number) >>> 0) + ((from[i] as number) >>> 0);
    to[i] = low;
    to[i + 1] = (to[i + 1] as number) + (from[i + 1] as number) + (low > 0xffffffff ? 1 : 0);
  }
}
