/**
 * Splits a sample into blocks of at most 64 examples such that one example more or less touches one block.
 *
 * The numbers 0 … 2^32 - 1 are the leaves of a binary tree. A block is a largest subtree that holds at most 64 drawn
 * examples. Taking one example into a block of 64 splits that block and no other; into a smaller one, it joins it; all
 * other blocks keep their examples and so, bit for bit, their sums. That is what bounds the rounding error in
 * {@link computeClippedSumSensitivity}: it acts on at most 65 examples, however many were drawn.
 *
 * @module
 */

/** Largest number of examples whose gradients are added in float32. */
export const BLOCK_EXAMPLES = 64;

/** A run of the sorted sample. */
export interface Block {
  readonly from: number;
  readonly count: number;
}

/**
 * Splits sorted, distinct example numbers into blocks.
 * @returns runs of `indices` in order; none is empty.
 */
export function splitIntoBlocks(indices: Uint32Array): Block[] {
  const blocks: Block[] = [];
  function visit(from: number, to: number, bit: number): void {
    if (to === from) return;
    if (to - from <= BLOCK_EXAMPLES) {
      blocks.push({ from, count: to - from });
      return;
    }
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((((indices[middle] as number) >>> bit) & 1) === 0) low = middle + 1;
      else high = middle;
    }
    visit(from, low, bit - 1);
    visit(low, to, bit - 1);
  }
  visit(0, indices.length, 31);
  return blocks;
}

/**
 * Sorts a sample's example numbers.
 * @throws {RangeError} when a number is not an index of the data set or comes twice: a second draw of the same example
 * would count twice against a clip norm that bounds it once.
 */
export function sortSample(indices: ArrayLike<number>, size: number): Uint32Array {
  const sorted = new Uint32Array(indices.length);
  let ordered = true;
  for (let i = 0; i < indices.length; i += 1) {
    const index = indices[i] as number;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`"indices[${i}]" must be an integer in [0, ${size - 1}], got ${index}`);
    }
    sorted[i] = index;
    if (i > 0 && index < (sorted[i - 1] as number)) ordered = false;
  }
  if (!ordered) sorted.sort();
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i] === sorted[i - 1]) {
      throw new RangeError(`"indices" must be distinct, got ${sorted[i]} twice`);
    }
  }
  return sorted;
}
