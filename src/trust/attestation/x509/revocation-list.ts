/**
 * Certificate revocation lists, version 2. [RFC5280] §5
 *
 * @module
 */

import { equalBytes, toHex } from '../../../foundations/crypto/index.ts';
import { AttestationError, malformed } from '../errors.ts';
import { type Certificate, type Extension, KEY_USAGE, readExtensions } from './certificate.ts';
import {
  bitStringBytes,
  childrenOf,
  type DerNode,
  integerBytes,
  readDer,
  sequenceOf,
  smallInteger,
  TAG,
  timeOf,
} from './der.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm, verifyX509Signature } from './signature.ts';

/** A decoded list. Nothing of it is verified. */
export interface RevocationList {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Serial numbers as hexadecimal contents of INTEGERs. */
  readonly revoked: ReadonlySet<string>;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** CRL number and authority key identifier say nothing that changes the meaning of an entry. */
const OID_ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const MAX_LIST_BYTES = 2 << 20;

/**
 * Decodes a list.
 * @throws {AttestationError} `attestation/malformed` or `attestation/unsupported`.
 */
export function parseRevocationList(der: Uint8Array, what = 'revocation list'): RevocationList {
  if (der.length > MAX_LIST_BYTES) malformed(`${what}: longer than ${MAX_LIST_BYTES} bytes`);
  const [tbs, outerAlgorithm, signature, ...rest] = sequenceOf(readDer(der, what), what);
  if (rest.length > 0) malformed(`${what}: too many fields`);
  const [version, innerAlgorithm, issuer, thisUpdate, nextUpdate, ...optional] = sequenceOf(tbs, what);
  if (smallInteger(version, `${what}, version`) !== 1) malformed(`${what}: version 2 expected`);
  if (outerAlgorithm === undefined || innerAlgorithm === undefined) malformed(`${what}: no algorithm`);
  if (!equalBytes(outerAlgorithm.raw, innerAlgorithm.raw)) malformed(`${what}: its two algorithms differ`);
  const revoked = new Set<string>();
  let extensions: ReadonlyMap<string, Extension> = new Map();
  if (optional[0]?.tag === TAG.sequence) {
    for (const entry of childrenOf(optional.shift() as DerNode, what)) {
      const [serial, date] = sequenceOf(entry, `${what}, entry`);
      timeOf(date, `${what}, entry`);
      revoked.add(toHex(integerBytes(serial, `${what}, entry`)));
    }
  }
  if (optional[0]?.tag === 0xa0) extensions = readExtensions(optional.shift() as DerNode, `${what}, extensions`);
  if (optional.length > 0) malformed(`${what}: unexpected fields`);
  return {
    der,
    tbs: (tbs as DerNode).raw,
    issuer: (issuer as DerNode | undefined)?.raw ?? malformed(`${what}: no issuer`),
    thisUpdate: timeOf(thisUpdate, `${what}, time`),
    nextUpdate: timeOf(nextUpdate, `${what}, time`),
    revoked,
    extensions,
    signatureAlgorithm: readSignatureAlgorithm(innerAlgorithm, what),
    signature: bitStringBytes(signature, `${what}, signature`),
  };
}

/**
 * Checks that `issuer` signed the list and that it is in force.
 * @throws {AttestationError} `attestation/collateral-invalid`, `attestation/collateral-expired`,
 *   `attestation/unsupported` for a list that covers a part only.
 */
export async function assertListInForce(
  list: RevocationList,
  { issuer, at, what }: { readonly issuer: Certificate; readonly at: Date; readonly what: string },
): Promise<void> {
  if (!equalBytes(list.issuer, issuer.subject)) {
    throw new AttestationError('attestation/collateral-invalid', `${what} is not issued by ${issuer.commonName}`);
  }
  if (!(issuer.keyUsage?.has(KEY_USAGE.crlSign) ?? true)) {
    throw new AttestationError('attestation/collateral-invalid', `${issuer.commonName} may not sign revocation lists`);
  }
  for (const [oid, { critical }] of list.extensions) {
    if (critical || oid === OID_ISSUING_DISTRIBUTION_POINT) {
      throw new AttestationError('attestation/unsupported', `${what} has the critical extension ${oid}`);
    }
  }
  const signed = { signature: list.signature, data: list.tbs };
  if (!(await verifyX509Signature(list.signatureAlgorithm, issuer.spki, signed))) {
    throw new AttestationError('attestation/collateral-invalid', `${what} is not signed by ${issuer.commonName}`);
  }
  if (at < list.thisUpdate || at > list.nextUpdate) {
    throw new AttestationError(
      'attestation/collateral-expired',
      `${what} is in force from ${list.thisUpdate.toISOString()} to ${list.nextUpdate.toISOString()}, not at ${at.toISOString()}`,
    );
  }
}

/** @throws {AttestationError} `attestation/certificate-revoked`. */
export function assertNotRevoked(certificate: Certificate, list: RevocationList): void {
  if (equalBytes(list.issuer, certificate.issuer) && list.revoked.has(certificate.serial)) {
    throw new AttestationError('attestation/certificate-revoked', `${certificate.subjectName} is revoked`, {
      details: { serial: certificate.serial },
    });
  }
}
