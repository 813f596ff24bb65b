/**
 * Merkle tree hashing and the checks of its proofs. [RFC9162] §2.1, the same tree as [RFC6962]
 *
 * Checks return a verdict and never throw, whatever they are given: sizes may be any number, hashes of any length.
 *
 * @module
 */

import { equalBytes, sha256 } from '../../foundations/crypto/index.ts';

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Bytes of a hash. */
export const HASH_BYTES = 32;

/** Hashes an entry: SHA-256(0x00 ‖ entry). */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  return sha256(LEAF_PREFIX, entry);
}

/** Hashes two subtrees: SHA-256(0x01 ‖ left ‖ right). */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE_PREFIX, left, right);
}

/** Returns the root of a tree without entries: SHA-256 of nothing. */
export function emptyRoot(): Uint8Array {
  return sha256();
}

/** Returns the largest power of two below `size`, for sizes ≥ 2. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/**
 * Computes every level of the tree over leaf hashes, leaves first. Merging neighbours level by level builds the tree of
 * [RFC9162] §2.1.1: a lone last node moves up unchanged.
 */
export function computeLevels(hashes: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  let level = hashes.slice();
  const levels = [level];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Uint8Array;
      const right = level[i + 1];
      above.push(right === undefined ? left : hashNode(left, right));
    }
    level = above;
    levels.push(level);
  }
  return levels;
}

/** Computes the root over leaf hashes, for small trees and as an oracle. */
export function computeRoot(hashes: readonly Uint8Array[]): Uint8Array {
  return computeLevels(hashes).at(-1)?.[0] ?? emptyRoot();
}

/** A tree size or index as a caller has it. */
export type Count = number | bigint;

/** Reads a count ≥ 0; undefined when it is none. */
function countOf(value: Count): bigint | undefined {
  if (typeof value === 'bigint') return value >= 0n ? value : undefined;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? BigInt(value) : undefined;
}

const isHash = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === HASH_BYTES;
const isOdd = (value: bigint): boolean => (value & 1n) === 1n;

/** What an inclusion proof says. */
export interface InclusionClaim {
  readonly index: Count;
  readonly size: Count;
  readonly root: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Tells whether a leaf stands at an index of a tree. [RFC9162] §2.1.3.2 */
export function verifyInclusion({ index, size, root, leafHash, proof }: InclusionClaim): boolean {
  const leaf = countOf(index);
  const leaves = countOf(size);
  if (leaf === undefined || leaves === undefined || leaf >= leaves) return false;
  if (!isHash(root) || !isHash(leafHash) || !proof.every(isHash)) return false;
  let node = leaf;
  let last = leaves - 1n;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (isOdd(node) || node === last) {
      hash = hashNode(sibling, hash);
      while (!isOdd(node) && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = hashNode(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equalBytes(hash, root);
}

/** What a consistency proof says. */
export interface ConsistencyClaim {
  readonly size1: Count;
  readonly size2: Count;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Tells whether a tree is a prefix of another. [RFC9162] §2.1.4.2
 *
 * An empty first tree has no proof that says anything, and implementations differ: here it is consistent with every tree
 * when its root is that of the empty tree and the proof is empty. [C2SP-witness] asks for the same.
 */
export function verifyConsistency({ size1, size2, root1, root2, proof }: ConsistencyClaim): boolean {
  const first = countOf(size1);
  const second = countOf(size2);
  if (first === undefined || second === undefined || first > second) return false;
  return verifySubtreeConsistency({ start: 0n, end: first, size: second, root1, root2, proof });
}

/** A part of a tree that is a tree itself: leaves [start, end). */
function isSubtree(start: bigint, end: bigint): boolean {
  if (start >= end) return false;
  let width = 1n;
  while (width < end - start) width <<= 1n;
  return start % width === 0n;
}

/** Tells whether a leaf stands at an index of a subtree. [MTC] §4.3 */
export function verifySubtreeInclusion({
  index,
  start,
  end,
  ...claim
}: Omit<InclusionClaim, 'size'> & { readonly start: Count; readonly end: Count }): boolean {
  const leaf = countOf(index);
  const from = countOf(start);
  const to = countOf(end);
  if (leaf === undefined || from === undefined || to === undefined) return false;
  if (!isSubtree(from, to) || leaf < from || leaf >= to) return false;
  return verifyInclusion({ ...claim, index: leaf - from, size: to - from });
}

/**
 * Tells whether a subtree is part of a tree. With `start` 0 this is the consistency of two trees. [MTC] §4.4
 *
 * Where both are the same leaves, the roots are compared as they are and nothing is hashed.
 */
export function verifySubtreeConsistency({
  start,
  end,
  size,
  root1,
  root2,
  proof,
}: Omit<ConsistencyClaim, 'size1' | 'size2'> & {
  readonly start: Count;
  readonly end: Count;
  readonly size: Count;
}): boolean {
  const from = countOf(start);
  const to = countOf(end);
  const leaves = countOf(size);
  if (from === undefined || to === undefined || leaves === undefined) return false;
  if (to > leaves) return false;
  if (from === to)
    return proof.length === 0 && equalBytes(root1, emptyRoot()) && (leaves > 0n || equalBytes(root2, root1));
  if (from === 0n && to === leaves) return proof.length === 0 && equalBytes(root1, root2);
  if (!isSubtree(from, to) || !isHash(root1) || !isHash(root2) || !proof.every(isHash)) return false;
  let first = from;
  let last = to - 1n;
  let end2 = leaves - 1n;
  const shift = (): void => {
    first >>= 1n;
    last >>= 1n;
    end2 >>= 1n;
  };
  if (last === end2) while (first !== last) shift();
  else while (first !== last && isOdd(last)) shift();
  let rest = proof;
  let hash = root1;
  if (first !== last) {
    const [seed] = proof;
    if (seed === undefined) return false;
    hash = seed;
    rest = proof.slice(1);
  }
  let hash1 = hash;
  let hash2 = hash;
  for (const sibling of rest) {
    if (end2 === 0n) return false;
    if (isOdd(last) || last === end2) {
      if (first < last) hash1 = hashNode(sibling, hash1);
      hash2 = hashNode(sibling, hash2);
      while (!isOdd(last) && last !== 0n) shift();
    } else {
      hash2 = hashNode(hash2, sibling);
    }
    shift();
  }
  return end2 === 0n && equalBytes(hash1, root1) && equalBytes(hash2, root2);
}
