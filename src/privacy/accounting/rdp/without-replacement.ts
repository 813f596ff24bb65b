/**
 * Rényi divergence of a Gaussian on a uniform sample of fixed size, under replace-one: [WBK19] theorem 27
 * (arXiv 1808.00087 v2), which uses the ternary Pearson–Vajda divergences of the Gaussian.
 *
 * @module
 */

import { log1mExp, log1pExp, logBinomial, logExpm1, logSumExp } from '../../../foundations/numerics/index.ts';
import type { RdpAtInteger } from './amplification.ts';

/** The largest order at which the Pearson–Vajda moments are formed; beyond it the simpler bound is used. */
const LARGEST_MOMENT_ORDER = 256;

const LOG_SQRT_TWO_PI = 0.9189385332046728;

/**
 * Returns log E[(N(1,σ²)/N(0,σ²) − 1)^n] under N(0, σ²), n even.
 *
 * Deviation from [WBK19] §4.3, which takes the n-th forward difference of the moments: the differences cancel to noise
 * once σ is above a few units, and noise below the true value would be unsound. The moment is the integral of a
 * non-negative entire function; the trapezoidal rule with five points a deviation errs by exp(−2π²·25) of the sum of the
 * binomial terms, hundreds of orders below anything here.
 */
function logPearsonVajda(n: number, noiseMultiplier: number): number {
  const rate = 1 / (2 * noiseMultiplier * noiseMultiplier);
  const step = noiseMultiplier / 5;
  const from = Math.floor((-14 * noiseMultiplier) / step);
  const to = Math.ceil((n + 14 * noiseMultiplier) / step);
  const logs = new Float64Array(to - from + 1);
  for (let i = from; i <= to; i += 1) {
    const z = i * step;
    const exponent = (2 * z - 1) * rate;
    const logDistance = exponent > 0 ? logExpm1(exponent) : exponent === 0 ? -Infinity : log1mExp(exponent);
    logs[i - from] = n * logDistance - z * z * rate;
  }
  return logSumExp(logs) + Math.log(step) - LOG_SQRT_TWO_PI - Math.log(noiseMultiplier);
}

/**
 * Creates the curve of one step at integer orders ≥ 2.
 * @param parameters - `fraction` sampled, and `noiseMultiplier` over the replace-one sensitivity.
 */
export function createWithoutReplacementCurve({
  fraction,
  noiseMultiplier,
}: {
  readonly fraction: number;
  readonly noiseMultiplier: number;
}): RdpAtInteger {
  if (fraction === 0) return () => 0;
  if (noiseMultiplier === 0) return () => Infinity;
  const rate = 1 / (2 * noiseMultiplier * noiseMultiplier);
  if (fraction === 1) return (order) => order * rate;
  const moments = new Map<number, number>();
  const moment = (n: number): number => {
    const known = moments.get(n) ?? logPearsonVajda(n, noiseMultiplier);
    moments.set(n, known);
    return known;
  };
  const logSecond = 2 * rate;
  return (order) => {
    const terms = [];
    for (let j = 2; j <= order; j += 1) {
      const simple = Math.LN2 + j * (j - 1) * rate;
      let log = simple;
      if (j === 2) log = Math.min(2 * Math.LN2 + logExpm1(logSecond), simple);
      else if (order <= LARGEST_MOMENT_ORDER) {
        const between = (moment(2 * Math.floor(j / 2)) + moment(2 * Math.ceil(j / 2))) / 2;
        log = Math.min(2 * Math.LN2 + between, simple);
      }
      terms.push(j * Math.log(fraction) + logBinomial(order, j) + log);
    }
    return log1pExp(logSumExp(terms)) / (order - 1);
  };
}
