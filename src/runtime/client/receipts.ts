/**
 * Receipts: what a participant keeps of every round it took part in. Each names the one before it by its digest, so that
 * none can be taken out or changed unseen.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import type { AttestedReceipt } from './attestation.ts';

/** A receipt; digests in hexadecimal. */
export interface RoundReceipt {
  readonly sotto: 'round-receipt/1';
  /** Digest of the receipt before; zeros in the first. */
  readonly previous: string;
  /** ISO time at which the round was closed. */
  readonly at: string;
  readonly coordinator: string;
  readonly task: string;
  readonly participant: string;
  readonly round: number;
  readonly attempt: number;
  readonly outcome: 'committed' | 'aborted';
  readonly planDigest: string;
  /** Digest of the parameters that the contribution was computed for. */
  readonly modelDigest: string;
  readonly cohort: readonly string[];
  /** Whether a contribution left, and was charged. */
  readonly contributed: boolean;
  readonly adversary: string;
  /** ε of this participant's own ledger after the round; null without privacy. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly attestation?: AttestedReceipt;
}

/** Digest of a receipt: SHA-256 of its canonical JSON [RFC8785]. */
export function digestReceipt(receipt: RoundReceipt): string {
  return toHex(sha256(utf8(canonicalize(receipt) as string)));
}

/** The digest that the first receipt names. */
export const FIRST_RECEIPT = '0'.repeat(64);

/**
 * Finds the first receipt that does not follow from the one before.
 * @returns its index, or undefined when the chain holds.
 */
export function findBrokenReceipt(receipts: readonly RoundReceipt[]): number | undefined {
  let previous = FIRST_RECEIPT;
  for (const [i, receipt] of receipts.entries()) {
    if (receipt.previous !== previous) return i;
    previous = digestReceipt(receipt);
  }
  return undefined;
}
