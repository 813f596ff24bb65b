/**
 * Who a participant is: an Ed25519 identity that is pinned in the verifier's policy, or certified by an enrolment
 * authority that is not the coordinator. Where the coordinator itself admits participants, signatures hold the round
 * together but prove nothing about the coordinator, and every output says so.
 *
 * @module
 */

import { concatBytes, utf8, verifySignature, type SigningKey } from '../../foundations/crypto/index.ts';
import { SecAggError } from './errors.ts';

/** Whose word makes a participant real. */
export type SecAggAdmission =
  /** The coordinator's: enough against an honest-but-curious one only. */
  | { readonly kind: 'coordinator' }
  /** The verifier's own list of identity keys by participant id. */
  | { readonly kind: 'pinned'; readonly identities: ReadonlyMap<string, Uint8Array> }
  /** An enrolment authority, by its key and the scope it certifies for (the federation's name). */
  | { readonly kind: 'authority'; readonly authorityKey: Uint8Array; readonly scope: string };

/** A participant's own identity. */
export interface SecAggIdentity {
  readonly signingKey: SigningKey;
  /** 64 bytes from {@link issueCertificate}, where an authority admits. */
  readonly certificate?: Uint8Array;
}

function certificateMessage(scope: string, id: string, identityKey: Uint8Array): Uint8Array {
  const scopeBytes = utf8(scope);
  const idBytes = utf8(id);
  const lengths = new Uint8Array(8);
  new DataView(lengths.buffer).setUint32(0, scopeBytes.length, true);
  new DataView(lengths.buffer).setUint32(4, idBytes.length, true);
  return concatBytes(utf8('sotto/secagg/certificate/1'), lengths, scopeBytes, idBytes, identityKey);
}

/**
 * Certifies that `identityKey` belongs to participant `id` of a federation. What the authority checks before (a contract,
 * an attested device, one key a person) is what keeps Sybils out.
 */
export function issueCertificate(
  authority: SigningKey,
  { scope, id, identityKey }: { readonly scope: string; readonly id: string; readonly identityKey: Uint8Array },
): Uint8Array {
  return authority.sign(certificateMessage(scope, id, identityKey));
}

/**
 * Finds the key under which a participant's signatures must verify.
 * @throws {SecAggError} `secagg/bad-signature` when the admission does not know the participant.
 */
export function admittedKey(
  admission: SecAggAdmission,
  claim: { readonly id: string; readonly identityKey?: Uint8Array; readonly certificate?: Uint8Array },
): Uint8Array {
  const refused = (why: string) =>
    new SecAggError('secagg/bad-signature', `participant "${claim.id}" is not admitted: ${why}`, {
      details: { participants: [claim.id] },
    });
  if (admission.kind === 'pinned') {
    const key = admission.identities.get(claim.id);
    if (key === undefined) throw refused('its identity is not pinned');
    return key;
  }
  if (claim.identityKey === undefined) throw refused('it shows no identity key');
  if (admission.kind === 'coordinator') return claim.identityKey;
  const message = certificateMessage(admission.scope, claim.id, claim.identityKey);
  if (claim.certificate === undefined || !verifySignature(admission.authorityKey, message, claim.certificate)) {
    throw refused('its certificate does not verify');
  }
  return claim.identityKey;
}
