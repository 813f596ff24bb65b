/**
 * Applying masks to vectors of ring elements: in this thread, or through an expander that cuts the vector into tiles and
 * sends them to workers. Both give the same bytes.
 *
 * @module
 */

import { addMasksInto, type Mask, type MaskOptions } from '../../foundations/kernels/index.ts';
import { reduceRingInto, type Ring } from '../../foundations/vector/index.ts';

/** Adds masks to the words of a vector somewhere else, and resolves when `target` holds the result. */
export type MaskExpander = (target: Uint8Array, masks: readonly Mask[], options: MaskOptions) => Promise<void>;

/** How one vector is masked. */
export interface MaskPlan {
  readonly ring: Ring;
  readonly cipher: 'chacha20' | 'chacha12';
}

/** The words in which masks are added: residues of up to 16 bits go two to a u32. */
function toWords(residues: Uint32Array, ring: Ring): Uint8Array {
  if (ring.words === 'u16') return new Uint8Array(Uint16Array.from(residues).buffer);
  return new Uint8Array(residues.buffer, residues.byteOffset, residues.byteLength);
}

function fromWords(words: Uint8Array, residues: Uint32Array, ring: Ring): void {
  if (ring.words === 'u16') residues.set(new Uint16Array(words.buffer));
  reduceRingInto(residues, ring);
}

/** Adds masks to residues in place, in this thread. */
export function maskResiduesInto(residues: Uint32Array, masks: readonly Mask[], { ring, cipher }: MaskPlan): void {
  const words = toWords(residues, ring);
  addMasksInto(words, masks, { words: ring.words, cipher });
  fromWords(words, residues, ring);
}

/** Adds masks to residues in place, through an expander. */
export async function maskResiduesWith(
  residues: Uint32Array,
  masks: readonly Mask[],
  { ring, cipher, expand }: MaskPlan & { readonly expand: MaskExpander },
): Promise<void> {
  const words = toWords(residues, ring);
  await expand(words, masks, { words: ring.words, cipher });
  fromWords(words, residues, ring);
}
