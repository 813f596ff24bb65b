/**
 * Keys of model signatures: ECDSA on P-256, P-384 and P-521 with the hash that goes with the curve, through WebCrypto.
 *
 * @module
 */

import { concatBytes, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { decodeBase64, encodeBase64, readKeyKind } from '../attestation/index.ts';
import { refuse } from './errors.ts';

/** Hash of a signature by the curve of its key, as the model-signing tools pair them. */
export const HASH_OF_CURVE = { 'P-256': 'SHA-256', 'P-384': 'SHA-384', 'P-521': 'SHA-512' } as const;

/** Reads every block of one label from PEM text. @throws {PackageError} `package/signature-malformed`. */
export function decodePem(text: string, label: string, file: string): readonly Uint8Array[] {
  const blocks = [...text.matchAll(new RegExp(`-----BEGIN ${label}-----([^-]+)-----END ${label}-----`, 'g'))];
  if (blocks.length === 0) refuse('package/signature-malformed', file, `there is no PEM block ${label} in it`);
  return blocks.map(([, body = '']) => {
    try {
      return decodeBase64(body.replaceAll(/\s+/g, ''), label);
    } catch (cause) {
      return refuse('package/signature-malformed', file, `its ${label} is not base64`, cause);
    }
  });
}

/** Writes a public key as PEM the way OpenSSL does: lines of 64. */
export function encodePublicKeyPem(spki: Uint8Array): string {
  const lines = encodeBase64(spki).match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`;
}

/** How a bundle names a key: SHA-256 of its PEM text. [OMS] */
export function keyHint(spki: Uint8Array): string {
  return toHex(sha256(utf8(encodePublicKeyPem(spki))));
}

function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const body = bytes.subarray(start);
  const padded = (body[0] as number) >= 0x80 ? concatBytes(Uint8Array.of(0), body) : body;
  return concatBytes(Uint8Array.of(2, padded.length), padded);
}

/** Turns r ‖ s into the DER form that X.509 and Sigstore use. */
function encodeEcdsaDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const body = concatBytes(derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half)));
  // P-521 signatures pass 127 bytes: their length takes a second byte.
  const header = body.length < 0x80 ? [0x30, body.length] : [0x30, 0x81, body.length];
  return concatBytes(Uint8Array.from(header), body);
}

/** A private signing key. */
export interface ModelSigner {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** For X.509 mode: leaf first, root left out. */
  readonly certificates?: readonly Uint8Array[];
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/**
 * Imports a private key.
 * @param pkcs8 - unencrypted PKCS #8, DER; not kept.
 * @param spki - its public key, DER.
 */
export async function createModelSigner(
  pkcs8: Uint8Array,
  { spki, certificates }: { readonly spki: Uint8Array; readonly certificates?: readonly Uint8Array[] },
): Promise<ModelSigner> {
  const curve = readKeyKind(spki, 'signing key');
  if (curve === 'RSA') throw new RangeError('"spki" must be a key on P-256, P-384 or P-521, got RSA');
  const algorithm = { name: 'ECDSA', namedCurve: curve };
  const key = await crypto.subtle.importKey('pkcs8', pkcs8.slice(), algorithm, false, ['sign']);
  return {
    spki,
    ...(certificates === undefined ? {} : { certificates }),
    async sign(message) {
      const use = { name: 'ECDSA', hash: HASH_OF_CURVE[curve] };
      return encodeEcdsaDer(new Uint8Array(await crypto.subtle.sign(use, key, message.slice())));
    },
  };
}
