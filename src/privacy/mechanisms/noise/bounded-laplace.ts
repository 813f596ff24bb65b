/**
 * Laplace noise with a bound: on the output (the domain) or on the noise itself, both on a grid and exact.
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import {
  assertInteger,
  assertNonNegative,
  assertPositive,
  multiplyRational,
  toRational,
} from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleBernoulliExp } from '../samplers/exact-samplers.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';
import { createLaplaceNoise } from './discrete-laplace-mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid } from './grid.ts';

/** Reals in, multiples of `granularity` out, one at a time. */
export interface ScalarMechanism<Kind extends string> extends Mechanism<Kind> {
  readonly granularity: number;
  release(value: number, rng: Rng): number;
}

/** Slack for the rounding of a bound computed in doubles, far above its error. */
const SLACK = 1 + 1e-9;

/**
 * Creates the bounded-domain Laplace mechanism: P(y) ∝ exp(−|y − x|/scale) on the grid points of [lower, upper] alone.
 * Guarantee: ε-DP under add-or-remove-one and zero-out. The normaliser depends on x, so the scale is larger than Δ/ε: it
 * is the least one with Δ/scale + ln(Z(lower + Δ)/Z(lower)) ≤ ε, which bounds both factors because ln Z is concave.
 * Precondition: one record changes the value by at most `sensitivity`; the value is clamped to the domain first.
 * @throws {RangeError} when a parameter is out of range, or the domain is empty on the grid.
 * @see [HABM20], here for the discrete law
 */
export function createBoundedDomainLaplace(options: {
  readonly sensitivity: number;
  readonly epsilon: number;
  readonly lower: number;
  readonly upper: number;
  readonly granularity?: number;
}): ScalarMechanism<'bounded-domain-laplace'> {
  const { sensitivity, epsilon, lower, upper } = options;
  assertPositive(sensitivity, 'sensitivity');
  assertPositive(epsilon, 'epsilon');
  if (!(lower < upper)) throw new RangeError(`"lower" must be below "upper", got ${lower} and ${upper}`);
  const granularity =
    options.granularity ?? ceilPowerOfTwo(Math.max(sensitivity / epsilon / 2 ** 21, (upper - lower) / 2 ** 30));
  assertGranularity(granularity);
  const first = Math.ceil(lower / granularity);
  const last = Math.floor(upper / granularity);
  const width = last - first;
  if (!(width >= 1 && width < 2 ** 32)) {
    throw new RangeError(`"granularity" must leave between 2 and 2^32 grid points in the domain, got ${width + 1}`);
  }
  const steps = Math.min(width, Math.ceil(sensitivity / granularity));
  const rate = findRate({ steps, width, epsilon });
  const draw = createDomainSampler(rate, width);
  return {
    kind: 'bounded-domain-laplace',
    granularity,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `a double of sensitivity at most ${sensitivity}`,
      source: '[HABM20]',
    },
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    release(value, rng) {
      const at = Math.min(last, Math.max(first, snapToGrid(value, granularity))) - first;
      return (first + draw(at, rng)) * granularity;
    },
  };
}

/** ε of the law exp(−rate·|y − x|) on 0 … width when x moves by up to `steps`. */
function epsilonOfRate(rate: number, { steps, width }: { steps: number; width: number }): number {
  // Z(u) ∝ (1 − q^(u+1)) + q·(1 − q^(width−u)); it is concave and largest in the middle.
  const shift = Math.min(steps, Math.floor(width / 2));
  const z = (u: number) => -Math.expm1(-rate * (u + 1)) - Math.exp(-rate) * Math.expm1(-rate * (width - u));
  return rate * steps + Math.max(0, Math.log(z(shift) / z(0)));
}

/** The largest rate whose ε is not above the target. */
function findRate({ steps, width, epsilon }: { steps: number; width: number; epsilon: number }): number {
  let low = epsilon / (4 * steps);
  let high = epsilon / steps;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (epsilonOfRate(middle, { steps, width }) * SLACK <= epsilon) low = middle;
    else high = middle;
  }
  return low;
}

/** Draws y in 0 … width with P(y) ∝ exp(−rate·|y − x|): Laplace refused outside, or uniform thinned, by the shape. */
function createDomainSampler(rate: number, width: number): (at: number, rng: Rng) => number {
  const exact = toRational(rate);
  if (rate * width < 1) {
    return (at, rng) => {
      for (;;) {
        const y = sampleUint32Below(width + 1, rng);
        const distance = { numerator: BigInt(Math.abs(y - at)), denominator: 1n };
        if (sampleBernoulliExp(multiplyRational(exact, distance), rng)) return y;
      }
    };
  }
  const { noise } = createLaplaceNoise({ sensitivity: 1, epsilon: rate });
  return (at, rng) => {
    for (;;) {
      const y = at + noise.sample(rng);
      if (y >= 0 && y <= width) return y;
    }
  };
}

