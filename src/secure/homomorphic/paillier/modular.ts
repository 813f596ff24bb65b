/**
 * Modular arithmetic on BigInt. Its time depends on the numbers: it is for keys that the machine's owner holds and for
 * randomness that is used once, never for a service that strangers can time.
 *
 * @module
 */

/** Returns the number of binary digits of a non-negative integer. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hex = value.toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0] as string, 16)));
}

/** Returns the residue in [0, modulus). */
export function mod(value: bigint, modulus: bigint): bigint {
  const residue = value % modulus;
  return residue < 0n ? residue + modulus : residue;
}

/** Returns base^exponent modulo `modulus`, with windows of five bits. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  if (exponent < 0n) return modPow(modInverse(base, modulus), -exponent, modulus);
  if (modulus === 1n) return 0n;
  const start = mod(base, modulus);
  if (exponent < 16n) {
    let product = 1n;
    for (let i = 0n; i < exponent; i += 1n) product = (product * start) % modulus;
    return product;
  }
  const powers = [1n, start];
  for (let i = 2; i < 32; i += 1) powers.push(((powers[i - 1] as bigint) * start) % modulus);
  // Digits of the exponent in base 32, highest first.
  const digits = exponent.toString(32);
  let result = powers[Number.parseInt(digits[0] as string, 32)] as bigint;
  for (let i = 1; i < digits.length; i += 1) {
    for (let k = 0; k < 5; k += 1) result = (result * result) % modulus;
    const digit = Number.parseInt(digits[i] as string, 32);
    if (digit > 0) result = (result * (powers[digit] as bigint)) % modulus;
  }
  return result;
}

/** Returns the greatest common divisor of two non-negative integers. */
export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y > 0n) [x, y] = [y, x % y];
  return x;
}

/** Returns the inverse of `value`. @throws {RangeError} when it has none. */
export function modInverse(value: bigint, modulus: bigint): bigint {
  let [remainder, divisor] = [modulus, mod(value, modulus)];
  let [previous, coefficient] = [0n, 1n];
  while (divisor > 0n) {
    const quotient = remainder / divisor;
    [remainder, divisor] = [divisor, remainder - quotient * divisor];
    [previous, coefficient] = [coefficient, previous - quotient * coefficient];
  }
  if (remainder !== 1n) throw new RangeError('the number has no inverse for this modulus');
  return mod(previous, modulus);
}

/** Writes a non-negative integer as big-endian bytes. */
export function bytesOfInteger(value: bigint, sizeBytes: number): Uint8Array {
  const hex = value.toString(16).padStart(2 * sizeBytes, '0');
  if (hex.length > 2 * sizeBytes) throw new RangeError(`the integer does not fit ${sizeBytes} bytes`);
  const out = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i += 1) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Reads big-endian bytes. */
export function integerOfBytes(bytes: Uint8Array): bigint {
  let hex = '0x0';
  for (const byte of bytes) hex += HEX[byte] as string;
  return BigInt(hex);
}
