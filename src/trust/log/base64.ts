/**
 * Standard base64 with padding, in the one spelling that every byte string has. [RFC4648] §4
 *
 * @module
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map(Array.from(ALPHABET, (letter, value) => [letter, value] as const));

/** Writes bytes as base64. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET[word >> 18];
    text += ALPHABET[(word >> 12) & 63];
    text += left > 1 ? ALPHABET[(word >> 6) & 63] : '=';
    text += left > 2 ? ALPHABET[word & 63] : '=';
  }
  return text;
}

/** Reads base64; undefined for text that is not its canonical spelling, so that no two texts mean the same bytes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    const last = i + 4 === text.length;
    let word = 0;
    for (let k = 0; k < 4; k += 1) {
      const value = last && k >= 4 - padding ? 0 : VALUES.get(text[i + k] as string);
      if (value === undefined) return undefined;
      word = (word << 6) | value;
    }
    const count = last ? 3 - padding : 3;
    if ((word & ((1 << (8 * (3 - count))) - 1)) !== 0) return undefined;
    for (let k = 0; k < count; k += 1) out[at++] = (word >> (16 - 8 * k)) & 255;
  }
  return out;
}
