/**
 * The primitives in audited JavaScript (noble), for browsers and every other runtime without `node:crypto`.
 *
 * @module
 */

import { gcm } from '@noble/ciphers/aes.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import type { CryptoProvider } from './provider.ts';

/** Creates the provider on noble. */
export function createNobleProvider(): CryptoProvider {
  return {
    name: 'noble',
    importAgreementKey(privateKey) {
      const own = privateKey.slice();
      return {
        publicKey: x25519.getPublicKey(own),
        agree(peerPublicKey) {
          try {
            return x25519.getSharedSecret(own, peerPublicKey);
          } catch {
            return undefined;
          }
        },
      };
    },
    importSigningKey(seed) {
      const own = seed.slice();
      return { publicKey: ed25519.getPublicKey(own), sign: (message) => ed25519.sign(message, own) };
    },
    verify(publicKey, message, signature) {
      try {
        // RFC 8032 verification (not ZIP 215), as OpenSSL does it.
        return ed25519.verify(signature, message, publicKey, { zip215: false });
      } catch {
        return false;
      }
    },
    seal: (key, nonce, plaintext, associatedData) => gcm(key, nonce, associatedData).encrypt(plaintext),
    open(key, nonce, sealed, associatedData) {
      try {
        return gcm(key, nonce, associatedData).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
    sha256(...parts) {
      if (parts.length === 1) return sha256(parts[0] as Uint8Array);
      const hash = sha256.create();
      for (const part of parts) hash.update(part);
      return hash.digest();
    },
  };
}
