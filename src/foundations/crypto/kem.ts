/**
 * ML-KEM-768 [FIPS203], the key encapsulation that is to withstand quantum computers. Its implementation is audited by
 * its author alone, so it is only ever used beside X25519: both would have to fall.
 *
 * @module
 */

import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

import { assertBytes } from './bytes.ts';
import { CryptoError } from './errors.ts';

/** Lengths of ML-KEM-768. */
export const KEM_PUBLIC_KEY_BYTES = 1184;
export const KEM_CIPHERTEXT_BYTES = 1088;

/** A private decapsulation key. */
export interface KemKey {
  /** 1184 bytes. */
  readonly publicKey: Uint8Array;
  /** Returns the 32-byte secret of a ciphertext; an altered ciphertext gives an unrelated secret, not an error. */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
}

/** Derives a key pair from 64 uniform bytes (d ‖ z). */
export function createKemKey(seed: Uint8Array): KemKey {
  assertBytes(seed, 'seed', 64);
  const { publicKey, secretKey } = ml_kem768.keygen(seed);
  return {
    publicKey,
    decapsulate(ciphertext) {
      if (ciphertext.length !== KEM_CIPHERTEXT_BYTES) {
        throw new CryptoError('crypto/invalid-public-key', 'an encapsulated key has the wrong length');
      }
      return ml_kem768.decapsulate(ciphertext, secretKey);
    },
  };
}

/**
 * Encapsulates a secret to a public key.
 * @param coins - 32 uniform bytes; the same coins give the same ciphertext and secret.
 * @throws {CryptoError} `crypto/invalid-public-key` when the key is not a valid encoding.
 */
export function encapsulateKem(
  publicKey: Uint8Array,
  coins: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } {
  assertBytes(coins, 'coins', 32);
  try {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, coins);
    return { ciphertext: cipherText, secret: sharedSecret };
  } catch (cause) {
    throw new CryptoError('crypto/invalid-public-key', 'the public key of the peer is not a usable ML-KEM-768 key', {
      cause,
    });
  }
}
