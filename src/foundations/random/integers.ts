/**
 * Unbiased integers and choices from a stream of uniform bits, by rejection.
 *
 * @module
 */

import type { Rng } from './rng.ts';

/**
 * Draws a uniform integer in [0, bound).
 * @param bound - an integer in [1, 2^32].
 * @throws {RangeError} when `bound` is out of range.
 */
export function sampleUint32Below(bound: number, rng: Rng): number {
  if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
    throw new RangeError(`"bound" must be an integer in [1, 2^32], got ${bound}`);
  }
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let value = rng.uint32();
  while (value >= limit) value = rng.uint32();
  return value % bound;
}

/**
 * Draws a uniform integer in [0, bound).
 * @param bound - a positive integer of any size.
 * @throws {RangeError} when `bound` is not positive.
 */
export function sampleBigIntBelow(bound: bigint, rng: Rng): bigint {
  if (bound <= 0n) throw new RangeError(`"bound" must be a positive integer, got ${bound}`);
  const bits = (bound - 1n).toString(2).length;
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  const mask = (1n << BigInt(bits)) - 1n;
  for (;;) {
    rng.fill(bytes);
    let value = 0n;
    for (const byte of bytes) value = (value << 8n) | BigInt(byte);
    value &= mask;
    if (value < bound) return value;
  }
}

/** Shuffles `items` in place, every order equally likely (Fisher–Yates). */
export function shuffleInto<T>(items: T[], rng: Rng): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = sampleUint32Below(i + 1, rng);
    const item = items[i] as T;
    items[i] = items[j] as T;
    items[j] = item;
  }
}
