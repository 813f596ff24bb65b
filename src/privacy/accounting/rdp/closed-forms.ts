/**
 * Rényi divergences with closed forms: Laplace, randomized response, bounded range, (epsilon, delta).
 *
 * @module
 */

import { logAddExp, logSumExp } from '../../../foundations/numerics/index.ts';

/** log(1 + x)/x, without cancellation near zero. */
function log1pOver(x: number): number {
  return Math.abs(x) < 1e-12 ? 1 - x / 2 : Math.log1p(x) / x;
}

/**
 * Computes the divergence between Laplace(0, 1/epsilon) and Laplace(1, 1/epsilon): [Mir17] proposition 6.
 * @param order - any order > 1.
 */
export function computeLaplaceRdp(epsilon: number, order: number): number {
  const c = Math.expm1(epsilon * (1 - 2 * order)) / (2 * order - 1);
  return epsilon + c * log1pOver(c * (order - 1));
}

/**
 * Computes the divergence of the discrete Laplace with parameter `a` and integer sensitivity `s`: the loss is a·s to the
 * left, −a·s to the right, and a·(s − 2k) at k = 1…s−1 between.
 */
export function computeDiscreteLaplaceRdp(
  { noiseParameter: a, sensitivity: s }: { readonly noiseParameter: number; readonly sensitivity: number },
  order: number,
): number {
  // Mass of k ≤ 0 under noise at 0 is 1/(1 + e^−a); at k ≥ s it is e^−as of that.
  const logHalf = -Math.log1p(Math.exp(-a));
  const t = order - 1;
  const logs = [logHalf + t * a * s, logHalf - a * s - t * a * s];
  // Σ_{k=1}^{s−1} tanh(a/2)·e^{−ak}·e^{t·a(s−2k)}: a geometric series with ratio e^{−a(1+2t)}.
  if (s > 1) {
    const ratio = a * (1 + 2 * t);
    logs.push(
      Math.log(Math.tanh(a / 2)) +
        t * a * s -
        ratio +
        Math.log(-Math.expm1(-ratio * (s - 1))) -
        Math.log(-Math.expm1(-ratio)),
    );
  }
  return Math.max(0, logSumExp(logs) / t);
}

/** Computes the divergence of k-ary randomized response when the true bucket is replaced by another. */
export function computeReplaceOneResponseRdp(
  { noiseParameter: p, buckets: k }: { readonly noiseParameter: number; readonly buckets: number },
  order: number,
): number {
  if (k === 1 || p === 1) return 0;
  if (p === 0) return Infinity;
  const loss = Math.log1p((k * (1 - p)) / p);
  const logs = [Math.log(p / k) + order * loss, Math.log(1 - p + p / k) - order * loss];
  if (k > 2) logs.push(Math.log(p * (1 - 2 / k)));
  return Math.max(0, logSumExp(logs) / (order - 1));
}

/** Computes the divergence of k-ary randomized response against a uniform bucket (zero-out), the larger direction. */
export function computeZeroOutResponseRdp(
  { noiseParameter: p, buckets: k }: { readonly noiseParameter: number; readonly buckets: number },
  order: number,
): number {
  if (k === 1 || p === 1) return 0;
  if (p === 0) return Infinity;
  const up = Math.log(k * (1 - p) + p);
  const down = Math.log(p);
  const moment = (x: number): number => logAddExp(x * up - Math.log(k), x * down + Math.log1p(-1 / k));
  return Math.max(0, moment(order), moment(1 - order)) / (order - 1);
}

/**
 * Computes the divergence of an epsilon-bounded-range mechanism: [CR21] section 3 (arXiv 2004.07223), capped by its pure
 * guarantee.
 */
export function computeBoundedRangeRdp(epsilon: number, order: number): number {
  if (epsilon === 0) return 0;
  const ratio = epsilon / Math.expm1(epsilon);
  const xi = ratio - 1 - Math.log(ratio) - (epsilon * epsilon) / 8;
  return Math.min(xi + (epsilon * epsilon * order) / 8, epsilon);
}

/** Computes the divergence of binary randomized response with loss ±epsilon, which dominates every epsilon-DP mechanism. */
export function computePureRdp(epsilon: number, order: number): number {
  if (epsilon === Infinity) return Infinity;
  return (epsilon * order + logAddExp(0, epsilon * (1 - 2 * order)) - logAddExp(0, epsilon)) / (order - 1);
}
