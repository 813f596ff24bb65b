/**
 * Exact rational numbers over BigInt, and the exact value of a double: what samplers take as parameters, so that no
 * probability is rounded on its way in.
 *
 * @module
 */

/** The number numerator ÷ denominator; the denominator is positive. Not always in lowest terms. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** What is read as a rational: an integer, a double (its exact binary value) or a fraction. */
export type RationalLike = bigint | number | Rational;

const scratch = new DataView(new ArrayBuffer(8));

/** Splits a finite double into mantissa · 2^exponent, exactly. */
export function splitDouble(value: number): { mantissa: bigint; exponent: number } {
  if (!Number.isFinite(value)) throw new RangeError(`a double must be finite to be exact, got ${value}`);
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = field === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: bits >> 63n === 1n ? -magnitude : magnitude, exponent: Math.max(field, 1) - 1075 };
}

/**
 * Reads a rational in lowest terms.
 * @throws {RangeError} when a number is not finite or a denominator is not positive.
 */
export function toRational(value: RationalLike, title = 'value'): Rational {
  if (typeof value === 'bigint') return { numerator: value, denominator: 1n };
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`"${title}" must be finite, got ${value}`);
    const { mantissa, exponent } = splitDouble(value);
    return exponent >= 0
      ? { numerator: mantissa << BigInt(exponent), denominator: 1n }
      : reduceRational({ numerator: mantissa, denominator: 1n << BigInt(-exponent) });
  }
  if (value.denominator <= 0n) {
    throw new RangeError(`"${title}" must have a positive denominator, got ${value.denominator}`);
  }
  return reduceRational(value);
}

/** @throws {RangeError} when the value is not a rational > 0; else returns it in lowest terms. */
export function toPositiveRational(value: RationalLike, title: string): Rational {
  const rational = toRational(value, title);
  if (rational.numerator <= 0n) throw new RangeError(`"${title}" must be a rational > 0, got ${toText(rational)}`);
  return rational;
}

function toText({ numerator, denominator }: Rational): string {
  return denominator === 1n ? `${numerator}` : `${numerator}/${denominator}`;
}

function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a;
  let y = b;
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** Brings a fraction to lowest terms. */
export function reduceRational({ numerator, denominator }: Rational): Rational {
  const common = gcd(numerator, denominator);
  return common <= 1n
    ? { numerator, denominator }
    : { numerator: numerator / common, denominator: denominator / common };
}

export function addRational(a: Rational, b: Rational): Rational {
  return reduceRational({
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  });
}

export function multiplyRational(a: Rational, b: Rational): Rational {
  return reduceRational({ numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator });
}

/** @throws {RangeError} when `b` is zero. */
export function divideRational(a: Rational, b: Rational): Rational {
  if (b.numerator === 0n) throw new RangeError('division of a rational by zero');
  const sign = b.numerator < 0n ? -1n : 1n;
  return reduceRational({
    numerator: a.numerator * b.denominator * sign,
    denominator: a.denominator * b.numerator * sign,
  });
}

/** Negative, zero or positive as a is below, equal to or above b. */
export function compareRational(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The greatest integer that is not above the value. */
export function floorRational({ numerator, denominator }: Rational): bigint {
  const quotient = numerator / denominator;
  return numerator < 0n && quotient * denominator !== numerator ? quotient - 1n : quotient;
}

/** The nearest integer, ties to even. */
export function roundRational(value: Rational): bigint {
  const { numerator, denominator } = value;
  const low = floorRational(value);
  const twice = 2n * (numerator - low * denominator);
  if (twice > denominator || (twice === denominator && (low & 1n) === 1n)) return low + 1n;
  return low;
}

/** The greatest integer whose square is not above `value`. */
export function isqrt(value: bigint): bigint {
  if (value < 0n) throw new RangeError('the square root of a negative integer was asked for');
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** The double nearest to the value, within one unit in the last place. */
export function rationalToNumber({ numerator, denominator }: Rational): number {
  if (numerator === 0n) return 0;
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  const shift = denominator.toString(2).length - magnitude.toString(2).length + 64;
  const quotient =
    shift >= 0 ? (magnitude << BigInt(shift)) / denominator : magnitude / (denominator << BigInt(-shift));
  const half = Math.trunc(-shift / 2);
  const result = Number(quotient) * 2 ** half * 2 ** (-shift - half);
  return negative ? -result : result;
}
