/**
 * Shamir's secret sharing over a prime field: any `threshold` shares give the secret, fewer give nothing. [Sha79]
 *
 * Coordinates that are small integers (a participant's place in the roster plus one) make evaluation cheap:
 * the running value of Horner's rule is multiplied by a few bits at a time and reduced only now and then. Joining
 * caches the Lagrange coefficients of a set of coordinates, because the same holders answer for many secrets.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { SharingError } from './errors.ts';
import { FIELD_25519, type PrimeField } from './field.ts';

/** A share's place on the polynomial: any nonzero field element; small ones are faster. */
export type Coordinate = number | bigint;

/** One share: the value of the secret polynomial at `x`. */
export interface Share {
  readonly x: Coordinate;
  readonly value: bigint;
}

/** How a secret is shared. */
export interface SplitOptions {
  /** Shares that suffice to reconstruct, at least 1. */
  readonly threshold: number;
  /** Distinct nonzero elements, one a holder. */
  readonly coordinates: readonly Coordinate[];
  /** 2^255 − 19 by default. */
  readonly field?: PrimeField;
}

/** Multiplications between reductions when every coordinate has at most 32 bits: values stay below 1,100 bits. */
const LAZY_STEPS = 24;
const SMALL = 1n << 32n;

/** Returns the coordinates as field elements and the steps a product of them may go without reduction. */
function readCoordinates(coordinates: readonly Coordinate[], { prime }: PrimeField) {
  const seen = new Set<bigint>();
  let lazySteps = LAZY_STEPS;
  const points = coordinates.map((x) => {
    const point = typeof x === 'bigint' || Number.isSafeInteger(x) ? BigInt(x) : 0n;
    if (point <= 0n || point >= prime || seen.has(point)) {
      throw new SharingError(
        'sharing/bad-coordinate',
        `share coordinates must be distinct nonzero field elements, got ${x}`,
      );
    }
    seen.add(point);
    if (point > SMALL) lazySteps = 1;
    return point;
  });
  return { points, lazySteps };
}

/** Evaluates the polynomial with the given coefficients (constant term first) at a point. */
function evaluate(coefficients: readonly bigint[], point: bigint, prime: bigint, lazySteps: number): bigint {
  let value = 0n;
  for (let i = coefficients.length - 1, steps = 1; i >= 0; i -= 1, steps += 1) {
    value = value * point + (coefficients[i] as bigint);
    if (steps % lazySteps === 0) value %= prime;
  }
  return value % prime;
}

/**
 * Shares a secret with given coefficients; the deterministic part of {@link splitSecret}.
 * @param coefficients - of x, x², …: threshold − 1 uniform field elements.
 */
export function splitWithCoefficients(
  secret: bigint,
  coefficients: readonly bigint[],
  { threshold, coordinates, field = FIELD_25519 }: SplitOptions,
): readonly Share[] {
  assertInteger(threshold, 'threshold', { min: 1, max: coordinates.length });
  const { points, lazySteps } = readCoordinates(coordinates, field);
  if (coefficients.length !== threshold - 1) {
    throw new RangeError(`"coefficients" must be ${threshold - 1} elements, got ${coefficients.length}`);
  }
  const polynomial = [secret, ...coefficients];
  for (const element of polynomial) {
    if (element < 0n || element >= field.prime) {
      throw new SharingError('sharing/not-an-element', 'a secret or coefficient is not an element of the field');
    }
  }
  return points.map((point, i) => ({
    x: coordinates[i] as Coordinate,
    value: evaluate(polynomial, point, field.prime, lazySteps),
  }));
}

/**
 * Shares a secret so that any `threshold` of the shares reconstruct it.
 * Guarantee: threshold − 1 shares are independent of the secret, as long as `rng` is uniform.
 * @throws {SharingError} when a coordinate is zero, repeated or too large, or the secret is not a field element.
 * @throws {RangeError} when the threshold is 0 or larger than the number of shares.
 */
