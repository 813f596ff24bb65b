/**
 * Signature algorithms of certificates, and their verification by WebCrypto, which Node and browsers share: ECDSA on
 * P-256, P-384 and P-521, RSASSA-PSS and RSASSA-PKCS1-v1_5. SHA-1 and everything else are refused.
 *
 * @module
 */

import { AsnPropTypes } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier as X509Algorithm } from '@peculiar/asn1-x509';

import { toHex } from '../../../foundations/crypto/index.ts';
import { AttestationError, malformed } from '../errors.ts';
import { assertDer, decodeDer, describeSequence, elementsOf } from './der.ts';

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
/** Kinds of keys by the DER of their AlgorithmIdentifier. [RFC5480] §2.1.1, [RFC4055] §1.2 */
const KEYS: Readonly<Record<string, CurveName | 'RSA'>> = {
  '301306072a8648ce3d020106082a8648ce3d030107': 'P-256',
  '301006072a8648ce3d020106052b81040022': 'P-384',
  '301006072a8648ce3d020106052b81040023': 'P-521',
  '300d06092a864886f70d0101010500': 'RSA',
};
const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** Bytes of one coordinate. */
const COORDINATE_BYTES: Readonly<Record<CurveName, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

/** RSASSA-PSS-params [RFC4055] §3.1; every field must be stated but the last: the defaults are SHA-1. */
class PssParameters {
  hashAlgorithm = new X509Algorithm();
  maskGenAlgorithm = new X509Algorithm();
  saltLength = 0;
  trailerField: number | undefined;
}
describeSequence(PssParameters, {
  hashAlgorithm: { type: X509Algorithm, context: 0 },
  maskGenAlgorithm: { type: X509Algorithm, context: 1 },
  saltLength: { type: AsnPropTypes.Integer, context: 2 },
  trailerField: { type: AsnPropTypes.Integer, context: 3, optional: true },
});

/** Parameters of a plain identifier: absent or NULL. */
function expectNoParameters({ algorithm, parameters }: X509Algorithm, what: string): void {
  if (parameters) malformed(`${what}: foreign parameters of ${algorithm}`);
}

function hashOf(identifier: X509Algorithm, what: string): HashName {
  const hash = HASHES[identifier.algorithm];
  if (hash === undefined) {
    throw new AttestationError('attestation/unsupported', `${what}: hash ${identifier.algorithm} is not accepted`);
  }
  expectNoParameters(identifier, what);
  return hash;
}

function readPssParameters(parameters: Uint8Array, what: string): SignatureAlgorithm {
  const pss = decodeDer(parameters, PssParameters, `${what}, PSS parameters`);
  const hash = hashOf(pss.hashAlgorithm, `${what}, PSS hash`);
  const { algorithm, parameters: maskHash } = pss.maskGenAlgorithm;
  const mask = decodeDer(new Uint8Array(maskHash ?? []), X509Algorithm, `${what}, PSS mask`);
  if (algorithm !== MGF1 || hashOf(mask, `${what}, PSS mask`) !== hash) {
    throw new AttestationError('attestation/unsupported', `${what}: PSS mask function is not MGF1 with the same hash`);
  }
  // AMD writes the default trailer out, against DER; its value must be 1 all the same.
  if (pss.trailerField !== undefined && pss.trailerField !== 1) malformed(`${what}: PSS trailer`);
  if (!(pss.saltLength >= 0 && pss.saltLength <= 64)) malformed(`${what}: PSS salt of ${pss.saltLength} bytes`);
  return { kind: 'rsa-pss', hash, saltBytes: pss.saltLength };
}

/** Reads which algorithm an identifier names. */
export function readSignatureAlgorithm(identifier: X509Algorithm, what: string): SignatureAlgorithm {
  const { algorithm, parameters } = identifier;
  if (algorithm === RSA_PSS) return readPssParameters(new Uint8Array(parameters ?? []), what);
  const simple = SIMPLE[algorithm];
  if (simple === undefined) {
    throw new AttestationError('attestation/unsupported', `${what}: signature algorithm ${algorithm} is not accepted`);
  }
  expectNoParameters(identifier, what);
  return simple;
}

/** Reads which kind of key a SubjectPublicKeyInfo holds. */
export function readKeyKind(spki: Uint8Array, what: string): CurveName | 'RSA' {
  assertDer(spki, what);
  const [algorithm = new Uint8Array(0)] = elementsOf(spki);
  const kind = KEYS[toHex(algorithm)];
  if (kind === undefined) throw new AttestationError('attestation/unsupported', `${what}: key type is not accepted`);
  return kind;
}

/** Turns the DER form of an ECDSA signature ([RFC5480] appendix A) into r ‖ s of fixed width, or undefined when it is not minimal DER. */
function rawEcdsaSignature(signature: Uint8Array, coordinateBytes: number): Uint8Array | undefined {
  try {
    assertDer(signature, 'ECDSA signature');
    const integers = elementsOf(signature);
    if (signature[0] !== SEQUENCE || integers.length !== 2) return undefined;
    const raw = new Uint8Array(2 * coordinateBytes);
    for (const [index, integer] of integers.entries()) {
      // Shorter than 128 bytes, so that its header has two.
      let content = integer.subarray(2);
      if (integer[0] !== INTEGER || content.length > coordinateBytes + 1 || (content[0] as number) >= 0x80)
        return undefined;
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
