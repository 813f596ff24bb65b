/**
 * The vector mechanism: pure ε-DP noise for a vector of bounded L2 sensitivity, with density ∝ exp(−ε·‖z‖₂/Δ): a norm
 * from a gamma law, a direction uniform on the sphere. It is what objective and output perturbation of convex models
 * draw. [CMS11]
 *
 * The real noise is never formed. What is released is the nearest grid point of query + noise; the noise is computed by
 * interval arithmetic from uniform bits, and the bits are extended until every coordinate's nearest point is certain.
 * Rounding to the nearest point of a grid gives the integer law Q(k) = ∫ over the cell of k, and Q(k + t)/Q(k) ≤
 * exp(ε·‖t‖/Δ) for every integer shift t because the density has that property at every point: exact, not approximate.
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import {
  assertInteger,
  assertPositive,
  encloseNegLog,
  isqrt,
  type Rational,
  toRational,
} from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, nextUp, snapToGrid, widenSensitivity } from './grid.ts';
import type { GridRelease } from './grid-release.ts';

/** Noise on vectors of bounded L2 sensitivity. */
export interface VectorMechanism extends Mechanism<'vector'>, Pick<GridRelease, 'granularity' | 'releaseInto'> {}

/** An interval [low, high] in fixed point. */
interface Interval {
  readonly low: bigint;
  readonly high: bigint;
}

/** A uniform number in [0, 1) of which `bits` bits are drawn so far. */
interface LazyUniform {
  value: bigint;
  bits: number;
}

function extend(uniform: LazyUniform, bits: number, rng: Rng): bigint {
  while (uniform.bits < bits) {
    uniform.value = (uniform.value << 64n) | rng.uint64();
    uniform.bits += 64;
  }
  return uniform.value >> BigInt(uniform.bits - bits);
}

const createUniform = (): LazyUniform => ({ value: 0n, bits: 0 });

/** −ln u of a lazy uniform. An u whose drawn bits are all zero is only bounded from below. */
function encloseExponential(uniform: LazyUniform, bits: number, rng: Rng): Interval | undefined {
  const u = extend(uniform, bits, rng);
  if (u === 0n) return undefined;
  const denominator = 1n << BigInt(bits);
  return {
    low: u + 1n >= denominator ? 0n : encloseNegLog({ numerator: u + 1n, denominator }, bits).low,
    high: encloseNegLog({ numerator: u, denominator }, bits).high,
  };
}

/** A pair of lazy uniforms that is (or is not yet known to be) inside the unit disc: two Gaussian coordinates. */
class PolarPair {
  private u = createUniform();
  private v = createUniform();
  private settled = false;

  /** Two independent standard normal coordinates in fixed point, or undefined when more bits are needed. */
  enclose(bits: number, rng: Rng): readonly [Interval, Interval] | undefined {
    const one = 1n << BigInt(bits);
    for (;;) {
      const a = signed(extend(this.u, bits, rng), one);
      const b = signed(extend(this.v, bits, rng), one);
      const s = add(square(a, bits), square(b, bits));
      if (!this.settled && s.low >= one) {
        this.u = createUniform();
        this.v = createUniform();
        continue;
      }
      if (s.high >= one || s.low <= 0n) return undefined;
      this.settled = true;
      // √(−2 ln s / s), both ends rounded outwards.
      const log = {
        low: 2n * encloseNegLog({ numerator: s.high, denominator: one }, bits).low,
        high: 2n * encloseNegLog({ numerator: s.low, denominator: one }, bits).high,
      };
      const factor = {
        low: isqrt(((log.low << BigInt(bits)) / s.high) << BigInt(bits)),
        high: isqrt(((log.high << BigInt(bits)) / s.low + 1n) << BigInt(bits)) + 1n,
      };
      return [multiply(a, factor, bits), multiply(b, factor, bits)];
    }
  }
}

/** [0, 1) to (−1, 1). */
function signed(u: bigint, one: bigint): Interval {
  return { low: 2n * u - one, high: 2n * u + 2n - one };
}

function add(a: Interval, b: Interval): Interval {
  return { low: a.low + b.low, high: a.high + b.high };
}

function multiply(a: Interval, b: Interval, bits: number): Interval {
  const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  const low = products.reduce((x, y) => (y < x ? y : x));
  const high = products.reduce((x, y) => (y > x ? y : x));
  return { low: low >> BigInt(bits), high: (high >> BigInt(bits)) + 1n };
}

