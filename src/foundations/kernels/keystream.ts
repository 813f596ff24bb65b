/**
 * ChaCha20 keystream [RFC8439] from the WebAssembly kernel: the byte source of the generators in `random/`.
 *
 * @module
 */

import { instantiateKernel } from './instance.ts';
import { keystreamWasm } from './keystream.wasm.ts';

interface KeystreamExports {
  init(state: number, key: number, counter: number, nonce: number): void;
  generate(state: number, out: number, groups: number): void;
}

/** Bytes of one call of the kernel: four blocks of 64. */
const GROUP_BYTES = 256;
const BUFFER_GROUPS = 32;
/** Blocks after which the 32-bit counter would wrap; a stream ends before. */
const MAX_BLOCKS = 2 ** 32;

/** A forward-only stream of key-derived bytes. */
export interface Keystream {
  /** Fills `out` with the next bytes of the stream. */
  fill(out: Uint8Array): void;
}

let shared:
  | { exports: KeystreamExports; memory: WebAssembly.Memory; state: number; key: number; nonce: number; out: number }
  | undefined;

function kernel() {
  if (shared !== undefined) return shared;
  const instance = instantiateKernel<KeystreamExports>(keystreamWasm);
  shared = {
    exports: instance.exports,
    memory: instance.memory,
    state: instance.alloc(64),
    key: instance.alloc(32),
    nonce: instance.alloc(16),
    out: instance.alloc(GROUP_BYTES * BUFFER_GROUPS),
  };
  return shared;
}

/**
 * Creates the ChaCha20 keystream of a key and nonce. [RFC8439] §2.4
 * @param key - 32 bytes; copied.
 * @param options - `nonce` of 12 bytes (zeros by default) and the first block `counter` (0 by default).
 * @throws {RangeError} when the key or nonce has another length, or, from `fill`, when 2^32 blocks are used up.
 */
export function createKeystream(
  key: Uint8Array,
  { nonce = new Uint8Array(12), counter = 0 }: { nonce?: Uint8Array; counter?: number } = {},
): Keystream {
  if (key.length !== 32) throw new RangeError(`"key" must be 32 bytes, got ${key.length}`);
  if (nonce.length !== 12) throw new RangeError(`"nonce" must be 12 bytes, got ${nonce.length}`);
  const ownKey = key.slice();
  const ownNonce = nonce.slice();
  const buffer = new Uint8Array(GROUP_BYTES * BUFFER_GROUPS);
  let available = 0;
  let groups = 1;
  let block = counter;

  function refill(): void {
    const wanted = Math.min(groups, BUFFER_GROUPS);
    if (block + wanted * 4 > MAX_BLOCKS) throw new RangeError('the keystream is used up: 2^32 blocks were drawn');
    const { exports, memory, state, key: keyAt, nonce: nonceAt, out } = kernel();
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(ownKey, keyAt);
    bytes.set(ownNonce, nonceAt);
    exports.init(state, keyAt, block, nonceAt);
    exports.generate(state, out, wanted);
    buffer.set(bytes.subarray(out, out + wanted * GROUP_BYTES), buffer.length - wanted * GROUP_BYTES);
    bytes.fill(0, state, out + wanted * GROUP_BYTES);
    block += wanted * 4;
    available = wanted * GROUP_BYTES;
    groups *= 2;
  }

  return {
    fill(out) {
      let done = 0;
      while (done < out.length) {
        if (available === 0) refill();
        const start = buffer.length - available;
        const count = Math.min(available, out.length - done);
        out.set(buffer.subarray(start, start + count), done);
        buffer.fill(0, start, start + count);
        available -= count;
        done += count;
      }
    },
  };
}
