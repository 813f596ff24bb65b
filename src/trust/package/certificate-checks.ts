/**
 * What key, X.509 and keyless signatures check alike: the envelope under a key, and certificates made for signing code.
 *
 * @module
 */

import {
  AttestationError,
  type Certificate,
  dssePreAuthentication,
  readExtendedKeyUsage,
  readKeyKind,
  verifyX509Signature,
} from '../attestation/index.ts';
import type { SignatureBundle } from './bundle.ts';
import { type PackageErrorCode, refuse } from './errors.ts';
import { HASH_OF_CURVE } from './keys.ts';

const OID_CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

const BY_ATTESTATION_CODE: Readonly<Record<string, PackageErrorCode>> = {
  'attestation/certificate-expired': 'package/certificate-expired',
  'attestation/untrusted-root': 'package/untrusted-root',
  'attestation/chain-invalid': 'package/chain-invalid',
};

/** Runs a check of certificates; its refusals become ours. */
export async function checkingCertificates<T>(file: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    const critical = error.message.includes('unknown critical extension');
    const code = critical
      ? 'package/unknown-critical-extension'
      : (BY_ATTESTATION_CODE[error.code] ?? 'package/chain-invalid');
    return refuse(code, file, error.message);
  }
}

/** @throws {PackageError} `package/certificate-usage` unless the certificate may sign code. */
export function assertCodeSigning(leaf: Certificate, file: string): void {
  const purposes = readExtendedKeyUsage(leaf);
  if (!purposes.includes(OID_CODE_SIGNING) || !(leaf.keyUsage?.has(0) ?? false)) {
    refuse('package/certificate-usage', file, `the certificate of ${leaf.subjectName} is not for signing code`);
  }
}

/** Verifies the envelope with a key. @throws {PackageError} `package/signature-invalid`. */
export async function assertEnvelope(bundle: SignatureBundle, spki: Uint8Array, file: string): Promise<void> {
  const data = dssePreAuthentication(bundle.payloadType, bundle.payload);
  const kind = readKeyKind(spki, 'signing key');
  const algorithm =
    kind === 'RSA'
      ? ({ kind: 'rsa-pkcs1', hash: 'SHA-256' } as const)
      : ({ kind: 'ecdsa', hash: HASH_OF_CURVE[kind] } as const);
  if (kind === 'RSA' || !(await verifyX509Signature(algorithm, spki, { signature: bundle.signature, data }))) {
    refuse('package/signature-invalid', file, 'the signature does not fit what it is to have signed');
  }
}
