/**
 * Repeat-and-select: running a mechanism a random number of times and releasing the best output, after [PS22].
 *
 * @module
 */

import { AccountingError } from '../errors.ts';
import { convertToDelta } from './conversion.ts';

/** Mean of the truncated negative binomial with stopping parameter gamma ([PS22] definition 1, arXiv 2110.03620 v2). */
function meanRuns(gamma: number, shape: number): number {
  if (gamma === 1) return 1;
  if (shape === 0) return (1 / gamma - 1) / -Math.log(gamma);
  return (shape * (1 / gamma - 1)) / -Math.expm1(shape * Math.log(gamma));
}

/** Returns the largest gamma whose mean is at least `mean`, by bisection; rounded towards zero, where the bound is larger. */
export function computeStoppingParameter(mean: number, shape: number): number {
  if (mean === 1) return 1;
  if (shape === 1) return 1 / mean;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 200 && high > low * (1 + 1e-13); step += 1) {
    const middle = low === 0 && high > 1e-12 ? high / 16 : (low + high) / 2;
    if (meanRuns(middle, shape) < mean) high = middle;
    else low = middle;
  }
  if (low === 0) throw new AccountingError('accounting/no-convergence', `no stopping parameter for mean ${mean}`);
  return low;
}

/**
 * Computes the curve of repeat-and-select from that of one run: [PS22] theorem 2 for the truncated negative binomial
 * (shape 1 geometric, 0 logarithmic), theorem 6 for the Poisson number of runs (shape ∞).
 * @param rdp - divergences of one run at `orders`, all > 1.
 */
export function computeRepeatAndSelectRdp(
  { orders, rdp }: { readonly orders: readonly number[]; readonly rdp: Float64Array },
  { mean, shape }: { readonly mean: number; readonly shape: number },
): Float64Array {
  const out = new Float64Array(orders.length);
  if (shape === Infinity) {
    orders.forEach((order, i) => {
      const epsilonHat = Math.log1p(1 / (order - 1));
      const deltaHat = convertToDelta({ orders, rdp }, epsilonHat).value;
      out[i] = (rdp[i] as number) + mean * deltaHat + Math.log(mean) / (order - 1);
    });
  } else {
    const gamma = computeStoppingParameter(mean, shape);
    let least = Infinity;
    orders.forEach((order, i) => {
      least = Math.min(least, (1 - 1 / order) * (rdp[i] as number) - Math.log(gamma) / order);
    });
    orders.forEach((order, i) => {
      out[i] = (rdp[i] as number) + Math.log(mean) / (order - 1) + (1 + shape) * least;
    });
  }
  // Divergences rise with the order, so a bound at a higher order holds at every lower one.
  const falling = orders.map((order, i) => [order, i] as const).sort((a, b) => b[0] - a[0]);
  let best = Infinity;
  for (const [, i] of falling) {
    best = Math.min(best, out[i] as number);
    out[i] = best;
  }
  return out;
}
