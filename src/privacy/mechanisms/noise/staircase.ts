/**
 * The staircase mechanism: of all ε-DP noises the one with the least expected magnitude. [GV16]
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import { assertInteger, assertPositive, toRational } from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS } from '../mechanism.ts';
import { sampleBernoulliExp } from '../samplers/exact-samplers.ts';
import type { ScalarMechanism } from './bounded-laplace.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid } from './grid.ts';

/**
 * Draws integer staircase noise: P(x) = c·e^(−kε) for kΔ ≤ |x| < kΔ + r, c·e^(−(k+1)ε) up to (k+1)Δ. Exact: a step k is
 * geometric, a place in it uniform, the lower part of the step kept with probability e^−ε, minus zero refused.
 */
export function sampleStaircase(
  { steps, tread, epsilon }: { steps: number; tread: number; epsilon: number },
  rng: Rng,
): number {
  const gamma = toRational(epsilon);
  for (;;) {
    let level = 0;
    while (sampleBernoulliExp(gamma, rng)) level += 1;
    const place = sampleUint32Below(steps, rng);
    if (place >= tread && !sampleBernoulliExp(gamma, rng)) continue;
    const magnitude = level * steps + place;
    const negative = (rng.uint32() & 1) === 1;
    if (negative && magnitude === 0) continue;
    return negative ? -magnitude : magnitude;
  }
}

/**
 * Creates the staircase mechanism on a grid.
 * Guarantee: ε-DP under add-or-remove-one and zero-out; exact: a shift by at most Δ changes |x| by at most Δ, so the
 * level of a point by at most one.
 * Precondition: one record changes the value by at most `sensitivity`.
 * @param options - `gamma` in (0, 1], the share of a step at its upper level; 1/(1 + e^(ε/2)) by default, which minimises
 * the expected magnitude ([GV16] theorem 3). `granularity`, a power of two: sensitivity/2^12 or finer by default.
 * @throws {RangeError} when a parameter is out of range.
 * @see [GV16]
 */
export function createStaircase(options: {
  readonly sensitivity: number;
  readonly epsilon: number;
  readonly gamma?: number;
  readonly granularity?: number;
}): ScalarMechanism<'staircase'> {
  const { sensitivity, epsilon, gamma = 1 / (1 + Math.exp(options.epsilon / 2)) } = options;
  assertPositive(sensitivity, 'sensitivity');
  assertPositive(epsilon, 'epsilon');
  if (!(gamma > 0 && gamma <= 1)) throw new RangeError(`"gamma" must be in (0, 1], got ${gamma}`);
  const granularity = options.granularity ?? ceilPowerOfTwo(sensitivity) / 2 ** 12;
  assertGranularity(granularity);
  const steps = Math.ceil(sensitivity / granularity);
  assertInteger(steps, 'sensitivity in grid steps', { min: 1, max: 2 ** 30 });
  const tread = Math.max(1, Math.round(gamma * steps));
  return {
    kind: 'staircase',
    granularity,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `a double of sensitivity at most ${sensitivity}`,
      source: '[GV16]',
    },
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    release: (value, rng) =>
      (snapToGrid(value, granularity) + sampleStaircase({ steps, tread, epsilon }, rng)) * granularity,
  };
}
