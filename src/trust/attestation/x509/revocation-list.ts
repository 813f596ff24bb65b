/**
 * Certificate revocation lists, version 2. [RFC5280] §5
 *
 * @module
 */

import { CertificateList } from '@peculiar/asn1-x509';

import { equalBytes, toHex } from '../../../foundations/crypto/index.ts';
import { AttestationError, malformed } from '../errors.ts';
import { type Certificate, type Extension, KEY_USAGE, readExtensions } from './certificate.ts';
import { decodeDer, elementsOf } from './der.ts';
import { rememberDecoded } from './memory.ts';
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
/** Some 5,000 entries, where the longest list at hand has 44: a list is decoded before its signature is checked. */
const MAX_LIST_BYTES = 1 << 18;
/** Version 2. */
const VERSION = 1;
const REMEMBERED = 8;

function decodeList(der: Uint8Array, what: string): RevocationList {
  const { tbsCertList: tbs, ...outer } = decodeDer(der, CertificateList, what, {
    maxBytes: MAX_LIST_BYTES,
  });
  if (tbs.version !== VERSION) malformed(`${what}: version 2 expected`);
  if (!outer.signatureAlgorithm.isEqual(tbs.signature)) malformed(`${what}: its two algorithms differ`);
  if (tbs.nextUpdate === undefined) malformed(`${what}: no time of the next one`);
  const [signed] = elementsOf(der) as [Uint8Array];
  return {
    der,
    tbs: signed,
    issuer: elementsOf(signed)[2] as Uint8Array,
    thisUpdate: tbs.thisUpdate.getTime(),
    nextUpdate: tbs.nextUpdate.getTime(),
    revoked: new Set(tbs.revokedCertificates?.map(({ userCertificate }) => toHex(new Uint8Array(userCertificate)))),
    extensions: readExtensions(tbs.crlExtensions, `${what}, extensions`),
    signatureAlgorithm: readSignatureAlgorithm(tbs.signature, what),
    signature: new Uint8Array(outer.signature),
  };
}

const decode = rememberDecoded(decodeList, REMEMBERED);

/**
 * Decodes a list.
 * @throws {AttestationError} `attestation/malformed` or `attestation/unsupported`.
 */
export function parseRevocationList(der: Uint8Array, what = 'revocation list'): RevocationList {
  return decode(der, what);
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
