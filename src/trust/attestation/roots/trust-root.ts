/**
 * Trust roots: the certificates at which chains must end. They are data of the package, pinned by fingerprint in its
 * tests and in docs/confidential-computing.md; nothing is fetched.
 *
 * @module
 */

import { sha256, toHex } from '../../../foundations/crypto/index.ts';

/** A root that is trusted as it stands. */
export interface TrustRoot {
  /** For records: "AMD ARK-Milan". */
  readonly name: string;
  readonly der: Uint8Array;
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly sha256: string;
}

/** The roots per vendor. `simulated` is empty unless somebody asked for simulated evidence by name. */
export interface TrustRoots {
  readonly amd: readonly TrustRoot[];
  readonly intel: readonly TrustRoot[];
  readonly aws: readonly TrustRoot[];
  /** Ed25519 public keys, 32 bytes each in `der`. */
  readonly simulated: readonly TrustRoot[];
}

/** Makes a root from a certificate in DER. */
export function createTrustRoot(name: string, der: Uint8Array): TrustRoot {
  return { name, der, sha256: toHex(sha256(der)) };
}