/** The mass of the outermost `steps` points of one end of the discrete Laplace of a rate cut to |x| ≤ bound. */
export function computeTruncationMass({ rate, steps, bound }: { rate: number; steps: number; bound: number }): number {
  // Σ_{bound−steps+1}^{bound} q^x ÷ Σ_{|x| ≤ bound} q^|x|, q = e^−rate.
  const top = Math.exp(-rate * (bound - steps + 1)) * -Math.expm1(-rate * steps);
  return top / (-Math.expm1(-rate * (bound + 1)) + Math.exp(-rate) * -Math.expm1(-rate * bound));
}

/** Discrete Laplace noise cut to |x| ≤ bound, by refusal. */
export function createCutLaplaceNoise({ rate, bound }: { rate: number; bound: number }): (rng: Rng) => number {
  const { noise }: { noise: IntegerNoise } = createLaplaceNoise({ sensitivity: 1, epsilon: rate });
  return (rng) => {
    for (;;) {
      const x = noise.sample(rng);
      if (Math.abs(x) <= bound) return x;
    }
  };
}

/** The least bound ≥ steps whose outermost mass is at most δ. */
export function findTruncationBound({ rate, steps, delta }: { rate: number; steps: number; delta: number }): number {
  let low = steps - 1;
  let high = steps;
  while (computeTruncationMass({ rate, steps, bound: high }) * SLACK > delta) {
    low = high;
    high *= 2;
    if (high > 2 ** 40) throw new RangeError('no bound of the noise meets "delta"');
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (computeTruncationMass({ rate, steps, bound: middle }) * SLACK <= delta) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Creates the bounded-noise Laplace mechanism (truncated Laplace noise): the noise never exceeds a bound.
 * Guarantee: (ε, δ)-DP under add-or-remove-one and zero-out; exact. δ is the mass of the outputs that only one of two
 * neighbours can give.
 * Precondition: one record changes the value by at most `sensitivity`.
 * @throws {RangeError} when a parameter is out of range.
 * @see [GDGK20] theorem 1, here for the discrete law
 */
export function createBoundedNoiseLaplace(options: {
  readonly sensitivity: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly granularity?: number;
}): ScalarMechanism<'bounded-noise-laplace'> & { readonly noiseBound: number } {
  const { sensitivity, epsilon, delta } = options;
  assertPositive(sensitivity, 'sensitivity');
  assertPositive(epsilon, 'epsilon');
  assertDelta(delta);
  const granularity = options.granularity ?? ceilPowerOfTwo(sensitivity / epsilon / 2 ** 23);
  assertGranularity(granularity);
  const steps = Math.ceil(sensitivity / granularity);
  const { noiseParameter: rate } = createLaplaceNoise({ sensitivity: steps, epsilon });
  const bound = findTruncationBound({ rate, steps, delta });
  const draw = createCutLaplaceNoise({ rate, bound });
  return {
    kind: 'bounded-noise-laplace',
    granularity,
    noiseBound: bound * granularity,
    guarantee: {
      measure: 'approximate',
      epsilon,
      delta,
      relations: ADDITIVE_RELATIONS,
      precondition: `a double of sensitivity at most ${sensitivity}`,
      source: '[GDGK20] theorem 1',
    },
    event: () => epsilonDelta({ epsilon, delta }),
    release: (value, rng) => (snapToGrid(value, granularity) + draw(rng)) * granularity,
  };
}

/** @throws {RangeError} when δ is not in (0, ½). */
export function assertDelta(delta: number): void {
  assertNonNegative(delta, 'delta');
  if (!(delta > 0 && delta < 0.5)) throw new RangeError(`"delta" must be in (0, 0.5), got ${delta}`);
}

/**
 * Creates the uniform mechanism: noise uniform on a bounded grid interval.
 * Guarantee: (0, δ)-DP under add-or-remove-one and zero-out; exact.
 * Precondition: one record changes the value by at most `sensitivity`.
 * @see [GV14] (0, δ) as a limit of truncated mechanisms
 */
export function createUniform(options: {
  readonly sensitivity: number;
  readonly delta: number;
  readonly granularity?: number;
}): ScalarMechanism<'uniform'> & { readonly noiseBound: number } {
  const { sensitivity, delta } = options;
  assertPositive(sensitivity, 'sensitivity');
  assertDelta(delta);
  const granularity = options.granularity ?? ceilPowerOfTwo(sensitivity / delta / 2 ** 29);
  assertGranularity(granularity);
  // Two neighbours' intervals of 2·bound + 1 points differ in `steps` points at each end.
  const bound = Math.ceil((Math.ceil(sensitivity / granularity) / delta - 1) / 2) + 1;
  assertInteger(bound, 'bound', { min: 1, max: 2 ** 31 - 1 });
  return {
    kind: 'uniform',
    granularity,
    noiseBound: bound * granularity,
    guarantee: {
      measure: 'approximate',
      epsilon: 0,
      delta,
      relations: ADDITIVE_RELATIONS,
      precondition: `a double of sensitivity at most ${sensitivity}`,
      source: '[GV14]',
    },
    event: () => epsilonDelta({ epsilon: 0, delta }),
    release: (value, rng) =>
      (snapToGrid(value, granularity) + sampleUint32Below(2 * bound + 1, rng) - bound) * granularity,
  };
}
