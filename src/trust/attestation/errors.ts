/**
 * Errors of the attestation room. A verifier never throws them to its caller for bad evidence: they become refusals of
 * the verdict. They are thrown where the caller made a mistake (a policy that does not parse) or asks for what the gate
 * must not give (sending while it is closed).
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** What can be wrong with evidence, its collateral, a policy, or the state of the gate. */
export type AttestationErrorCode =
  // Decoding
  /** Truncated, over-long or otherwise undecodable. */
  | 'attestation/malformed'
  /** Well formed, but of a version, algorithm or kind that this verifier does not know. */
  | 'attestation/unsupported'
  // Signatures and chains
  | 'attestation/signature-invalid'
  /** The report of Intel's quoting enclave is not signed by the platform's certified key. */
  | 'attestation/qe-signature-invalid'
  /** The quoting enclave vouches for another attestation key than the one that signed the quote. */
  | 'attestation/key-not-bound'
  | 'attestation/chain-invalid'
  | 'attestation/untrusted-root'
  | 'attestation/certificate-expired'
  | 'attestation/certificate-revoked'
  /** The certificate vouches for another chip, product or TCB than the report names. */
  | 'attestation/endorsement-mismatch'
  // Collateral
  | 'attestation/collateral-invalid'
  | 'attestation/collateral-expired'
  | 'attestation/collateral-mismatch'
  | 'attestation/qe-identity-mismatch'
  /** The platform matches no TCB level of the vendor's list. */
  | 'attestation/tcb-unmatched'
  // Policy
  | 'attestation/tee-not-accepted'
  | 'attestation/debug-forbidden'
  | 'attestation/measurement-mismatch'
  | 'attestation/reference-invalid'
  | 'attestation/reference-not-logged'
  | 'attestation/tcb-too-old'
  | 'attestation/tcb-status-refused'
  | 'attestation/advisory-refused'
  | 'attestation/collateral-missing'
  | 'attestation/revocation-unchecked'
  | 'attestation/privilege-refused'
  | 'attestation/stale'
  | 'attestation/not-yet-valid'
  | 'attestation/nonce-mismatch'
  | 'attestation/binding-mismatch'
  | 'attestation/code-not-accepted'
  | 'attestation/simulated-refused'
  | 'attestation/policy-invalid'
  // Gate and sealing
  | 'attestation/gate-closed'
  | 'attestation/sealing-failed'
  // Devices
  | 'attestation/device-failed';

/** Thrown or reported for everything that keeps evidence from being believed. */
export class AttestationError extends SottoError<AttestationErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: AttestationErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}

/** Throws the error for input that cannot be decoded. */
export function malformed(message: string, cause?: unknown): never {
  throw new AttestationError('attestation/malformed', message, cause === undefined ? {} : { cause });
}
