/**
 * Sealing of contributions to the attested key: HPKE [RFC9180] in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. The digest of the task's policy is the `info`: what was sealed under one policy opens under no other.
 *
 * @module
 */

import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke';

import { assertBytes, concatBytes } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { encodeCbor } from './cbor.ts';
import { AttestationError } from './errors.ts';

/** Where a sealed contribution belongs; authenticated, not hidden. */
export interface SealContext {
  /** SHA-256 of the task's policy; 32 bytes. */
  readonly policyDigest: Uint8Array;
  readonly taskId: string;
  readonly round: number;
  /** The participant's pseudonym. */
  readonly participant: string;
}

/** The key inside the trusted environment. */
export interface SealingKey {
  /** Raw X25519, 32 bytes: the part that the evidence binds. */
  readonly publicKey: Uint8Array;
  /**
   * Opens a sealed contribution.
   * @throws {AttestationError} `attestation/sealing-failed` when key, policy, task, round or sender differ, or a byte.
   */
  open(sealed: Uint8Array, context: SealContext): Promise<Uint8Array>;
}

/** Bytes that sealing adds: the encapsulated key and the tag. */
export const SEALED_OVERHEAD_BYTES = 32 + 16;
const ENCAPSULATED_BYTES = 32;

const createSuite = () => new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

function associatedData({ taskId, round, participant }: SealContext): Uint8Array {
  return encodeCbor(['sotto/attestation/contribution/v1', taskId, round, participant]);
}

/** Draws the key of a trusted environment. */
export async function createSealingKey(rng: Rng): Promise<SealingKey> {
  const suite = createSuite();
  const pair = await suite.DeriveKeyPair(rng.bytes(32));
  const publicKey = await suite.SerializePublicKey(pair.publicKey);
  return {
    publicKey,
    async open(sealed, context) {
      assertBytes(context.policyDigest, 'policyDigest', 32);
      if (sealed.length < SEALED_OVERHEAD_BYTES) {
        throw new AttestationError('attestation/sealing-failed', 'the sealed contribution is too short');
      }
      try {
        return await suite.Open(pair, sealed.subarray(0, ENCAPSULATED_BYTES), sealed.subarray(ENCAPSULATED_BYTES), {
          info: context.policyDigest,
          aad: associatedData(context),
        });
      } catch (cause) {
        throw new AttestationError('attestation/sealing-failed', 'the sealed contribution does not open', { cause });
      }
    },
  };
}

/**
 * Seals a contribution to an attested key.
 * @param contribution - the bytes to hide.
 * @param publicKey - raw X25519, as the evidence bound it.
 * @returns the encapsulated key followed by the ciphertext.
 * @throws {AttestationError} `attestation/sealing-failed` when the key is no usable one.
 */
export async function sealContribution(
  contribution: Uint8Array,
  { publicKey, ...context }: SealContext & { readonly publicKey: Uint8Array },
): Promise<Uint8Array> {
  assertBytes(publicKey, 'publicKey', 32);
  assertBytes(context.policyDigest, 'policyDigest', 32);
  const suite = createSuite();
  try {
    const key = await suite.DeserializePublicKey(publicKey);
    const options = { info: context.policyDigest, aad: associatedData(context) };
    const { encapsulatedSecret, ciphertext } = await suite.Seal(key, contribution, options);
    return concatBytes(encapsulatedSecret, ciphertext);
  } catch (cause) {
    throw new AttestationError('attestation/sealing-failed', 'the attested key cannot be sealed to', { cause });
  }
}
