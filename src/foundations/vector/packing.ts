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
  const words = new Uint32Array(Math.ceil((entries * ring.bitWidth) / 32) + 1);
  const topBits = ring.limbs === 1 ? ring.bitWidth : ring.bitWidth - 32;
  const excess = topBits === 32 ? 0 : (-1 << topBits) | 0;
  let pending = 0;
  let fill = 0;
  let at = 0;
  let spilled = 0;
  for (let i = 0; i < residues.length; i += 1) {
    const value = residues[i] as number;
    const isTop = ring.limbs === 1 || (i & 1) === 1;
    const bits = isTop ? topBits : 32;
    if (isTop) spilled |= value & excess;
    pending |= value << fill;
    fill += bits;
    if (fill >= 32) {
      words[at] = pending;
      at += 1;
      fill -= 32;
      const used = bits - fill;
      pending = used === 32 ? 0 : value >>> used;
    }
  }
  words[at] = pending;
  if (spilled !== 0) throw new RangeError(`an entry of "residues" is not below 2^${ring.bitWidth}`);
  return new Uint8Array(words.buffer, 0, packedLength(entries, ring));
}

/**
 * Unpacks what {@link packBits} packed.
 * @throws {RangeError} when the length is not that of `entries` residues or a padding bit is set.
 */
export function unpackBits(bytes: Uint8Array, ring: Ring, entries: number): Uint32Array {
  const expected = packedLength(entries, ring);
  if (bytes.length !== expected) {
    throw new RangeError(`"bytes" must be ${expected} bytes for ${entries} entries, got ${bytes.length}`);
  }
  const padding = expected * 8 - entries * ring.bitWidth;
  if (padding > 0 && (bytes[expected - 1] as number) >>> (8 - padding) !== 0) {
    throw new RangeError('the padding bits of a packed vector must be zero');
  }
  const words = new Uint32Array(Math.ceil(expected / 4) + 1);
  new Uint8Array(words.buffer).set(bytes);
  const out = new Uint32Array(entries * ring.limbs);
  const topBits = ring.limbs === 1 ? ring.bitWidth : ring.bitWidth - 32;
  const topMask = topBits === 32 ? -1 : (1 << topBits) - 1;
  let at = 0;
  let offset = 0;
  for (let i = 0; i < out.length; i += 1) {
    const isTop = ring.limbs === 1 || (i & 1) === 1;
    let value = (words[at] as number) >>> offset;
    if (offset > 0) value |= (words[at + 1] as number) << (32 - offset);
    out[i] = isTop ? value & topMask : value;
    offset += isTop ? topBits : 32;
    if (offset >= 32) {
      offset -= 32;
      at += 1;
    }
  }
  return out;
}

/** Unpacks a vector and adds it to `target`, in place; the packed form is the only copy that existed. */
export function addPackedInto(target: Uint32Array, bytes: Uint8Array, ring: Ring): void {
  addRingInto(target, unpackBits(bytes, ring, target.length / ring.limbs), ring);
}