function square(a: Interval, bits: number): Interval {
  const crosses = a.low <= 0n && a.high >= 0n;
  const x = a.low * a.low;
  const y = a.high * a.high;
  return {
    low: crosses ? 0n : (x < y ? x : y) >> BigInt(bits),
    high: ((x > y ? x : y) >> BigInt(bits)) + 1n,
  };
}

/** The nearest integer to every point of the interval, if there is one. */
function round(a: Interval, bits: number): bigint | undefined {
  const half = 1n << BigInt(bits - 1);
  const low = (a.low + half) >> BigInt(bits);
  return low === (a.high + half) >> BigInt(bits) ? low : undefined;
}

/** Draws the nearest integers to a vector of density ∝ exp(−‖z‖₂/scale), exactly. */
export function sampleRoundedVector(
  { dimension, scale }: { dimension: number; scale: Rational },
  rng: Rng,
): readonly bigint[] {
  const pairs = Array.from({ length: Math.ceil(dimension / 2) }, () => new PolarPair());
  const steps = Array.from({ length: dimension }, createUniform);
  for (let bits = 128; ; bits += 64) {
    const rounded = attempt(bits);
    if (rounded !== undefined) return rounded;
  }

  function attempt(bits: number): readonly bigint[] | undefined {
    const direction: Interval[] = [];
    for (const pair of pairs) {
      const both = pair.enclose(bits, rng);
      if (both === undefined) return undefined;
      direction.push(...both);
    }
    direction.length = dimension;
    let norm: Interval = { low: 0n, high: 0n };
    for (const step of steps) {
      const exponential = encloseExponential(step, bits, rng);
      if (exponential === undefined) return undefined;
      norm = add(norm, exponential);
    }
    const length = direction.map((x) => square(x, bits)).reduce(add);
    if (length.low <= 0n) return undefined;
    const shift = BigInt(bits);
    // scale · gamma norm ÷ length of the direction.
    const factor = {
      low: ((norm.low * scale.numerator) << shift) / (scale.denominator * (isqrt(length.high << shift) + 1n)),
      high: ((norm.high * scale.numerator) << shift) / (scale.denominator * isqrt(length.low << shift)) + 1n,
    };
    const rounded: bigint[] = [];
    for (const x of direction) {
      const nearest = round(multiply(x, factor, bits), bits);
      if (nearest === undefined) return undefined;
      rounded.push(nearest);
    }
    return rounded;
  }
}

/**
 * Creates the vector mechanism.
 * Guarantee: ε-DP under add-or-remove-one and zero-out, 2ε under replace-one; exact, floating point included: the vector
 * is rounded to the grid first and the sensitivity widened by that rounding.
 * Precondition: one record changes the vector of doubles handed in by at most `l2Sensitivity` in L2 norm.
 * Not covered: adding this noise inside an objective and releasing its exact minimiser; a guarantee for that needs noise
 * with a density over the reals, which no computer draws. Release a minimiser of bounded sensitivity through this.
 * @throws {RangeError} when a parameter is out of range; from a release, when a value is NaN, before randomness is drawn.
 * @see [CMS11] algorithm 1
 */
export function createVectorMechanism(options: {
  readonly l2Sensitivity: number;
  readonly epsilon: number;
  readonly dimension: number;
  readonly granularity?: number;
}): VectorMechanism {
  const { l2Sensitivity, epsilon, dimension } = options;
  assertPositive(epsilon, 'epsilon');
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertInteger(dimension, 'dimension', { min: 1, max: 1_000_000 });
  const granularity = options.granularity ?? ceilPowerOfTwo(l2Sensitivity) / 2 ** 24;
  assertGranularity(granularity);
  const sensitivity = widenSensitivity(l2Sensitivity, { granularity, dimension, norm: 'l2' });
  const scale = toRational(nextUp(sensitivity / epsilon));
  return {
    kind: 'vector',
    granularity,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `doubles of L2 sensitivity at most ${l2Sensitivity}, ${dimension} of them`,
      source: '[CMS11] algorithm 1',
    },
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    releaseInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      const steps = values.map((value) => snapToGrid(value, granularity));
      const noise = sampleRoundedVector({ dimension, scale }, rng);
      for (let i = 0; i < dimension; i += 1) {
        values[i] = Number(BigInt(steps[i] as number) + (noise[i] as bigint)) * granularity;
      }
    },
  };
}
