/**
 * Mask expansion: adds keyed ChaCha streams to vectors of ring elements, in the fused WebAssembly kernel. This is where
 * secure aggregation spends its time, so a vector is worked through in tiles that stay in the cache while every mask
 * passes over them.
 *
 * Entry i of a vector takes the i-th word of the stream (zero nonce, counter 0), little-endian, as wide as the ring's
 * word; a tile that starts at entry i starts its counter there, so tiles are independent and may go to workers.
 *
 * @module
 */

import { instantiateKernel } from './instance.ts';
import { masksWasm } from './masks.wasm.ts';

interface MasksExports {
  applyMasks(
    target: number,
    groups: number,
    keys: number,
    signs: number,
    count: number,
    counter: number,
    width: number,
    rounds: number,
    state: number,
    nonce: number,
    scratch: number,
  ): void;
}

/** One mask: a key of 32 bytes and whether its stream is added or subtracted. */
export interface Mask {
  readonly key: Uint8Array;
  readonly sign: 1 | -1;
}

/** How masks are expanded. */
export interface MaskOptions {
  /** The unit in which the stream is cut into entries. */
  readonly words: 'u16' | 'u32' | 'u64';
  /** ChaCha20 by default; ChaCha12 is 1.6 times faster and has a smaller, still large, security margin. */
  readonly cipher?: 'chacha20' | 'chacha12';
  /** Byte offset of `target` in the whole vector (0 by default), a multiple of {@link MASK_TILE_BYTES}. */
  readonly offsetBytes?: number;
}

/** Bytes of a vector worked on at a time: half of a small second-level cache. */
export const MASK_TILE_BYTES = 131_072;
/** Masks handed to the kernel in one call. */
const BATCH = 256;
const GROUP_BYTES = 256;
const WIDTHS = { u16: 16, u32: 32, u64: 64 } as const;

let shared:
  | {
      exports: MasksExports;
      memory: WebAssembly.Memory;
      state: number;
      nonce: number;
      scratch: number;
      signs: number;
      keys: number;
      tile: number;
    }
  | undefined;

function kernel() {
  if (shared !== undefined) return shared;
  const instance = instantiateKernel<MasksExports>(masksWasm);
  shared = {
    exports: instance.exports,
    memory: instance.memory,
    state: instance.alloc(64),
    nonce: instance.alloc(16),
    scratch: instance.alloc(GROUP_BYTES),
    signs: instance.alloc(BATCH),
    keys: instance.alloc(BATCH * 32),
    tile: instance.alloc(MASK_TILE_BYTES),
  };
  return shared;
}

/**
 * Adds every mask to `target`, or subtracts it, modulo 2^16, 2^32 or 2^64 in each entry.
 * @param target - the vector (or a tile of it) as the memory of its words; changed in place.
 * @throws {RangeError} when a key is not 32 bytes, the offset is not on a tile boundary, or the stream of a key would be
 *   longer than 2^32 blocks of 64 bytes.
 */
export function addMasksInto(
  target: Uint16Array | Uint32Array | BigUint64Array | Uint8Array,
  masks: readonly Mask[],
  { words, cipher = 'chacha20', offsetBytes = 0 }: MaskOptions,
): void {
  if (offsetBytes % MASK_TILE_BYTES !== 0) {
    throw new RangeError(`"offsetBytes" must be a multiple of ${MASK_TILE_BYTES}, got ${offsetBytes}`);
  }
  if ((offsetBytes + target.byteLength) / 64 > 2 ** 32) {
    throw new RangeError('a mask stream ends after 2^32 blocks of 64 bytes');
  }
  for (const { key } of masks) {
    if (key.length !== 32) throw new RangeError(`a mask key must be 32 bytes, got ${key.length}`);
  }
  const { exports, memory, state, nonce, scratch, signs, keys, tile } = kernel();
  const bytes = new Uint8Array(memory.buffer);
  const data = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  const rounds = cipher === 'chacha20' ? 20 : 12;
  for (let first = 0; first < masks.length; first += BATCH) {
    const count = Math.min(BATCH, masks.length - first);
    for (let i = 0; i < count; i += 1) {
      const mask = masks[first + i] as Mask;
      bytes.set(mask.key, keys + 32 * i);
      bytes[signs + i] = mask.sign === -1 ? 1 : 0;
    }
    for (let at = 0; at < data.length; at += MASK_TILE_BYTES) {
      const length = Math.min(MASK_TILE_BYTES, data.length - at);
      const groups = Math.ceil(length / GROUP_BYTES);
      bytes.set(data.subarray(at, at + length), tile);
      const counter = (offsetBytes + at) / 64;
      exports.applyMasks(tile, groups, keys, signs, count, counter, WIDTHS[words], rounds, state, nonce, scratch);
      data.set(bytes.subarray(tile, tile + length), at);
    }
  }
  // The stream, the state and the keys are secret; the kernel's memory outlives the call.
  bytes.fill(0, state, tile + Math.min(MASK_TILE_BYTES, data.length + GROUP_BYTES));
}
