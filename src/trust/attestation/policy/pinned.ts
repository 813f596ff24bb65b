/**
 * What a policy pins, in the form in which verifiers take it: the publishers of reference values, the log in which those
 * must stand, and the public keys of token services.
 *
 * @module
 */

import { fromHex } from '../../../foundations/crypto/index.ts';
import { createReferenceLog, LogError, parseVerifierKey } from '../../log/index.ts';
import { AttestationError } from '../errors.ts';
import type { ReferenceLog, ReferenceSigner } from '../reference/signed-references.ts';
import { decodeBase64 } from '../text-encodings.ts';
import type { KeySet } from '../tokens/key-set.ts';
import type { AttestationPolicy } from './policy.ts';

/** The publishers whose reference values count. @throws {AttestationError} `attestation/malformed` for a broken key. */
export function pinnedSigners({ references }: AttestationPolicy): readonly ReferenceSigner[] {
  return (references?.signers ?? []).map((signer) =>
    signer.kind === 'ed25519'
      ? { kind: 'ed25519', name: signer.name, publicKey: fromHex(signer.publicKey) }
      : { kind: 'ecdsa', name: signer.name, spki: decodeBase64(signer.spki, `key of ${signer.name}`) },
  );
}

/**
 * The log that the policy names; undefined when it names none.
 * @throws {AttestationError} `attestation/policy-invalid` for a line that is no verifier key.
 */
export function pinnedLog({ references }: AttestationPolicy): ReferenceLog | undefined {
  const log = references?.log;
  if (log === undefined) return undefined;
  try {
    const verifiers = log.keys.map(parseVerifierKey);
    const own = verifiers.find(({ kind }) => kind === 'ed25519');
    if (own !== undefined) return createReferenceLog({ name: own.name, verifiers, witnesses: log.witnesses });
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    throw new AttestationError(
      'attestation/policy-invalid',
      `attestation policy: references.log.keys: ${cause.message}`,
      {
        cause,
      },
    );
  }
  throw new AttestationError(
    'attestation/policy-invalid',
    'attestation policy: references.log.keys: none of them is a log’s, all are of witnesses',
  );
}

/** The public keys of token services, as the policy pins them. */
export function pinnedTokenKeys({ tokens }: AttestationPolicy): { readonly gcp?: KeySet; readonly azure?: KeySet } {
  return {
    ...(tokens?.gcp === undefined ? {} : { gcp: tokens.gcp.keys as KeySet }),
    ...(tokens?.azure === undefined ? {} : { azure: tokens.azure.keys as KeySet }),
  };
}
