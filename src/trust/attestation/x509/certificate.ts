/**
 * X.509 version 3 certificates, as far as attestation needs them. [RFC5280] §4
 *
 * @module
 */

import {
  BasicConstraints,
  Certificate as X509Certificate,
  type Extension as X509Extension,
  KeyUsage,
  type Name,
  Version,
} from '@peculiar/asn1-x509';

import { toHex } from '../../../foundations/crypto/index.ts';
import { malformed } from '../errors.ts';
import { decodeDer, elementsOf } from './der.ts';
import { rememberDecoded } from './memory.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature.ts';

/** One extension of a certificate or revocation list. */
export interface Extension {
  readonly critical: boolean;
  /** The content of its OCTET STRING. */
  readonly value: Uint8Array;
}

/** A decoded certificate. Nothing of it is verified. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** Content of the INTEGER, in hexadecimal. */
  readonly serial: string;
  /** Names as DER, which is how they are compared. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly issuerName: string;
  readonly subjectName: string;
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo as DER. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  /** Bits of the key usage extension, or undefined when there is none. */
  readonly keyUsage: ReadonlySet<number> | undefined;
}

/** Bits of the key usage extension. [RFC5280] §4.2.1.3 */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;
export const OID_BASIC_CONSTRAINTS = '2.5.29.19';
export const OID_KEY_USAGE = '2.5.29.15';

const KEY_USAGES = 9;
const REMEMBERED = 32;
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

/** Writes a Name as text in the order of its encoding. */
function describeName(name: Name): string {
  return name
    .map((set) => set.map(({ type, value }) => `${ATTRIBUTES[type] ?? type}=${value.toString()}`).join('+'))
    .join(', ');
}

/** Reads Extensions. @throws {AttestationError} when there are none, or one occurs twice. */
export function readExtensions(
  list: readonly X509Extension[] | undefined,
  what: string,
): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const { extnID, critical, extnValue } of list ?? []) {
    if (extensions.has(extnID)) malformed(`${what}: extension ${extnID} occurs twice`);
    extensions.set(extnID, { critical, value: new Uint8Array(extnValue.buffer) });
  }
  if (list?.length === 0) malformed(`${what}: empty extensions`);
  return extensions;
}

function readBasicConstraints(extension: Extension | undefined): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  if (extension === undefined) return { isAuthority: false, pathLength: undefined };
  const { cA, pathLenConstraint } = decodeDer(extension.value, BasicConstraints, 'basic constraints');
  // The library gives integers of more than three bytes as text.
  if (pathLenConstraint !== undefined && !(typeof pathLenConstraint === 'number' && pathLenConstraint >= 0)) {
    malformed(`basic constraints: path length ${String(pathLenConstraint)}`);
  }
  return { isAuthority: cA, pathLength: pathLenConstraint };
}

function readKeyUsage(extension: Extension | undefined): ReadonlySet<number> | undefined {
  if (extension === undefined) return undefined;
  const flags = decodeDer(extension.value, KeyUsage, 'key usage').toNumber();
  return new Set(Array.from({ length: KEY_USAGES }, (_, bit) => bit).filter((bit) => ((flags >> bit) & 1) === 1));
}

function decodeCertificate(der: Uint8Array, what: string): Certificate {
  const { tbsCertificate: tbs, ...outer } = decodeDer(der, X509Certificate, what);
  if (tbs.version !== Version.v3) malformed(`${what}: version 3 expected`);
  // [RFC5280] §4.1.1.2: both identifiers must be the same; the outer one is not signed.
  if (!outer.signatureAlgorithm.isEqual(tbs.signature)) malformed(`${what}: its two algorithms differ`);
  // Unique identifiers are obsolete and occur in no vendor's chain.
  if (tbs.issuerUniqueID ?? tbs.subjectUniqueID) malformed(`${what}: unexpected fields`);
  const extensions = readExtensions(tbs.extensions, `${what}, extensions`);
  const [signed] = elementsOf(der) as [Uint8Array];
  const [, , , issuer, , subject, spki] = elementsOf(signed);
  const names = tbs.subject.flat().filter(({ type }) => type === '2.5.4.3');
  return {
    der,
    tbs: signed,
    serial: toHex(new Uint8Array(tbs.serialNumber)),
    issuer: issuer as Uint8Array,
    subject: subject as Uint8Array,
    issuerName: describeName(tbs.issuer),
    subjectName: describeName(tbs.subject),
    commonName: names.at(-1)?.value.toString() ?? '',
    notBefore: tbs.validity.notBefore.getTime(),
    notAfter: tbs.validity.notAfter.getTime(),
    spki: spki as Uint8Array,
    signatureAlgorithm: readSignatureAlgorithm(tbs.signature, what),
    signature: new Uint8Array(outer.signatureValue),
    extensions,
    ...readBasicConstraints(extensions.get(OID_BASIC_CONSTRAINTS)),
    keyUsage: readKeyUsage(extensions.get(OID_KEY_USAGE)),
  };
}

const decode = rememberDecoded(decodeCertificate, REMEMBERED);

/**
 * Decodes a certificate.
 * @param der - exactly one certificate.
 * @param what - what it is, for messages.
 * @throws {AttestationError} `attestation/malformed` or `attestation/unsupported`.
 */
export function parseCertificate(der: Uint8Array, what = 'certificate'): Certificate {
  return decode(der, what);
}
