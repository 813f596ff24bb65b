/**
 * Strict readers of the text forms in which evidence travels: base64, base64url, hexadecimal and PEM. Each byte string
 * has exactly one accepted text, so that a changed character is a changed value or a refusal, never an alias.
 *
 * @module
 */

import { fromHex } from '../../foundations/crypto/index.ts';
import { malformed } from './errors.ts';

/** Largest text that is looked at: a CRL of Intel's with 30,000 entries still fits. */
const MAX_TEXT = 4 << 20;

function decodeRadix64(text: string, what: string, alphabet: RegExp, padded: boolean): Uint8Array {
  if (text.length > MAX_TEXT) malformed(`${what}: more than ${MAX_TEXT} characters`);
  const body = padded ? text.replace(/={1,2}$/, '') : text;
  if (!alphabet.test(body) || body.length % 4 === 1 || (padded && text.length % 4 !== 0)) {
    malformed(`${what} is not ${padded ? 'base64' : 'base64url'} text`);
  }
  const standard = body.replaceAll('-', '+').replaceAll('_', '/');
  const binary = atob(standard);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  // The last character carries 2 or 4 unused bits; they must be zero, else two texts would mean the same bytes.
  const spare = body.length % 4;
  if (spare !== 0) {
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(standard.at(-1) as string);
    if ((last & (spare === 2 ? 0x0f : 0x03)) !== 0) malformed(`${what} has bits set beyond its last byte`);
  }
  return bytes;
}

/** Reads padded base64 without white space. @throws {AttestationError} `attestation/malformed`. */
export function decodeBase64(text: string, what: string): Uint8Array {
  return decodeRadix64(text, what, /^[A-Za-z0-9+/]*$/, true);
}

/** Reads unpadded base64url. @throws {AttestationError} `attestation/malformed`. */
export function decodeBase64Url(text: string, what: string): Uint8Array {
  return decodeRadix64(text, what, /^[A-Za-z0-9_-]*$/, false);
}

/** Writes padded base64. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Writes unpadded base64url. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * Reads hexadecimal text, all lower or all upper case.
 * @param sizeBytes - the length wanted, if there is one.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodeHex(text: string, what: string, sizeBytes?: number): Uint8Array {
  if (text.length > MAX_TEXT) malformed(`${what}: more than ${MAX_TEXT} characters`);
  if (text.length % 2 !== 0 || !(/^[0-9a-f]*$/.test(text) || /^[0-9A-F]*$/.test(text))) {
    malformed(`${what} is not hexadecimal text`);
  }
  if (sizeBytes !== undefined && text.length !== 2 * sizeBytes) {
    malformed(`${what} must be ${sizeBytes} bytes, got ${text.length / 2}`);
  }
  return fromHex(text);
}

/** One block as [RFC7468] generators write it, lines of 64 characters, line ends of one kind. */
const PEM_BLOCK =
  /-----BEGIN CERTIFICATE-----(\r?\n)((?:[A-Za-z0-9+/]{64}\1)*[A-Za-z0-9+/=]{1,64}\1)-----END CERTIFICATE-----(?:(?:\1)+|$)/y;

/**
 * Reads a sequence of PEM certificates; nothing but line ends may stand around them, and one NUL at the end, which the
 * quotes of Intel's library carry.
 * @returns the DER of each, in the order of the text.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodePemCertificates(text: string, what: string): readonly Uint8Array[] {
  if (text.length > MAX_TEXT) malformed(`${what}: more than ${MAX_TEXT} characters`);
  const body = text.endsWith('\0') ? text.slice(0, -1) : text;
  const pattern = new RegExp(PEM_BLOCK.source, 'y');
  const certificates: Uint8Array[] = [];
  while (pattern.lastIndex < body.length) {
    const match = pattern.exec(body);
    if (match === null) malformed(`${what} is not a sequence of PEM certificates`);
    certificates.push(decodeBase64((match[2] as string).replaceAll(/[\r\n]/g, ''), what));
  }
  if (certificates.length === 0) malformed(`${what} has no certificate`);
  return certificates;
}

/** Writes certificates as PEM. */
export function encodePemCertificates(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}

/**
 * Makes text from outside fit for a terminal or a page's text: names in certificates may hold escape sequences and
 * characters that turn the reading direction.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}

/** Reads bytes as text of single-byte characters; for ASCII formats that are checked afterwards. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
