/**
 * Deterministic random bit generators over ChaCha20: one keyed with fresh entropy for everything that protects
 * somebody, one keyed with a seed for reproducible simulations. Children are forked by label, so that independent uses
 * never share a stream.
 *
 * @module
 */

import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { createKeystream } from '../kernels/index.ts';
import { readEntropy } from './entropy.ts';

/** A source of uniform random bits. Stateful: every call moves the stream on. */
export interface Rng {
  /** True when the stream follows from a seed, so that nothing drawn from it protects anybody. */
  readonly seeded: boolean;
  /** Fills `out` with uniform bytes. */
  fill(out: Uint8Array): void;
  /** Returns `sizeBytes` uniform bytes. */
  bytes(sizeBytes: number): Uint8Array;
  /** Returns a uniform integer in [0, 2^32). */
  uint32(): number;
  /** Returns a uniform integer in [0, 2^64). */
  uint64(): bigint;
  /**
   * Derives an independent generator. A generator keyed with entropy draws the child's key from its own stream; a
   * seeded one derives it from its seed and `label` alone, so that the order of forks does not matter.
   */
  fork(label: string): Rng;
}

const encoder = new TextEncoder();

function createRng(key: Uint8Array, seeded: boolean): Rng {
  const stream = createKeystream(key);
  const word = new Uint8Array(8);
  const view = new DataView(word.buffer);
  const rng: Rng = {
    seeded,
    fill: (out) => stream.fill(out),
    bytes(sizeBytes) {
      const out = new Uint8Array(sizeBytes);
      stream.fill(out);
      return out;
    },
    uint32() {
      stream.fill(word.subarray(0, 4));
      return view.getUint32(0, true);
    },
    uint64() {
      stream.fill(word);
      return view.getBigUint64(0, true);
    },
    fork(label) {
      const material = seeded ? key : rng.bytes(32);
      return createRng(hkdf(sha256, material, undefined, encoder.encode(`sotto/random/fork/${label}`), 32), seeded);
    },
  };
  return rng;
}

/**
 * Creates a generator keyed with 32 bytes of fresh entropy.
 * Guarantee: its output is indistinguishable from uniform as long as ChaCha20 is a pseudorandom function.
 */
export function createSystemRng(): Rng {
  return createRng(readEntropy(32), false);
}

/**
 * Creates a reproducible generator. It voids every privacy guarantee: whoever knows the seed can subtract the noise.
 * @param seed - bytes or text, of any length.
 */
export function createSeededRng(seed: Uint8Array | string): Rng {
  const material = typeof seed === 'string' ? encoder.encode(seed) : seed;
  return createRng(hkdf(sha256, material, undefined, encoder.encode('sotto/random/seed'), 32), true);
}
