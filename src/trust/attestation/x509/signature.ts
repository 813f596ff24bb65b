/**
 * Signature algorithms of certificates, and their verification by WebCrypto, which Node and browsers share: ECDSA on
 * P-256, P-384 and P-521, RSASSA-PSS and RSASSA-PKCS1-v1_5. SHA-1 and everything else are refused.
 *
 * @module
 */

import { AttestationError, malformed } from '../errors.ts';
import { childrenOf, type DerNode, integerBytes, oidOf, readDer, sequenceOf, smallInteger, TAG } from './der.ts';

/** The hashes that are accepted. */
export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512';

/** A signature algorithm with its parameters. */
export type SignatureAlgorithm =
  | { readonly kind: 'ecdsa'; readonly hash: HashName }
  | { readonly kind: 'rsa-pss'; readonly hash: HashName; readonly saltBytes: number }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: HashName };

/** Elliptic curves of keys. */
export type CurveName = 'P-256' | 'P-384' | 'P-521';

const HASHES: Readonly<Record<string, HashName>> = {
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
};
const SIMPLE: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.10045.4.3.2': { kind: 'ecdsa', hash: 'SHA-256' },
  '1.2.840.10045.4.3.3': { kind: 'ecdsa', hash: 'SHA-384' },
  '1.2.840.10045.4.3.4': { kind: 'ecdsa', hash: 'SHA-512' },
  '1.2.840.113549.1.1.11': { kind: 'rsa-pkcs1', hash: 'SHA-256' },
  '1.2.840.113549.1.1.12': { kind: 'rsa-pkcs1', hash: 'SHA-384' },
  '1.2.840.113549.1.1.13': { kind: 'rsa-pkcs1', hash: 'SHA-512' },
};
const RSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const RSA_PUBLIC_KEY = '1.2.840.113549.1.1.1';
const CURVES: Readonly<Record<string, CurveName>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
};
/** Bytes of one coordinate. */
export const COORDINATE_BYTES: Readonly<Record<CurveName, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

/** Parameters of a plain identifier: absent or NULL. */
function expectNoParameters(node: DerNode | undefined, what: string): void {
  if (node !== undefined && (node.tag !== TAG.null || node.content.length > 0))
    malformed(`${what}: foreign parameters`);
}

function hashOf(node: DerNode | undefined, what: string): HashName {
  const [oid, parameters, ...rest] = sequenceOf(node, what);
  const name = oidOf(oid, what);
  const hash = HASHES[name];
  if (hash === undefined)
    throw new AttestationError('attestation/unsupported', `${what}: hash ${name} is not accepted`);
  expectNoParameters(parameters, what);
  if (rest.length > 0) malformed(`${what}: broken hash identifier`);
  return hash;
}

/** Reads RSASSA-PSS-params [RFC4055] §3.1; every field must be stated: the defaults are SHA-1. */
function readPssParameters(node: DerNode | undefined, what: string): SignatureAlgorithm {
  const fields = new Map<number, DerNode>();
  for (const field of sequenceOf(node, what)) {
    const [value, ...rest] = childrenOf(field, what);
    if (fields.has(field.tag) || value === undefined || rest.length > 0) malformed(`${what}: broken PSS parameters`);
    fields.set(field.tag, value);
  }
  const hash = hashOf(fields.get(0xa0), `${what}, PSS hash`);
  const [mgf, mgfHash, ...rest] = sequenceOf(fields.get(0xa1), `${what}, PSS mask`);
  if (oidOf(mgf, what) !== MGF1 || rest.length > 0 || hashOf(mgfHash, `${what}, PSS mask`) !== hash) {
    throw new AttestationError('attestation/unsupported', `${what}: PSS mask function is not MGF1 with the same hash`);
  }
  const saltBytes = smallInteger(fields.get(0xa2), `${what}, PSS salt`);
  const trailer = fields.get(0xa3);
  // AMD writes the default trailer out, against DER; its value must be 1 all the same.
  if (trailer !== undefined && smallInteger(trailer, `${what}, PSS trailer`) !== 1) malformed(`${what}: PSS trailer`);
  if (fields.size !== (trailer === undefined ? 3 : 4) || saltBytes > 64) malformed(`${what}: broken PSS parameters`);
  return { kind: 'rsa-pss', hash, saltBytes };
}

/** Reads an AlgorithmIdentifier of a signature. */
export function readSignatureAlgorithm(node: DerNode | undefined, what: string): SignatureAlgorithm {
  const [oid, parameters, ...rest] = sequenceOf(node, what);
  if (rest.length > 0) malformed(`${what}: broken algorithm identifier`);
  const name = oidOf(oid, what);
  if (name === RSA_PSS) return readPssParameters(parameters, what);
  const simple = SIMPLE[name];
  if (simple === undefined) {
    throw new AttestationError('attestation/unsupported', `${what}: signature algorithm ${name} is not accepted`);
  }
  expectNoParameters(parameters, what);
  return simple;
}

