/**
 * Binding of evidence to a conversation: the report data carry the hash of the participant's nonce, the coordinator's
 * HPKE key, the digest of the task's policy and the digest of the code. Whoever sees its own nonce under that hash knows
 * that the environment holds the key now, and runs that code under that policy.
 *
 * @module
 */

import { sha512 } from '@noble/hashes/sha2.js';

import { assertBytes, concatBytes, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { AttestationError } from './errors.ts';
import type { AttestationResult } from './result.ts';
import { encodeBase64, encodeBase64Url } from './text-encodings.ts';

/** What evidence is bound to. */
export interface AttestationBinding {
  /** The participant's, 32 fresh bytes. */
  readonly nonce: Uint8Array;
  /** The coordinator's HPKE key, raw X25519. */
  readonly publicKey: Uint8Array;
  /** SHA-256 of the task's policy: model, mechanism, cohort, budget. */
  readonly taskPolicyDigest: Uint8Array;
  /** SHA-256 of the code that aggregates. */
  readonly codeDigest: Uint8Array;
}

export const NONCE_BYTES = 32;
const DIGEST_BYTES = 32;
const LABEL = utf8('sotto/attestation/binding/v1');

function withLength(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concatBytes(length, bytes);
}

/** @throws {RangeError} when a part has another length. */
export function assertBinding(binding: AttestationBinding): void {
  assertBytes(binding.nonce, 'nonce', NONCE_BYTES);
  assertBytes(binding.publicKey, 'publicKey', 32);
  assertBytes(binding.taskPolicyDigest, 'taskPolicyDigest', DIGEST_BYTES);
  assertBytes(binding.codeDigest, 'codeDigest', DIGEST_BYTES);
}

/**
 * Computes the 64 bytes of report data: SHA-512 of a label and the four parts, each behind its length.
 * @throws {RangeError} when a part has another length.
 */
export function computeReportData(binding: AttestationBinding): Uint8Array {
  assertBinding(binding);
  const { nonce, publicKey, taskPolicyDigest, codeDigest } = binding;
  return sha512(concatBytes(LABEL, ...[nonce, publicKey, taskPolicyDigest, codeDigest].map(withLength)));
}

/** The same for tokens, whose nonces are short texts: the first half of the report data, in hexadecimal. */
export function computeTokenNonce(binding: AttestationBinding): string {
  return toHex(computeReportData(binding).subarray(0, 32));
}

/**
 * A convention met in the field: SHA-512 of nonce and key.
 * @returns 64 bytes.
 */
export function computeNonceKeyReportData(nonce: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return sha512(concatBytes(nonce, publicKey));
}

const mismatch = (message: string): never => {
  throw new AttestationError('attestation/binding-mismatch', message);
};

/** Whether one of a token's nonces means these bytes, as hexadecimal or base64. */
function carriesNonce(reportData: string, nonce: Uint8Array): boolean {
  const forms = new Set([toHex(nonce), encodeBase64(nonce), encodeBase64Url(nonce)]);
  return reportData.split(' ').some((text) => forms.has(text) || forms.has(text.toLowerCase()));
}

/**
 * Checks that evidence carries the given bytes where its kind carries report data.
 * @param expected - 64 bytes; for tokens, their first 32 may stand as hexadecimal or base64 text.
 * @throws {AttestationError} `attestation/binding-mismatch`.
 */
export function assertReportData(result: AttestationResult, expected: Uint8Array): void {
  switch (result.tee) {
    case 'gcp-confidential-space':
      if (!carriesTokenNonce(result.reportData, expected)) mismatch('no nonce of the token is the expected one');
      return;
    case 'azure-sev-snp':
    case 'azure-tdx':
    case 'azure-sgx':
      if (result.reportData.split(' ')[0] !== toHex(expected) && !carriesTokenNonce(result.reportData, expected)) {
        mismatch('neither report data nor runtime data of the token are the expected ones');
      }
      return;
    default:
      if (result.reportData !== toHex(expected)) mismatch('the report data are not the expected ones');
  }
}

/** Azure's guest library takes the nonce as text and writes that text in base64. */
function carriesTokenNonce(reportData: string, expected: Uint8Array): boolean {
  const half = expected.subarray(0, 32);
  return carriesNonce(reportData, half) || carriesNonce(reportData, utf8(toHex(half)));
}

/**
 * Checks evidence against the whole binding, also in the fields that Nitro documents carry apart.
 * @throws {AttestationError} `attestation/binding-mismatch`, `attestation/nonce-mismatch`.
 */
export function assertBound(result: AttestationResult, binding: AttestationBinding): void {
  assertReportData(result, computeReportData(binding));
  if (result.nonce !== undefined && result.nonce !== '' && result.nonce !== toHex(binding.nonce)) {
    throw new AttestationError('attestation/nonce-mismatch', "the document's nonce is another one");
  }
  if (result.publicKey !== undefined && result.publicKey !== '' && result.publicKey !== toHex(binding.publicKey)) {
    mismatch("the document's public key is another one");
  }
}

/**
 * Checks that evidence carries a nonce by itself: as its report data (zero padded), its own nonce field, or a token's.
 * @throws {AttestationError} `attestation/nonce-mismatch`.
 */
export function assertPlainNonce(result: AttestationResult, nonce: Uint8Array): void {
  if (nonce.length === 0) throw new AttestationError('attestation/nonce-mismatch', 'an empty nonce proves nothing');
  const wanted = toHex(nonce);
  const own = result.nonce !== undefined && result.nonce !== '' ? result.nonce : result.reportData;
  const hardware = /^[0-9a-f]*$/.test(own) && own.length >= wanted.length && own === wanted.padEnd(own.length, '0');
  const token = result.tee.startsWith('gcp') || result.tee.startsWith('azure');
  if (hardware || (token && carriesNonce(result.reportData, nonce))) return;
  throw new AttestationError('attestation/nonce-mismatch', 'the evidence does not carry the nonce');
}
