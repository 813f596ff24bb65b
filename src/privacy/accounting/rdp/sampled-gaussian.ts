/**
 * Rényi divergence of one Poisson-sampled Gaussian step, exact at every order.
 *
 * The mechanism's two outputs are μ₀ = N(0, σ²) and μ = (1 − q)·μ₀ + q·N(1, σ²); the divergence of μ from μ₀ is the
 * larger of the two directions ([MTZ19] theorem 5, arXiv 1908.10530 v1, which needs only that the noise is symmetric).
 * At integer orders it is a finite sum ([MTZ19] §3.3). At fractional orders the published series alternates and cancels;
 * here the moment minus one, an integral of a non-negative function, is computed by the trapezoidal rule, which for
 * functions analytic in a strip converges exponentially in the number of points.
 *
 * @module
 */

import { log1pExp, logAddExp, logBinomial, logExpm1 } from '../../../foundations/numerics/index.ts';

/** The parameters of one step. */
export interface SampledGaussian {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
}

/**
 * Computes the Rényi divergence of one step under add-or-remove-one or zero-out.
 * @param order - any order > 1.
 */
export function computeSampledGaussianRdp(
  { samplingRate: q, noiseMultiplier }: SampledGaussian,
  order: number,
): number {
  if (q === 0) return 0;
  if (noiseMultiplier === 0) return Infinity;
  const rate = 1 / (2 * noiseMultiplier * noiseMultiplier);
  if (q === 1) return order * rate;
  if (order === Infinity) return Infinity;
  const logExcess = Number.isInteger(order)
    ? logExcessAtInteger(q, order, (k) => k * (k - 1) * rate)
    : logExcessByQuadrature(q, noiseMultiplier, order);
  return log1pExp(logExcess) / (order - 1);
}

/**
 * Returns log(A − 1) for A = Σ_k C(α, k) q^k (1 − q)^(α−k) exp(logMoment(k)), where logMoment(0) = logMoment(1) = 0: the
 * weights add up to one, so A − 1 is the same sum over exp(·) − 1 and nothing cancels.
 */
export function logExcessAtInteger(q: number, alpha: number, logMoment: (k: number) => number): number {
  const logQ = Math.log(q);
  const log1mQ = Math.log1p(-q);
  let max = -Infinity;
  const terms = new Float64Array(alpha - 1);
  for (let k = 2; k <= alpha; k += 1) {
    const term = logBinomial(alpha, k) + k * logQ + (alpha - k) * log1mQ + logExpm1(logMoment(k));
    terms[k - 2] = term;
    if (term > max) max = term;
  }
  if (max === -Infinity || max === Infinity) return max;
  let sum = 0;
  for (const term of terms) sum += Math.exp(term - max);
  return max + Math.log(sum);
}

/** log of f(u) = (1 + u)^α − 1 − αu ≥ 0, the generator of the order's f-divergence, without cancellation. */
function logGenerator(u: number, alpha: number): number {
  const scaled = Math.abs(alpha * u);
  if (scaled < 0.5) {
    let term = (alpha * (alpha - 1) * u * u) / 2;
    let sum = term;
    for (let k = 3; k < 200 && Math.abs(term) > Math.abs(sum) * 1e-18; k += 1) {
      term *= ((alpha - k + 1) * u) / k;
      sum += term;
    }
    return Math.log(sum);
  }
  const log = alpha * Math.log1p(u);
  return log > 600 ? log + Math.log1p(-(1 + alpha * u) * Math.exp(-log)) : Math.log(Math.expm1(log) - alpha * u);
}

/** How many standard deviations around each bump are integrated: what is left out is below e⁻⁸⁴ of the bump. */
const REACH = 13;
/** The trapezoidal error is below e^−ACCURACY of the integral. */
const ACCURACY = 42;

/**
 * Sums exp(logIntegrand) over a grid of step h around the given centres, times h.
 *
 * In a strip |Im z| ≤ y a Gaussian of deviation σ grows by at most exp(y²/2σ²), so the trapezoidal error is at most
 * exp(y²/2σ² − 2πy/h) of the integral ([TW14] theorem 5.1). The mixtures' logarithms branch at Im z = πσ². For h ≥ 2 the
 * best y = 2πσ²/h lies below that and the error is exp(−2π²σ²/h²): h = σ/1.5 will do. Else y = πσ², and
 * h = 2π²σ²/(ACCURACY + π²σ²/2).
 * @returns the logarithm of the integral.
 */
