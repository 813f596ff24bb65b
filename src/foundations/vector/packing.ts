/**
 * Bit packing: entry i of a residue vector occupies bits i·b … (i+1)·b − 1 of a little-endian bit string, the last byte
 * padded with zero bits, so that a vector on the wire takes ⌈entries · b / 8⌉ bytes and not whole words.
 *
 * @module
 */

import { addRingInto, type Ring } from './ring.ts';

/** Returns the bytes that `entries` packed residues take. */
export function packedLength(entries: number, ring: Ring): number {
  return Math.ceil((entries * ring.bitWidth) / 8);
}

/**
 * Packs residues at `ring.bitWidth` bits each.
 * @throws {RangeError} when an entry is 2^bitWidth or more: it would spill into its neighbour.
 */
export function packBits(residues: Uint32Array, ring: Ring): Uint8Array {
  const entries = residues.length / ring.limbs;
  // Signed views: 32-bit integers stay in registers, where unsigned ones above 2^31 would become floats.
  const from = new Int32Array(residues.buffer, residues.byteOffset, residues.length);
  const words = new Int32Array(Math.ceil((entries * ring.bitWidth) / 32) + 1);
  const spilled = ring.limbs === 1 ? packNarrow(from, words, ring.bitWidth) : packWide(from, words, ring.bitWidth - 32);
  if (spilled !== 0) throw new RangeError(`an entry of "residues" is not below 2^${ring.bitWidth}`);
  return new Uint8Array(words.buffer, 0, packedLength(entries, ring));
}

/** Packs one word an entry. @returns bits beyond the width, zero when all is well. */
function packNarrow(from: Int32Array, words: Int32Array, bits: number): number {
  const excess = bits === 32 ? 0 : -1 << bits;
  let pending = 0;
  let fill = 0;
  let at = 0;
  let spilled = 0;
  for (let i = 0; i < from.length; i += 1) {
    const value = from[i] as number;
    spilled |= value & excess;
    pending |= value << fill;
    fill += bits;
    if (fill >= 32) {
      words[at] = pending;
      at += 1;
      fill -= 32;
      pending = fill === 0 ? 0 : value >>> (bits - fill);
    }
  }
  words[at] = pending;
  return spilled;
}

/** Packs two words an entry, the low one whole. @returns bits beyond the width, zero when all is well. */
function packWide(from: Int32Array, words: Int32Array, topBits: number): number {
  const excess = topBits === 32 ? 0 : -1 << topBits;
  let pending = 0;
  let fill = 0;
  let at = 0;
  let spilled = 0;
  for (let i = 0; i < from.length; i += 2) {
    const low = from[i] as number;
    const high = from[i + 1] as number;
    spilled |= high & excess;
    words[at] = pending | (low << fill);
    at += 1;
    pending = fill === 0 ? 0 : low >>> (32 - fill);
    pending |= high << fill;
    fill += topBits;
    if (fill >= 32) {
      words[at] = pending;
      at += 1;
      fill -= 32;
      pending = fill === 0 ? 0 : high >>> (topBits - fill);
    }
  }
  words[at] = pending;
  return spilled;
}

/**
 * Unpacks what {@link packBits} packed.
 * @throws {RangeError} when the length is not that of `entries` residues or a padding bit is set.
 */
export function unpackBits(bytes: Uint8Array, ring: Ring, entries: number): Uint32Array {
  const words = readPacked(bytes, ring, entries);
  const out = new Int32Array(entries * ring.limbs);
  if (ring.limbs === 1) unpackNarrow(words, out, ring.bitWidth);
  else unpackWide(words, out, ring.bitWidth - 32);
  return new Uint32Array(out.buffer);
}

/** Checks a packed vector and gives its words, and one more to look ahead; a view where that is possible. */
function readPacked(bytes: Uint8Array, ring: Ring, entries: number): Int32Array {
  const expected = packedLength(entries, ring);
  if (bytes.length !== expected) {
    throw new RangeError(`"bytes" must be ${expected} bytes for ${entries} entries, got ${bytes.length}`);
  }
  const padding = expected * 8 - entries * ring.bitWidth;
  if (padding > 0 && (bytes[expected - 1] as number) >>> (8 - padding) !== 0) {
    throw new RangeError('the padding bits of a packed vector must be zero');
  }
  // With 32 or 64 bits nothing is looked up beyond the last word.
  if (ring.bitWidth % 32 === 0 && bytes.byteOffset % 4 === 0) {
    return new Int32Array(bytes.buffer, bytes.byteOffset, expected / 4);
  }
  const words = new Int32Array(Math.ceil(expected / 4) + 1);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function unpackNarrow(words: Int32Array, out: Int32Array, bits: number): void {
  const mask = bits === 32 ? -1 : (1 << bits) - 1;
  let at = 0;
  let offset = 0;
  for (let i = 0; i < out.length; i += 1) {
    let value = (words[at] as number) >>> offset;
    offset += bits;
    if (offset > 32) value |= (words[at + 1] as number) << (32 + bits - offset);
    out[i] = value & mask;
    if (offset >= 32) {
      offset -= 32;
      at += 1;
    }
  }
}

function unpackWide(words: Int32Array, out: Int32Array, topBits: number): void {
  const mask = topBits === 32 ? -1 : (1 << topBits) - 1;
  let at = 0;
  let offset = 0;
  for (let i = 0; i < out.length; i += 2) {
    let low = (words[at] as number) >>> offset;
    at += 1;
    if (offset > 0) low |= (words[at] as number) << (32 - offset);
    out[i] = low;
    let high = (words[at] as number) >>> offset;
    offset += topBits;
    if (offset > 32) high |= (words[at + 1] as number) << (32 + topBits - offset);
    out[i + 1] = high & mask;
    if (offset >= 32) {
      offset -= 32;
      at += 1;
    }
  }
}

/**
 * Unpacks a vector and adds it to `target`, in place and in one pass.
 * @throws {RangeError} as {@link unpackBits}; `target` is then unchanged.
 */
export function addPackedInto(target: Uint32Array, bytes: Uint8Array, ring: Ring): void {
  const entries = target.length / ring.limbs;
  if (ring.limbs === 2) {
    addRingInto(target, unpackBits(bytes, ring, entries), ring);
    return;
  }
  const words = readPacked(bytes, ring, entries);
  const to = new Int32Array(target.buffer, target.byteOffset, target.length);
  const bits = ring.bitWidth;
  if (bits === 32) {
    for (let i = 0; i < to.length; i += 1) to[i] = (to[i] as number) + (words[i] as number);
    return;
  }
  const mask = (1 << bits) - 1;
  let at = 0;
  let offset = 0;
  for (let i = 0; i < to.length; i += 1) {
    let value = (words[at] as number) >>> offset;
    offset += bits;
    if (offset > 32) value |= (words[at + 1] as number) << (32 + bits - offset);
    to[i] = ((to[i] as number) + value) & mask;
    if (offset >= 32) {
      offset -= 32;
      at += 1;
    }
  }
}
