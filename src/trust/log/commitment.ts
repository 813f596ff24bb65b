/**
 * Salted commitments: what stands in the log in place of a name. Whoever holds the salt can show whose commitment it is;
 * once the salt is destroyed nobody can, and the log need not change.
 *
 * @module
 */

import { assertBytes, hmacSha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { computeRoot, hashLeaf } from './merkle.ts';

/** Bytes of a salt. */
export const SALT_BYTES = 32;

/** Salts by subject. A salt is made when it is first asked for, and never again once it was destroyed. */
export interface SaltStore {
  saltOf(subject: string): Promise<Uint8Array>;
  /** Whether there is a salt of a subject: made, and not destroyed. */
  has(subject: string): Promise<boolean>;
  /** Destroys a salt; what was committed under it can no longer be linked to the subject. */
  destroy(subject: string): Promise<void>;
}

/**
 * Commits to a value.
 * @param salt - 32 uniform bytes of the subject alone: with a salt that is known or shared, names can be guessed.
 */
export function commitTo(value: string, salt: Uint8Array): string {
  assertBytes(salt, 'salt', SALT_BYTES);
  return toHex(hmacSha256(salt, utf8(`sotto commitment\n${value}`)));
}

/** Computes the digest of a roster: the Merkle root over its members' commitments, in order. */
export function computeRosterRoot(commitments: readonly string[]): string {
  return toHex(computeRoot(commitments.map((commitment) => hashLeaf(utf8(commitment)))));
}
