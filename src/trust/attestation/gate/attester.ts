/**
 * The coordinator's side: answers challenges with evidence that binds its key, policy and code. The device is a driver
 * of the runtime; here it is a function.
 *
 * @module
 */

import { type AttestationBinding, computeReportData, computeTokenNonce } from '../binding.ts';
import { encodeEvidence, type Evidence } from '../evidence.ts';
import type { SignedReferences } from '../reference/signed-references.ts';
import type { AttestationAnswer } from './gate.ts';

/** What a device is asked to bind. */
export interface EvidenceRequest {
  /** 64 bytes for hardware reports and Nitro's user data. */
  readonly reportData: Uint8Array;
  /** For token services: 64 characters. */
  readonly tokenNonce: string;
  /** For fields of their own (Nitro). */
  readonly binding: AttestationBinding;
}

/** Makes evidence: a device driver of the runtime, or a simulation. */
export type EvidenceSource = (request: EvidenceRequest) => Promise<Evidence>;

/** What the attester speaks for. */
export interface AttesterOptions {
  readonly source: EvidenceSource;
  readonly publicKey: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  readonly references?: readonly SignedReferences[];
}

/** Answers one challenge. */
export async function answerChallenge(nonce: Uint8Array, options: AttesterOptions): Promise<AttestationAnswer> {
  const { source, publicKey, taskPolicyDigest, codeDigest, references } = options;
  const binding: AttestationBinding = { nonce, publicKey, taskPolicyDigest, codeDigest };
  const reportData = computeReportData(binding);
  const evidence = await source({ reportData, tokenNonce: computeTokenNonce(binding), binding });
  return { ...binding, evidence: encodeEvidence(evidence), ...(references ? { references } : {}) };
}
