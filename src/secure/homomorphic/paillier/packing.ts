/**
 * Many small signed numbers in one Paillier plaintext: M = Σ vᵢ · 2^(slotBits · i). Slots are wide enough for the sum of
 * all addends (guard bits), so that adding, and multiplying by small integers, never carries into a neighbour; a
 * ciphertext carries the bound of its slots, and an operation that could exceed it is refused without decrypting.
 *
 * @module
 */

import { HomomorphicError } from '../errors.ts';
import { bitLength } from './modular.ts';

/** How a vector is laid out in plaintexts. */
export interface SlotLayout {
  /** Bits of a slot, sign and guard bits included. */
  readonly slotBits: number;
  /** Slots of one plaintext. */
  readonly slots: number;
}

/**
 * Computes the layout for slots of magnitude below `largest`.
 * @throws {HomomorphicError} `homomorphic/no-parameters` when not even one fits the key.
 */
export function layOutSlots({ largest, keyBits }: { readonly largest: bigint; readonly keyBits: number }): SlotLayout {
  const slotBits = bitLength(largest) + 1;
  // Σ |vᵢ| 2^(s i) < 2^(s · slots − 1): centred residues modulo n need one bit more, and n ≥ 2^(keyBits − 1).
  const slots = Math.floor((keyBits - 2) / slotBits);
  if (slots < 1) {
    throw new HomomorphicError(
      'homomorphic/no-parameters',
      `a slot of ${slotBits} bits does not fit a ${keyBits}-bit key`,
    );
  }
  return { slotBits, slots };
}

/** Returns the largest magnitude a slot may reach. */
export function slotLimit({ slotBits }: SlotLayout): bigint {
  return (1n << BigInt(slotBits - 1)) - 1n;
}

/** Packs signed integers, `layout.slots` a plaintext. @returns signed integers, each within ± 2^(slotBits · slots − 1). */
export function packSlots(values: readonly bigint[], layout: SlotLayout): bigint[] {
  const shift = BigInt(layout.slotBits);
  const out: bigint[] = [];
  for (let at = 0; at < values.length; at += layout.slots) {
    let packed = 0n;
    for (let i = Math.min(at + layout.slots, values.length) - 1; i >= at; i -= 1)
      packed = (packed << shift) + (values[i] as bigint);
    out.push(packed);
  }
  return out;
}

/** Unpacks what {@link packSlots} packed, after any additions within the bound. */
export function unpackSlots(packed: readonly bigint[], entries: number, layout: SlotLayout): bigint[] {
  const shift = BigInt(layout.slotBits);
  const out: bigint[] = [];
  for (const plaintext of packed) {
    let rest = plaintext;
    for (let i = 0; i < layout.slots && out.length < entries; i += 1) {
      const value = BigInt.asIntN(layout.slotBits, rest);
      out.push(value);
      rest = (rest - value) >> shift;
    }
  }
  return out;
}
