/**
 * Rings of integers modulo 2^bitWidth: the numbers that masks hide perfectly. Signed integers become residues, sums
 * wrap, and the centred lift turns a residue of the sum back into a signed integer.
 *
 * Residues live in u32 words whatever the ring: one word an entry up to 32 bits, two words (low word first, the memory
 * of a `BigUint64Array`) above. `Ring.words` names the unit in which masks are expanded.
 *
 * @module
 */

import { assertInteger } from '../numerics/index.ts';

/** Integers modulo 2^bitWidth. */
export interface Ring {
  readonly bitWidth: number;
  /** Unit of mask expansion: the smallest of 16, 32 and 64 bits that holds a residue. */
  readonly words: 'u16' | 'u32' | 'u64';
  readonly modulus: bigint;
  /** u32 words an entry takes in a residue vector: 1 up to 32 bits, 2 above. */
  readonly limbs: 1 | 2;
}

/**
 * Creates the ring of integers modulo 2^bitWidth.
 * @throws {RangeError} when `bitWidth` is not an integer in [1, 64].
 */
export function createRing({ bitWidth }: { readonly bitWidth: number }): Ring {
  assertInteger(bitWidth, 'bitWidth', { min: 1, max: 64 });
  return Object.freeze({
    bitWidth,
    words: bitWidth <= 16 ? 'u16' : bitWidth <= 32 ? 'u32' : 'u64',
    modulus: 1n << BigInt(bitWidth),
    limbs: bitWidth <= 32 ? 1 : 2,
  });
}

/** Returns the mask of the bits of the topmost u32 word of a residue, as a signed 32-bit pattern. */
function topMask({ bitWidth }: Ring): number {
  const bits = bitWidth <= 32 ? bitWidth : bitWidth - 32;
  return bits === 32 ? -1 : ((1 << bits) - 1) | 0;
}

/**
 * Encodes signed integers as residues modulo 2^bitWidth.
 * @param values - any int32; a value outside the centred range wraps, as every sum in the ring does.
 * @returns u32 words, `ring.limbs` an entry.
 */
export function encodeRing(values: Int32Array, ring: Ring): Uint32Array {
  const top = topMask(ring);
  const out = new Uint32Array(values.length * ring.limbs);
  if (ring.limbs === 1) {
    for (let i = 0; i < values.length; i += 1) out[i] = (values[i] as number) & top;
    return out;
  }
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    out[2 * i] = value;
    out[2 * i + 1] = (value >> 31) & top;
  }
  return out;
}

/** Encodes 64-bit signed integers as residues modulo 2^bitWidth; as {@link encodeRing}, for wide inputs. */
export function encodeRingWide(values: BigInt64Array, ring: Ring): Uint32Array {
  const top = topMask(ring);
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const out = new Uint32Array(values.length * ring.limbs);
  for (let i = 0; i < values.length; i += 1) {
    if (ring.limbs === 1) out[i] = (words[2 * i] as number) & top;
    else {
      out[2 * i] = words[2 * i] as number;
      out[2 * i + 1] = (words[2 * i + 1] as number) & top;
    }
  }
  return out;
}

/**
 * Decodes residues to signed integers by the centred lift: r ↦ r − 2^bitWidth when r ≥ 2^(bitWidth−1).
 * @returns one float64 an entry: exact up to 2^53, rounded beyond (then use {@link decodeRingWide}).
 */
export function decodeRing(residues: Uint32Array, ring: Ring): Float64Array {
  if (ring.bitWidth === 32) return new Float64Array(signedWords(residues));
  const out = new Float64Array(residues.length / ring.limbs);
  const shift = 32 - (ring.limbs === 1 ? ring.bitWidth : ring.bitWidth - 32);
  if (ring.limbs === 1) {
    for (let i = 0; i < out.length; i += 1) out[i] = ((residues[i] as number) << shift) >> shift;
    return out;
  }
  for (let i = 0; i < out.length; i += 1) {
    const high = ((residues[2 * i + 1] as number) << shift) >> shift;
    out[i] = high * 4_294_967_296 + (residues[2 * i] as number);
  }
  return out;
}

