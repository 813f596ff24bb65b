/**
 * Values modulo 2^104 in pairs of 64-bit words, low word first: what authenticated shares and their MACs are made of.
 *
 * @module
 */

import { add128Into, multiplyMatrices128Into } from '../../foundations/kernels/index.ts';

/** Statistical security: the MAC key has so many bits, and values carry so many beyond 64. */
export const MAC_BITS = 40;
/** Bytes of a value on the wire. */
export const VALUE_BYTES = (64 + MAC_BITS) / 8;
/** The bits of the upper word that a value has. */
export const UPPER_MASK = (1n << BigInt(MAC_BITS)) - 1n;

/** Reduces values modulo 2^104, in place. */
export function reduceWide(words: BigUint64Array): BigUint64Array {
  for (let i = 1; i < words.length; i += 2) words[i] = (words[i] as bigint) & UPPER_MASK;
  return words;
}

/** Writes values modulo 2^104, 13 bytes each. */
export function encodeWide(words: BigUint64Array): Uint8Array {
  const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const out = new Uint8Array((words.length / 2) * VALUE_BYTES);
  for (let i = 0; i < words.length / 2; i += 1) out.set(source.subarray(16 * i, 16 * i + VALUE_BYTES), i * VALUE_BYTES);
  return out;
}

/** Reads what {@link encodeWide} wrote. */
export function decodeWide(bytes: Uint8Array): BigUint64Array {
  const count = bytes.length / VALUE_BYTES;
  const out = new BigUint64Array(2 * count);
  const target = new Uint8Array(out.buffer);
  for (let i = 0; i < count; i += 1) target.set(bytes.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES), 16 * i);
  return out;
}

/** a + b, or a − b. */
export function plusWide(a: BigUint64Array, b: BigUint64Array, subtract = false): BigUint64Array {
  const out = a.slice();
  add128Into(out, b, { subtract });
  return out;
}

/** Every value times one factor. */
export function timesWide(values: BigUint64Array, factor: BigUint64Array): BigUint64Array {
  const out = new BigUint64Array(values.length);
  multiplyMatrices128Into(out, values, factor, { rows: values.length / 2, inner: 1, columns: 1 });
  return out;
}

/** Signed integers as 128-bit numbers. */
export function wideOf(integers: readonly bigint[]): BigUint64Array {
  const out = new BigUint64Array(2 * integers.length);
  integers.forEach((value, i) => {
    out[2 * i] = BigInt.asUintN(64, value);
    out[2 * i + 1] = BigInt.asUintN(64, value >> 64n);
  });
  return out;
}
