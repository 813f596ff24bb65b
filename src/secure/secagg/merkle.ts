/**
 * Merkle trees over the roster, so that a participant checks its neighbours and a sample of the others against one root
 * and not the whole cohort. The tree and its hashes are those of [RFC6962] §2.1; one proof serves many leaves.
 *
 * @module
 */

import { equalBytes, sha256 } from '../../foundations/crypto/index.ts';
import { SecAggError } from './errors.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Hashes the bytes of a leaf. */
export function hashLeaf(leaf: Uint8Array): Uint8Array {
  return sha256(LEAF, leaf);
}

/** Largest power of two below `count`. */
function splitPoint(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

/** A tree that answers for its root and for proofs. */
export interface MerkleTree {
  readonly root: Uint8Array;
  /** Hashes that, with the leaves at the given ascending places, give the root. */
  prove(places: readonly number[]): readonly Uint8Array[];
}

/** Builds the tree over leaf hashes. */
export function createMerkleTree(leaves: readonly Uint8Array[]): MerkleTree {
  const nodes = new Map<number, Uint8Array>();
  const hashRange = (low: number, high: number): Uint8Array => {
    if (high - low === 1) return leaves[low] as Uint8Array;
    const name = low * 0x1_0000_0000 + high;
    let hash = nodes.get(name);
    if (hash === undefined) {
      const middle = low + splitPoint(high - low);
      hash = sha256(NODE, hashRange(low, middle), hashRange(middle, high));
      nodes.set(name, hash);
    }
    return hash;
  };
  return {
    root: hashRange(0, leaves.length),
    prove(places) {
      const proof: Uint8Array[] = [];
      const walk = (low: number, high: number, from: number, to: number): void => {
        if (from === to) proof.push(hashRange(low, high));
        else if (high - low > 1) {
          const middle = low + splitPoint(high - low);
          let cut = from;
          while (cut < to && (places[cut] as number) < middle) cut += 1;
          walk(low, middle, from, cut);
          walk(middle, high, cut, to);
        }
      };
      walk(0, leaves.length, 0, places.length);
      return proof;
    },
  };
}

/**
 * Checks that leaves stand at their places under a root.
 * @param leaves - place and leaf hash, places ascending and below `size`.
 * @throws {SecAggError} `secagg/bad-proof` when they do not.
 */
export function verifyMerkleProof(
  leaves: readonly { readonly place: number; readonly hash: Uint8Array }[],
  { root, size, proof }: { root: Uint8Array; size: number; proof: readonly Uint8Array[] },
): void {
  let used = 0;
  const walk = (low: number, high: number, from: number, to: number): Uint8Array => {
    if (from === to) {
      const hash = proof[used];
      used += 1;
      if (hash === undefined) throw badProof();
      return hash;
    }
    if (high - low === 1) {
      if (to - from !== 1) throw badProof();
      return (leaves[from] as { hash: Uint8Array }).hash;
    }
    const middle = low + splitPoint(high - low);
    let cut = from;
    while (cut < to && (leaves[cut] as { place: number }).place < middle) cut += 1;
    return sha256(NODE, walk(low, middle, from, cut), walk(middle, high, cut, to));
  };
  const hash = walk(0, size, 0, leaves.length);
  if (used !== proof.length || !equalBytes(hash, root)) throw badProof();
}

function badProof(): SecAggError {
  return new SecAggError('secagg/bad-proof', 'roster entries do not stand under the root of the roster');
}
