/**
 * Diffie–Hellman key agreement on Curve25519. [RFC7748] §5, §6.1
 *
 * @module
 */

import { assertBytes } from './bytes.ts';
import { CryptoError } from './errors.ts';
import { cryptoProvider } from './provider.ts';

/** A private X25519 key, imported once and used many times. */
export interface AgreementKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * Agrees on a secret with the holder of `peerPublicKey`.
   * @returns 32 bytes: the shared point, not yet a uniform key; feed it to {@link hkdfExtract}.
   * @throws {CryptoError} `crypto/invalid-public-key` when the peer's key has another length or is of small order
   *   (the all-zero secret of [RFC7748] §6.1).
   */
  agree(peerPublicKey: Uint8Array): Uint8Array;
}

/**
 * Imports a private key.
 * @param privateKey - 32 uniform bytes; clamped by the algorithm, copied.
 */
export function createAgreementKey(privateKey: Uint8Array): AgreementKey {
  assertBytes(privateKey, 'privateKey', 32);
  const key = cryptoProvider().importAgreementKey(privateKey);
  return {
    publicKey: key.publicKey,
    agree(peerPublicKey) {
      const shared = peerPublicKey.length === 32 ? key.agree(peerPublicKey) : undefined;
      if (shared === undefined) {
        throw new CryptoError('crypto/invalid-public-key', 'the public key of the peer is not a usable X25519 key');
      }
      return shared;
    },
  };
}