function integrateBumps(
  logIntegrand: (z: number) => number,
  { sigma, centres }: { readonly sigma: number; readonly centres: readonly number[] },
): number {
  const strip = Math.PI * Math.PI * sigma * sigma;
  const wide = sigma / 1.5;
  const step = wide >= 2 ? wide : Math.min((2 * strip) / (ACCURACY + strip / 2), wide);
  const cells = [...centres]
    .sort((a, b) => a - b)
    .map(
      (centre) => [Math.floor((centre - REACH * sigma) / step), Math.ceil((centre + REACH * sigma) / step)] as const,
    );
  const logs: number[] = [];
  let max = -Infinity;
  let next = -Infinity;
  for (const [from, to] of cells) {
    for (let i = Math.max(from, next); i <= to; i += 1) {
      const log = logIntegrand(i * step);
      logs.push(log);
      if (log > max) max = log;
    }
    next = Math.max(next, to + 1);
  }
  if (max === -Infinity || max === Infinity) return max;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - max);
  return max + Math.log(sum * step);
}

const LOG_SQRT_TWO_PI = 0.9189385332046728;

function logExcessByQuadrature(q: number, sigma: number, alpha: number): number {
  const rate = 1 / (2 * sigma * sigma);
  const logNorm = -LOG_SQRT_TWO_PI - Math.log(sigma);
  const logQ = Math.log(q);
  // Where both parts of the mixture weigh the same, the generator turns from quadratic to power α.
  const turn = (Math.log1p(-q) - logQ) / (2 * rate) + 0.5;
  const clamp = Math.min(Math.max(turn, 0), Math.max(alpha, 2));
  return integrateBumps(
    (z) => {
      const exponent = (2 * z - 1) * rate;
      // u = q·(e^x − 1); beyond double range log(1 + u) = x + log q is exact.
      const log = exponent > 600 ? alpha * (exponent + logQ) : logGenerator(q * Math.expm1(exponent), alpha);
      return log - z * z * rate + logNorm;
    },
    { sigma, centres: [0, 1, 2, alpha, clamp] },
  );
}

/**
 * Computes the Rényi divergence of one Poisson-sampled step under replace-one, at any order > 1: between
 * P = (1−q)·N(0, σ²) + q·N(1, σ²) and Q = (1−q)·N(0, σ²) + q·N(−1, σ²), the pair that dominates ([LSSS24] section 5; both
 * directions are mirror images). The moment minus one is the mean under Q of the generator at P/Q − 1.
 */
export function computeReplacedGaussianRdp(
  { samplingRate: q, noiseMultiplier: sigma }: SampledGaussian,
  order: number,
): number {
  if (q === 0) return 0;
  if (sigma === 0 || order === Infinity) return Infinity;
  const rate = 1 / (2 * sigma * sigma);
  if (q === 1) return 4 * order * rate;
  const logNorm = -LOG_SQRT_TWO_PI - Math.log(sigma);
  const logQ = Math.log(q);
  const log1mQ = Math.log1p(-q);
  const turn = (log1mQ - logQ) / (2 * rate) + 0.5;
  const logExcess = integrateBumps(
    (z) => {
      // Both densities over the central one: 1 − q + q·e^{(±2z − 1)/2σ²}.
      const up = logQ + (2 * z - 1) * rate;
      const down = logQ + (-2 * z - 1) * rate;
      const logP = logAddExp(log1mQ, up);
      const logR = logAddExp(log1mQ, down);
      const base = -z * z * rate + logNorm + logR;
      const exponent = order * (logP - logR);
      if (exponent > 600) return base + exponent;
      const difference = Math.exp(up - logR) - Math.exp(down - logR);
      return base + logGenerator(Math.max(difference, -1 + 1e-16), order);
    },
    { sigma, centres: [-2, -1, 0, 1, 2, order, Math.min(turn, order + 2), Math.max(-turn, -3)] },
  );
  return log1pExp(logExcess) / (order - 1);
}
