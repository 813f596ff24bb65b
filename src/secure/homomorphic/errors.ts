/**
 * Errors of homomorphic encryption. Messages never contain keys, plaintexts or randomness.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** What can go wrong with encrypted vectors. */
export type HomomorphicErrorCode =
  /** A ciphertext was made under another key. */
  | 'homomorphic/wrong-key'
  /** Ciphertexts of different contexts, layouts or lengths. */
  | 'homomorphic/mixed-contexts'
  /** A value, a sum or a product does not fit its slot. */
  | 'homomorphic/overflow'
  /** The optional library of a scheme is not installed. */
  | 'homomorphic/library-missing'
  /** Parameters below the security level. */
  | 'homomorphic/insecure-parameters'
  /** No parameters give the wanted precision, range and depth. */
  | 'homomorphic/no-parameters'
  /** Bytes that are not a key, ciphertext or share of the scheme. */
  | 'homomorphic/malformed'
  /** Fewer signed contributions, or decryption shares, than the threshold. */
  | 'homomorphic/too-few'
  /** A contribution whose signature does not verify, or that is there twice. */
  | 'homomorphic/unsigned'
  /** The sum to decrypt is not the sum of the signed contributions. */
  | 'homomorphic/sum-mismatch'
  /** The key holder opens one sum a round. */
  | 'homomorphic/already-decrypted'
  /** The scheme, or this context of it, cannot do that. */
  | 'homomorphic/unsupported';

/** Thrown when an operation on ciphertexts is refused. */
export class HomomorphicError extends SottoError<HomomorphicErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: HomomorphicErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
