/**
 * X.509 version 3 certificates, as far as attestation needs them. [RFC5280] §4
 *
 * @module
 */

import { equalBytes, toHex } from '../../../foundations/crypto/index.ts';
import { malformed } from '../errors.ts';
import {
  bitStringBytes,
  booleanOf,
  childrenOf,
  type DerNode,
  expectTag,
  integerBytes,
  namedBits,
  oidOf,
  readDer,
  sequenceOf,
  smallInteger,
  stringOf,
  TAG,
  timeOf,
} from './der.ts';
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

const MAX_CERTIFICATE_BYTES = 16_384;
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

/** Reads a Name as text in the order of its encoding. */
function readName(node: DerNode | undefined, what: string): { readonly text: string; readonly commonName: string } {
  let commonName = '';
  const parts = sequenceOf(node, what).map((set) =>
    childrenOf(expectTag(set, TAG.set, what), what)
      .map((pair) => {
        const [oid, value, ...rest] = sequenceOf(pair, what);
        if (rest.length > 0) malformed(`${what}: broken name`);
        const name = oidOf(oid, what);
        const text = stringOf(value, what);
        if (name === '2.5.4.3') commonName = text;
        return `${ATTRIBUTES[name] ?? name}=${text}`;
      })
      .join('+'),
  );
  return { text: parts.join(', '), commonName };
}

/** Reads Extensions. @throws {AttestationError} when one occurs twice. */
export function readExtensions(node: DerNode, what: string): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  const [list, ...rest] = childrenOf(node, what);
  if (rest.length > 0) malformed(`${what}: broken extensions`);
  for (const item of sequenceOf(list, what)) {
    const fields = sequenceOf(item, what);
    const oid = oidOf(fields[0], what);
    const hasFlag = fields[1]?.tag === TAG.boolean;
    const critical = hasFlag && booleanOf(fields[1], what);
    if (fields.length !== (hasFlag ? 3 : 2)) malformed(`${what}: broken extension ${oid}`);
    if (extensions.has(oid)) malformed(`${what}: extension ${oid} occurs twice`);
    extensions.set(oid, { critical, value: expectTag(fields.at(-1), TAG.octetString, what).content });
  }
  if (extensions.size === 0) malformed(`${what}: empty extensions`);
  return extensions;
}

function readBasicConstraints(extension: Extension | undefined): {
  authority: boolean;
  pathLength: number | undefined;
} {
  if (extension === undefined) return { authority: false, pathLength: undefined };
  const fields = sequenceOf(readDer(extension.value, 'basic constraints'), 'basic constraints');
  const authority = fields[0]?.tag === TAG.boolean && booleanOf(fields[0], 'basic constraints');
  const rest = fields[0]?.tag === TAG.boolean ? fields.slice(1) : fields;
  if (rest.length > 1) malformed('basic constraints: too many fields');
  return { authority, pathLength: rest.length === 1 ? smallInteger(rest[0], 'path length') : undefined };
}

/**
 * Decodes a certificate.
 * @param der - exactly one certificate.
 * @param what - what it is, for messages.
 * @throws {AttestationError} `attestation/malformed` or `attestation/unsupported`.
 */
export function parseCertificate(der: Uint8Array, what = 'certificate'): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) malformed(`${what}: longer than ${MAX_CERTIFICATE_BYTES} bytes`);
  const [tbs, outerAlgorithm, signature, ...rest] = sequenceOf(readDer(der, what), what);
  if (rest.length > 0) malformed(`${what}: too many fields`);
  const fields = sequenceOf(tbs, what);
  const version = expectTag(fields[0], 0xa0, `${what}, version`);
  if (smallInteger(readDer(version.content, what), `${what}, version`) !== 2) malformed(`${what}: version 3 expected`);
  const [, serial, innerAlgorithm, issuer, validity, subject, spki, ...optional] = fields;
  // [RFC5280] §4.1.1.2: both identifiers must be the same; the outer one is not signed.
  if (outerAlgorithm === undefined || innerAlgorithm === undefined) malformed(`${what}: no algorithm`);
  if (!equalBytes(outerAlgorithm.raw, innerAlgorithm.raw)) malformed(`${what}: its two algorithms differ`);
  const [notBefore, notAfter, ...more] = sequenceOf(validity, `${what}, validity`);
  if (more.length > 0) malformed(`${what}: broken validity`);
  // Unique identifiers ([1], [2]) are obsolete and occur in no vendor's chain: only [3] extensions may follow.
  if (optional.length > 1) malformed(`${what}: unexpected fields`);
  const extensions = optional[0]
    ? readExtensions(expectTag(optional[0], 0xa3, `${what}, extensions`), `${what}, extensions`)
    : new Map<string, Extension>();
  const usage = extensions.get(OID_KEY_USAGE);
  const constraints = readBasicConstraints(extensions.get(OID_BASIC_CONSTRAINTS));
  const subjectName = readName(subject, `${what}, subject`);
  return {
    der,
    tbs: (tbs as DerNode).raw,
    serial: toHex(integerBytes(serial, `${what}, serial`)),
    issuer: (issuer as DerNode).raw,
    subject: (subject as DerNode).raw,
    issuerName: readName(issuer, `${what}, issuer`).text,
    subjectName: subjectName.text,
    commonName: subjectName.commonName,
    notBefore: timeOf(notBefore, `${what}, validity`),
    notAfter: timeOf(notAfter, `${what}, validity`),
    spki: expectTag(spki, TAG.sequence, `${what}, public key`).raw,
    signatureAlgorithm: readSignatureAlgorithm(innerAlgorithm, what),
    signature: bitStringBytes(signature, `${what}, signature`),
    extensions,
    isAuthority: constraints.authority,
    pathLength: constraints.pathLength,
    keyUsage: usage ? namedBits(readDer(usage.value, 'key usage'), 'key usage') : undefined,
  };
}
