/**
 * Prime fields in arbitrary-precision integers, and the 32-byte form of their elements. BigInt arithmetic is not
 * constant time: it is confined to secrets that live for one round.
 *
 * @module
 */

import { sampleBigIntBelow, type Rng } from '../../foundations/random/index.ts';
import { SharingError } from './errors.ts';

/** The integers modulo a prime. */
export interface PrimeField {
  readonly prime: bigint;
  readonly sizeBytes: number;
  /** Returns the residue of any integer, in [0, prime). */
  reduce(value: bigint): bigint;
  /** Returns the multiplicative inverse. @throws {RangeError} when `value` is zero. */
  invert(value: bigint): bigint;
  /** Draws a uniform element. */
  sample(rng: Rng): bigint;
  /** Writes an element as `sizeBytes` little-endian bytes. */
  encode(value: bigint): Uint8Array;
  /** Reads an element. @throws {SharingError} `sharing/not-an-element` when the number is `prime` or more. */
  decode(bytes: Uint8Array): bigint;
}

function read32(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  let value = 0n;
  for (let i = 3; i >= 0; i -= 1) value = (value << 64n) | view.getBigUint64(8 * i, true);
  return value;
}

/** Draws a uniform integer below a prime of `topBits` + 248 bits, by rejection. */
function sample32(prime: bigint, topBits: number, rng: Rng): bigint {
  const bytes = new Uint8Array(32);
  for (;;) {
    rng.fill(bytes);
    bytes[31] = (bytes[31] as number) & ((1 << topBits) - 1);
    const value = read32(bytes);
    if (value < prime) return value;
  }
}

/** Creates the field of integers modulo `prime`; that it is prime is the caller's word. */
export function createPrimeField(prime: bigint): PrimeField {
  const bits = prime.toString(2).length;
  const sizeBytes = Math.ceil(bits / 8);
  const topBits = bits - 8 * (sizeBytes - 1);
  const reduce = (value: bigint) => {
    const residue = value % prime;
    return residue < 0n ? residue + prime : residue;
  };
  return {
    prime,
    sizeBytes,
    reduce,
    invert(value) {
      let [remainder, divisor] = [prime, reduce(value)];
      if (divisor === 0n) throw new RangeError('zero has no inverse');
      let [x, y] = [0n, 1n];
      while (divisor > 0n) {
        const quotient = remainder / divisor;
        [remainder, divisor] = [divisor, remainder - quotient * divisor];
        [x, y] = [y, x - quotient * y];
      }
      return reduce(x);
    },
    sample: (rng) => (sizeBytes === 32 ? sample32(prime, topBits, rng) : sampleBigIntBelow(prime, rng)),
    encode(value) {
      const out = new Uint8Array(sizeBytes);
      if (sizeBytes === 32) {
        const view = new DataView(out.buffer);
        for (let i = 0; i < 4; i += 1) view.setBigUint64(8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true);
        return out;
      }
      let rest = value;
      for (let i = 0; i < sizeBytes; i += 1) {
        out[i] = Number(rest & 255n);
        rest >>= 8n;
      }
      return out;
    },
    decode(bytes) {
      if (bytes.length !== sizeBytes) {
        throw new SharingError('sharing/not-an-element', `a field element takes ${sizeBytes} bytes`);
      }
      let value = 0n;
      if (sizeBytes === 32) value = read32(bytes);
      else {
        for (let i = sizeBytes - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i] as number);
      }
      if (value >= prime) {
        throw new SharingError('sharing/not-an-element', 'the bytes are not an element of the field');
      }
      return value;
    },
  };
}

/** The field of 2^255 − 19 elements: one element in 32 bytes, an X25519 seed or a mask seed. */
export const FIELD_25519 = createPrimeField(2n ** 255n - 19n);