/** Decodes residues to signed 64-bit integers by the centred lift, exactly. */
export function decodeRingWide(residues: Uint32Array, ring: Ring): BigInt64Array {
  const out = new BigInt64Array(residues.length / ring.limbs);
  const words = new Int32Array(out.buffer);
  const shift = 32 - (ring.limbs === 1 ? ring.bitWidth : ring.bitWidth - 32);
  for (let i = 0; i < out.length; i += 1) {
    if (ring.limbs === 1) {
      const value = ((residues[i] as number) << shift) >> shift;
      words[2 * i] = value;
      words[2 * i + 1] = value >> 31;
    } else {
      words[2 * i] = residues[2 * i] as number;
      words[2 * i + 1] = ((residues[2 * i + 1] as number) << shift) >> shift;
    }
  }
  return out;
}

/** Reduces every entry modulo 2^bitWidth, in place. */
export function reduceRingInto(target: Uint32Array, ring: Ring): void {
  if (ring.bitWidth === 32 || ring.bitWidth === 64) return;
  const top = topMask(ring);
  const words = signedWords(target);
  for (let i = ring.limbs - 1; i < words.length; i += ring.limbs) words[i] = (words[i] as number) & top;
}

/**
 * Adds residues entry by entry, in place.
 * @throws {RangeError} when the lengths differ.
 */
export function addRingInto(target: Uint32Array, addend: Uint32Array, ring: Ring): void {
  assertSameLength(target, addend);
  const top = topMask(ring);
  if (ring.limbs === 1) {
    const [to, from] = [signedWords(target), signedWords(addend)];
    for (let i = 0; i < to.length; i += 1) to[i] = ((to[i] as number) + (from[i] as number)) & top;
    return;
  }
  for (let i = 0; i < target.length; i += 2) {
    const low = (target[i] as number) + (addend[i] as number);
    target[i] = low;
    target[i + 1] = ((target[i + 1] as number) + (addend[i + 1] as number) + (low > 0xffffffff ? 1 : 0)) & top;
  }
}

/**
 * Subtracts residues entry by entry, in place.
 * @throws {RangeError} when the lengths differ.
 */
export function subtractRingInto(target: Uint32Array, subtrahend: Uint32Array, ring: Ring): void {
  assertSameLength(target, subtrahend);
  const top = topMask(ring);
  if (ring.limbs === 1) {
    const [to, from] = [signedWords(target), signedWords(subtrahend)];
    for (let i = 0; i < to.length; i += 1) to[i] = ((to[i] as number) - (from[i] as number)) & top;
    return;
  }
  for (let i = 0; i < target.length; i += 2) {
    const low = (target[i] as number) - (subtrahend[i] as number);
    target[i] = low;
    target[i + 1] = ((target[i + 1] as number) - (subtrahend[i + 1] as number) - (low < 0 ? 1 : 0)) & top;
  }
}

/** The same memory as signed words: they stay integers in registers, where unsigned ones above 2^31 become floats. */
function signedWords(words: Uint32Array): Int32Array {
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}

function assertSameLength(target: Uint32Array, other: Uint32Array): void {
  if (target.length !== other.length) {
    throw new RangeError(`both residue vectors must have the same length, got ${target.length} and ${other.length}`);
  }
}

/**
 * Checks that `residues` is a vector of the ring with `entries` entries.
 * @throws {RangeError} when the length is wrong or an entry is 2^bitWidth or more.
 */
export function assertResidues(residues: Uint32Array, ring: Ring, entries: number): void {
  if (!(residues instanceof Uint32Array) || residues.length !== entries * ring.limbs) {
    throw new RangeError(
      `"residues" must be a Uint32Array of ${entries * ring.limbs} words, got ${residues?.length ?? typeof residues}`,
    );
  }
  const excess = ~topMask(ring);
  // Whole words cannot hold too much.
  if (excess === 0) return;
  const words = signedWords(residues);
  let spilled = 0;
  for (let i = ring.limbs - 1; i < words.length; i += ring.limbs) spilled |= (words[i] as number) & excess;
  if (spilled === 0) return;
  for (let i = ring.limbs - 1; i < words.length; i += ring.limbs) {
    if (((words[i] as number) & excess) !== 0) {
      throw new RangeError(`entry ${(i / ring.limbs) | 0} of "residues" is not below 2^${ring.bitWidth}`);
    }
  }
}
