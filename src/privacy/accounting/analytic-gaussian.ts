/**
 * The Gaussian mechanism in closed form: [BW18] theorem 8 (arXiv 1805.06530 v2). A composition of Gaussians is one
 * Gaussian with μ² the sum of the squared sensitivities over deviations.
 *
 * @module
 */

import { logErfc, logSubExp, narrowBracket, normalQuantileFromLog } from '../../foundations/numerics/index.ts';
import { assertNonNegative, assertPositive } from '../../foundations/numerics/index.ts';

const logUpperTail = (x: number): number => logErfc(x * Math.SQRT1_2) - Math.LN2;

/** Returns log delta(ε) of a Gaussian with mu = sensitivity / deviation, exact to rounding. */
function computeLogGaussianDelta(mu: number, epsilon: number): number {
  if (mu === 0) return -Infinity;
  if (mu === Infinity) return 0;
  const first = logUpperTail(epsilon / mu - mu / 2);
  const second = epsilon + logUpperTail(epsilon / mu + mu / 2);
  if (second < first - 1e-3) return logSubExp(first, second);
  // Nearly equal terms: the difference is Σ over the tail's derivatives; for small mu use ∫ of the density instead.
  return Math.log(integrateDifference(mu, epsilon));
}

/** Φ̄(a) − e^ε·Φ̄(a + μ) with a = ε/μ − μ/2 equals ∫_a^∞ φ(t)·(1 − e^{−μ(t−a)}) dt: nothing cancels. */
function integrateDifference(mu: number, epsilon: number): number {
  const a = epsilon / mu - mu / 2;
  const step = 1 / 16;
  const from = Math.max(a, -9);
  let sum = 0;
  // Trapezoidal rule on u with t = a + e^{u − e^{−u}}: the integrand vanishes doubly exponentially at both ends.
  for (let u = -5; u <= 6; u += step / 2) {
    const shrink = Math.exp(-u);
    const distance = Math.exp(u - shrink);
    const t = a + distance;
    if (t < from - 1e-300 || t > 40 + Math.max(0, a)) continue;
    sum += Math.exp((-t * t) / 2) * -Math.expm1(-mu * distance) * distance * (1 + shrink);
  }
  return (sum * step) / 2 / Math.sqrt(2 * Math.PI);
}

/** Computes delta at an epsilon ≥ 0 for a Gaussian with mu = sensitivity / deviation. */
export function computeGaussianDelta(mu: number, epsilon: number): number {
  assertNonNegative(epsilon, 'epsilon');
  return Math.exp(computeLogGaussianDelta(mu, epsilon));
}

/** Computes the least epsilon at a delta for a Gaussian with mu = sensitivity / deviation, to a relative 1e-14. */
export function computeGaussianEpsilon(mu: number, delta: number): number {
  if (mu === 0 || delta >= 1) return 0;
  if (mu === Infinity || delta <= 0) return Infinity;
  const target = Math.log(delta);
  const excess = (epsilon: number): number => computeLogGaussianDelta(mu, epsilon) - target;
  if (excess(0) <= 0) return 0;
  // delta(ε) ≤ Φ̄(ε/μ − μ/2) gives an end at which it is met.
  let high = mu * (mu / 2 - normalQuantileFromLog(target));
  if (!(high > 0)) high = mu;
  while (excess(high) > 0) high *= 2;
  return narrowBracket(excess, { low: 0, high }, { tolerance: high * 1e-15 }).high;
}

/**
 * Finds the smallest standard deviation at which a Gaussian of L2 sensitivity `sensitivity` meets (epsilon, delta).
 * @throws {RangeError} when delta is not in (0, 1): no Gaussian is purely private.
 */
export function calibrateAnalyticGaussian({
  epsilon,
  delta,
  sensitivity = 1,
}: {
  readonly epsilon: number;
  readonly delta: number;
  readonly sensitivity?: number;
}): number {
  assertNonNegative(epsilon, 'epsilon');
  assertPositive(sensitivity, 'sensitivity');
  if (!(delta > 0 && delta < 1)) throw new RangeError(`"delta" must be a number in (0, 1), got ${delta}`);
  const target = Math.log(delta);
  const excess = (logMu: number): number => target - computeLogGaussianDelta(Math.exp(logMu), epsilon);
  let low = 0;
  let high = 0;
  while (excess(low) <= 0) low -= 1;
  while (excess(high) > 0) high += 1;
  // excess falls with mu: the largest mu that still meets the target is the low end.
  const { low: logMu } = narrowBracket(excess, { low, high }, { tolerance: 1e-15 });
  return sensitivity / Math.exp(logMu);
}
