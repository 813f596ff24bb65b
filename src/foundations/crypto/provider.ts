/**
 * The one choice between implementations of the primitives: `node:crypto` where the process offers it and it passes a test
 * of known answers, noble everywhere else. Both are synchronous, so that a state machine that uses them has no suspension point, and both pass
 * the same vectors, so that the bytes in the browser are those in Node.
 *
 * Exception to the rule that this wing is free of IO: `globalThis.process?.getBuiltinModule` is asked once for
 * `node:crypto`, because an agreement takes 60 µs there and 1–2 ms in JavaScript. Nothing else of the process is used.
 *
 * @module
 */

import { createNobleProvider } from './noble-provider.ts';
import { createNodeProvider } from './node-provider.ts';
import { passesSelfTest } from './self-test.ts';

/** The primitives whose speed depends on the platform. Lengths are checked by the callers in this room. */
export interface CryptoProvider {
  readonly name: 'noble' | 'node';
  /** Imports an X25519 private key (32 bytes, clamped by the algorithm). */
  importAgreementKey(privateKey: Uint8Array): {
    readonly publicKey: Uint8Array;
    /** Returns the shared point, or undefined when it is the neutral element (a peer key of small order). */
    agree(peerPublicKey: Uint8Array): Uint8Array | undefined;
  };
  /** Imports an Ed25519 private key (its 32-byte seed). */
  importSigningKey(seed: Uint8Array): { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array };
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** AES-256-GCM: ciphertext followed by the 16-byte tag. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array;
  /** Returns undefined when the tag does not fit. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array | undefined;
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
}

let chosen: CryptoProvider | undefined;

/** Returns the provider of this process, chosen at the first call. */
export function cryptoProvider(): CryptoProvider {
  if (chosen === undefined) {
    const node = globalThis.process?.getBuiltinModule?.('node:crypto');
    const offered = node === undefined ? undefined : createNodeProvider(node);
    chosen = offered !== undefined && passesSelfTest(offered) ? offered : createNobleProvider();
  }
  return chosen;
}

/** Runs `body` on the given provider; for tests that compare the two. */
export function withCryptoProvider<T>(provider: CryptoProvider, body: () => T): T {
  const before = chosen;
  chosen = provider;
  try {
    return body();
  } finally {
    chosen = before;
  }
}
