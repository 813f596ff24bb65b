/**
 * The deposit of a participant whose pair secrets outlive the round: its pair mask keys of this round, encrypted under a
 * fresh round key whose shares its neighbours hold. Recovery opens one round only, and works when a neighbour is gone.
 *
 * @module
 */

import { openSealed, seal, SEAL_OVERHEAD_BYTES } from '../../foundations/crypto/index.ts';
import { deriveRecoveryKey, ONE_TIME_NONCE } from './derive.ts';

/** Bytes of a deposit for the given number of neighbours. */
export function depositLength(neighbors: number): number {
  return neighbors * 32 + SEAL_OVERHEAD_BYTES;
}

/** Seals the pair mask keys, one a neighbour in ascending order of places. */
export function sealDeposit(
  maskKeys: readonly Uint8Array[],
  { roundKey, session }: { readonly roundKey: Uint8Array; readonly session: Uint8Array },
): Uint8Array {
  const plaintext = new Uint8Array(maskKeys.length * 32);
  maskKeys.forEach((key, i) => plaintext.set(key, 32 * i));
  const sealed = seal(plaintext, {
    key: deriveRecoveryKey(roundKey, session),
    nonce: ONE_TIME_NONCE,
    associatedData: session,
  });
  plaintext.fill(0);
  return sealed;
}

/** Opens a deposit. @throws {CryptoError} when the round key or the deposit is not the right one. */
export function openDeposit(
  deposit: Uint8Array,
  { roundKey, session }: { readonly roundKey: Uint8Array; readonly session: Uint8Array },
): readonly Uint8Array[] {
  const plaintext = openSealed(deposit, {
    key: deriveRecoveryKey(roundKey, session),
    nonce: ONE_TIME_NONCE,
    associatedData: session,
  });
  return Array.from({ length: plaintext.length / 32 }, (_, i) => plaintext.subarray(32 * i, 32 * i + 32));
}