/** Reads which kind of key a SubjectPublicKeyInfo holds. */
export function readKeyKind(spki: Uint8Array, what: string): CurveName | 'RSA' {
  const [algorithm] = sequenceOf(readDer(spki, what), what);
  const [oid, parameters] = sequenceOf(algorithm, what);
  const name = oidOf(oid, what);
  if (name === RSA_PUBLIC_KEY) return 'RSA';
  const curve = name === EC_PUBLIC_KEY ? CURVES[oidOf(parameters, what)] : undefined;
  if (curve === undefined) throw new AttestationError('attestation/unsupported', `${what}: key type is not accepted`);
  return curve;
}

/** Turns the DER form of an ECDSA signature into r ‖ s of fixed width, or undefined when it is not minimal DER. */
function rawEcdsaSignature(signature: Uint8Array, coordinateBytes: number): Uint8Array | undefined {
  try {
    const parts = sequenceOf(readDer(signature, 'ECDSA signature'), 'ECDSA signature');
    if (parts.length !== 2) return undefined;
    const raw = new Uint8Array(2 * coordinateBytes);
    for (const [index, part] of parts.entries()) {
      let content = integerBytes(part, 'ECDSA signature');
      if ((content[0] as number) >= 0x80) return undefined;
      if (content[0] === 0) content = content.subarray(1);
      if (content.length > coordinateBytes) return undefined;
      raw.set(content, (index + 1) * coordinateBytes - content.length);
    }
    return raw;
  } catch {
    return undefined;
  }
}

async function verifyWith(
  spki: Uint8Array,
  algorithm: EcKeyImportParams | RsaHashedImportParams,
  use: AlgorithmIdentifier | EcdsaParams | RsaPssParams,
  { signature, data }: { readonly signature: Uint8Array; readonly data: Uint8Array },
): Promise<boolean> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    throw new AttestationError(
      'attestation/unsupported',
      'WebCrypto is missing: pages get it over HTTPS and on localhost',
    );
  }
  try {
    const key = await subtle.importKey('spki', spki as Uint8Array<ArrayBuffer>, algorithm, false, ['verify']);
    return await subtle.verify(use, key, signature as Uint8Array<ArrayBuffer>, data as Uint8Array<ArrayBuffer>);
  } catch {
    // A point off the curve, an even modulus: a key that signs nothing.
    return false;
  }
}

/** Verifies a signature in its X.509 form (ECDSA as DER). Resolves to false for whatever does not verify. */
export async function verifyX509Signature(
  algorithm: SignatureAlgorithm,
  spki: Uint8Array,
  signed: { readonly signature: Uint8Array; readonly data: Uint8Array },
): Promise<boolean> {
  const kind = readKeyKind(spki, 'public key');
  if (algorithm.kind === 'ecdsa') {
    if (kind === 'RSA') return false;
    const signature = rawEcdsaSignature(signed.signature, COORDINATE_BYTES[kind]);
    return signature !== undefined && verifyRawEcdsa(spki, algorithm.hash, { signature, data: signed.data });
  }
  if (kind !== 'RSA') return false;
  return algorithm.kind === 'rsa-pss'
    ? verifyWith(
        spki,
        { name: 'RSA-PSS', hash: algorithm.hash },
        { name: 'RSA-PSS', saltLength: algorithm.saltBytes },
        signed,
      )
    : verifyWith(spki, { name: 'RSASSA-PKCS1-v1_5', hash: algorithm.hash }, { name: 'RSASSA-PKCS1-v1_5' }, signed);
}

/** Verifies an ECDSA signature given as r ‖ s, big-endian, each of the width of the curve. */
export async function verifyRawEcdsa(
  spki: Uint8Array,
  hash: HashName,
  signed: { readonly signature: Uint8Array; readonly data: Uint8Array },
): Promise<boolean> {
  const curve = readKeyKind(spki, 'public key');
  if (curve === 'RSA' || signed.signature.length !== 2 * COORDINATE_BYTES[curve]) return false;
  return verifyWith(spki, { name: 'ECDSA', namedCurve: curve }, { name: 'ECDSA', hash }, signed);
}

// SubjectPublicKeyInfo headers for uncompressed points. [RFC5480]
const SPKI_PREFIX = {
  'P-256': '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
} as const;

/** Wraps the raw coordinates x ‖ y of a P-256 point. */
export function spkiFromP256Point(point: Uint8Array): Uint8Array {
  const prefix = SPKI_PREFIX['P-256'];
  const spki = new Uint8Array(prefix.length / 2 + 64);
  for (let i = 0; i < prefix.length / 2; i += 1) spki[i] = Number.parseInt(prefix.slice(2 * i, 2 * i + 2), 16);
  spki.set(point.subarray(0, 64), prefix.length / 2);
  return spki;
}