export function splitSecret(secret: bigint, options: SplitOptions, rng: Rng): readonly Share[] {
  const field = options.field ?? FIELD_25519;
  const coefficients = Array.from({ length: Math.max(0, options.threshold - 1) }, () => field.sample(rng));
  return splitWithCoefficients(secret, coefficients, options);
}

/**
 * Computes the coefficients λ with secret = Σ λᵢ · valueᵢ for shares at the given coordinates: Lagrange at zero.
 * λᵢ = Π_{j≠i} xⱼ / (xⱼ − xᵢ); all denominators are inverted at once.
 */
export function lagrangeAtZero(coordinates: readonly Coordinate[], field: PrimeField = FIELD_25519): readonly bigint[] {
  const { points, lazySteps } = readCoordinates(coordinates, field);
  const { prime } = field;
  let product = 1n;
  for (const x of points) product = (product * x) % prime;
  const denominators = points.map((xi, i) => {
    let value = xi;
    for (let j = 0; j < points.length; j += 1) {
      if (j === i) continue;
      value *= (points[j] as bigint) - xi;
      if (j % lazySteps === 0) value %= prime;
    }
    return field.reduce(value);
  });
  // Montgomery's trick: one inversion for all.
  const prefixes: bigint[] = [];
  let running = 1n;
  for (const denominator of denominators) {
    prefixes.push(running);
    running = (running * denominator) % prime;
  }
  let inverse = field.invert(running);
  const coefficients = prefixes.slice();
  for (let i = points.length - 1; i >= 0; i -= 1) {
    coefficients[i] = (((inverse * (prefixes[i] as bigint)) % prime) * product) % prime;
    inverse = (inverse * (denominators[i] as bigint)) % prime;
  }
  return coefficients;
}

/** Joins shares of one field and threshold, remembering the Lagrange coefficients of the sets of holders it met. */
export interface SecretJoiner {
  /**
   * Reconstructs a secret from at least `threshold` shares; the first `threshold` of them are used.
   * @throws {SharingError} `sharing/too-few-shares` or `sharing/bad-coordinate`.
   */
  join(shares: readonly Share[]): bigint;
}

/** Sets of holders whose coefficients a joiner keeps. */
const MAX_CACHED_SETS = 64;

/** Creates a joiner for secrets shared with `threshold`. */
export function createSecretJoiner({
  threshold,
  field = FIELD_25519,
}: {
  readonly threshold: number;
  readonly field?: PrimeField;
}): SecretJoiner {
  assertInteger(threshold, 'threshold', { min: 1 });
  const cache = new Map<string, readonly bigint[]>();
  return {
    join(shares) {
      if (shares.length < threshold) {
        throw new SharingError('sharing/too-few-shares', `${threshold} shares are needed, ${shares.length} are there`, {
          details: { shares: shares.length, threshold },
        });
      }
      const used = shares.slice(0, threshold);
      const name = used.map(({ x }) => x).join(',');
      let coefficients = cache.get(name);
      if (coefficients === undefined) {
        coefficients = lagrangeAtZero(
          used.map(({ x }) => x),
          field,
        );
        if (cache.size >= MAX_CACHED_SETS) cache.delete(cache.keys().next().value as string);
        cache.set(name, coefficients);
      }
      let secret = 0n;
      used.forEach(({ value }, i) => {
        if (value < 0n || value >= field.prime) {
          throw new SharingError('sharing/not-an-element', 'a share is not an element of the field');
        }
        secret += value * ((coefficients as readonly bigint[])[i] as bigint);
      });
      return secret % field.prime;
    },
  };
}

/** Reconstructs one secret; {@link createSecretJoiner} is faster for many. */
export function joinSecret(
  shares: readonly Share[],
  options: { readonly threshold: number; readonly field?: PrimeField },
): bigint {
  return createSecretJoiner(options).join(shares);
}
