/**
 * Check digits of identifiers. Each takes the characters without separators and says whether they hold together.
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';

/** The digits of a text, everything else left out. */
export function digitsOf(text: string): number[] {
  const digits: number[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i) - 48;
    if (code >= 0 && code <= 9) digits.push(code);
  }
  return digits;
}

/** Text without spaces, hyphens, dots and slashes, in capitals. */
export function compact(text: string): string {
  return text.replaceAll(/[\s\-–./]/g, '').toUpperCase();
}

/** Σ digits[i] × weights[i]. */
export function weightedSum(digits: readonly number[], weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * (digits[i] ?? 0), 0);
}

/** Luhn (ISO/IEC 7812): every second digit from the right is doubled. */
export function isLuhn(digits: readonly number[]): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    let digit = digits[digits.length - 1 - i] as number;
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/** ISO 7064 MOD 97-10 of letters and digits, the first four characters moved to the end. */
export function isMod97(text: string): boolean {
  const moved = text.slice(4) + text.slice(0, 4);
  let rest = 0;
  for (const character of moved) {
    const value = Number.parseInt(character, 36);
    if (Number.isNaN(value)) return false;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** ISO 7064 MOD 11,10. */
export function isMod1110(digits: readonly number[]): boolean {
  let product = 10;
  for (const digit of digits.slice(0, -1)) {
    const sum = (digit + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === digits.at(-1);
}

const VERHOEFF_PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** The product in the dihedral group of order ten. */
function dihedral(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5);
  return b < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 10) % 5;
}

/** Verhoeff: the check of Aadhaar numbers. */
export function isVerhoeff(digits: readonly number[]): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i += 1) {
    let digit = digits[digits.length - 1 - i] as number;
    for (let turn = 0; turn < i % 8; turn += 1) digit = VERHOEFF_PERMUTATION[digit] as number;
    check = dihedral(check, digit);
  }
  return check === 0;
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Base58Check: 21 bytes and the first four of their double SHA-256. */
export function isBase58Check(text: string): boolean {
  let value = 0n;
  for (const character of text) {
    const digit = BASE58.indexOf(character);
    if (digit < 0) return false;
    value = value * 58n + BigInt(digit);
  }
  if (value >= 1n << 200n) return false;
  const bytes = new Uint8Array(25);
  for (let i = 24; i >= 0; i -= 1) {
    bytes[i] = Number(value & 0xffn);
    value >>= 8n;
  }
  const check = sha256(sha256(bytes.subarray(0, 21)));
  return [0, 1, 2, 3].every((i) => check[i] === bytes[21 + i]);
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const BECH32_GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Bech32 (BIP 173) or Bech32m (BIP 350). */
export function isBech32(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== text && text.toUpperCase() !== text) return false;
  const split = lower.lastIndexOf('1');
  const human = lower.slice(0, split);
  const values = [
    ...Array.from(human, (c) => c.charCodeAt(0) >> 5),
    0,
    ...Array.from(human, (c) => c.charCodeAt(0) & 31),
    ...Array.from(lower.slice(split + 1), (c) => BECH32.indexOf(c)),
  ];
  if (split < 1 || values.some((value) => value < 0)) return false;
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    for (let i = 0; i < 5; i += 1) if (((top >> i) & 1) === 1) check ^= BECH32_GENERATOR[i] as number;
  }
  return check === 1 || check === 0x2bc830a3;
}

/** Whether year, month and day make a date; two-digit years stand for any century. */
export function isDay({ year, month, day }: { year: number; month: number; day: number }): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year < 100 ? year % 4 === 0 : (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] as number);
}
