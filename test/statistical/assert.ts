/**
 * Statistical assertions: tests of fit at one fixed significance, with seeds that are fixed in continuous integration
 * and fresh when FRESH_SEEDS=1. Every sampler's test also shows that a planted wrong sampler is rejected.
 *
 * @module
 */

import { expect } from 'vitest';

import { createSeededRng, createSystemRng, type Rng } from '../../src/foundations/random/index.ts';

/** The chance that a right sampler fails one test with fresh seeds. */
export const SIGNIFICANCE = 1e-6;
/** Two-sided normal quantile of {@link SIGNIFICANCE}. */
export const Z = 4.8916384756;

/** The outcome of one test of fit. */
export interface FitResult {
  readonly test: string;
  readonly statistic: number;
  readonly n: number;
  readonly pValue: number;
}

/** A generator for a statistical test: seeded by its name, or fresh (and printed) when FRESH_SEEDS=1. */
export function createTestRng(name: string): Rng {
  if (process.env.FRESH_SEEDS !== '1') return createSeededRng(name);
  const seed = `${name}/${Buffer.from(createSystemRng().bytes(8)).toString('hex')}`;
  console.log(`statistical seed: ${seed}`);
  return createSeededRng(seed);
}

/** ln Γ(x) for x > 0 by Stirling's series after shifting the argument. */
function lnGamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 15) {
    shift -= Math.log(y);
    y += 1;
  }
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / y;
  return shift + (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series;
}

/** Q(a, x) = Γ(a, x)/Γ(a): series below a + 1, continued fraction above. [PTVF92] §6.2 */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(-x + a * Math.log(x) - lnGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = a + 1; term > sum * 1e-16; n += 1) {
      term *= x / n;
      sum += term;
    }
    return 1 - sum * front;
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 100_000; i += 1) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < 1e-15) break;
  }
  return front * h;
}

/**
 * Pearson's χ² of observed counts against probabilities of the same cells. Neighbouring cells are joined until each
 * expects at least five.
 */
export function chiSquareTest(observed: readonly number[], probabilities: readonly number[]): FitResult {
  const n = observed.reduce((sum, count) => sum + count, 0);
  const mass = probabilities.reduce((sum, p) => sum + p, 0);
  if (Math.abs(mass - 1) > 1e-6) throw new RangeError(`the probabilities sum to ${mass}`);
  const cells: { observed: number; expected: number }[] = [];
  let open = { observed: 0, expected: 0 };
  observed.forEach((count, i) => {
    open = { observed: open.observed + count, expected: open.expected + n * (probabilities[i] as number) };
    if (open.expected >= 5) {
      cells.push(open);
      open = { observed: 0, expected: 0 };
    }
  });
  const last = cells[cells.length - 1];
  if (last !== undefined) {
    cells[cells.length - 1] = {
      observed: last.observed + open.observed,
      expected: last.expected + open.expected,
    };
  }
  const statistic = cells.reduce((sum, cell) => sum + (cell.observed - cell.expected) ** 2 / cell.expected, 0);
  return { test: `χ²(${cells.length - 1})`, statistic, n, pValue: upperGamma((cells.length - 1) / 2, statistic / 2) };
}

/** χ² of integer draws against a probability mass function; what lies outside [min, max] is joined into two tails. */
export function chiSquareOfDraws(
  draws: Iterable<number>,
  { pmf, min, max }: { pmf: (x: number) => number; min: number; max: number },
): FitResult {
  const observed = Array.from({ length: max - min + 1 }, () => 0);
  let below = 0;
  let above = 0;
  for (const x of draws) {
    if (x < min) below += 1;
    else if (x > max) above += 1;
    else observed[x - min] = (observed[x - min] as number) + 1;
  }
  const probabilities = observed.map((_, i) => pmf(min + i));
  const inside = probabilities.reduce((sum, p) => sum + p, 0);
  const outside = Math.max(0, 1 - inside);
  observed[0] = (observed[0] as number) + below;
  observed[observed.length - 1] = (observed[observed.length - 1] as number) + above;
  probabilities[0] = (probabilities[0] as number) + outside / 2;
  probabilities[probabilities.length - 1] = (probabilities[probabilities.length - 1] as number) + outside / 2;
  return chiSquareTest(observed, probabilities);
}

/** Kolmogorov–Smirnov against a continuous distribution function; asymptotic p with Stephens' correction. */
export function ksTest(draws: readonly number[], cdf: (x: number) => number): FitResult {
  const sorted = Float64Array.from(draws).sort();
  const n = sorted.length;
  let d = 0;
  sorted.forEach((x, i) => {
    const f = cdf(x);
    d = Math.max(d, f - i / n, (i + 1) / n - f);
  });
  const t = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * d;
  let pValue = 0;
  for (let k = 1; k <= 100; k += 1) pValue += 2 * (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * t * t);
  return { test: 'Kolmogorov–Smirnov', statistic: d, n, pValue: t < 0.2 ? 1 : Math.min(1, Math.max(0, pValue)) };
}

/** Wilson's score interval of a proportion at {@link SIGNIFICANCE}. */
function wilsonInterval(successes: number, n: number): { low: number; high: number } {
  const p = successes / n;
  const centre = (p + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n))) / (1 + (Z * Z) / n);
  return { low: centre - half, high: centre + half };
}

/** Asserts that the draws fit. */
export function assertFits({ test, statistic, n, pValue }: FitResult): void {
  expect(pValue, `${test} = ${statistic}, n = ${n}, p = ${pValue}`).toBeGreaterThanOrEqual(SIGNIFICANCE);
}

/** Asserts that the draws do not fit: how a test shows that it sees a planted fault. */
export function assertRejected({ test, statistic, n, pValue }: FitResult): void {
  expect(pValue, `${test} = ${statistic}, n = ${n}, p = ${pValue}`).toBeLessThan(SIGNIFICANCE);
}

/** Asserts that a count fits a binomial proportion. */
export function assertProportion(successes: number, { n, probability }: { n: number; probability: number }): void {
  const { low, high } = wilsonInterval(successes, n);
  expect(probability, `${successes} of ${n}: interval [${low}, ${high}]`).toBeGreaterThanOrEqual(low);
  expect(probability, `${successes} of ${n}: interval [${low}, ${high}]`).toBeLessThanOrEqual(high);
}

/** Asserts that the variance of zero-mean draws of kurtosis at most 3 is the stated one. */
export function assertVariance(draws: ArrayLike<number>, variance: number): void {
  const n = draws.length;
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += (draws[i] as number) ** 2;
  const deviation = Math.abs(sum / n / variance - 1);
  expect(deviation, `variance ${sum / n}, wanted ${variance}, n = ${n}`).toBeLessThan(Z * Math.sqrt(2 / n));
}

/** The probability mass function of the discrete Gaussian, normalised over 40 standard deviations. */
export function discreteGaussianPmf(variance: number): (x: number) => number {
  let total = 1;
  const reach = Math.ceil(40 * Math.sqrt(variance)) + 2;
  for (let x = reach; x >= 1; x -= 1) total += 2 * Math.exp((-x * x) / (2 * variance));
  return (x) => Math.exp((-x * x) / (2 * variance)) / total;
}

/** The probability mass function of the discrete Laplace of a scale. */
export function discreteLaplacePmf(scale: number): (x: number) => number {
  const a = Math.exp(-1 / scale);
  return (x) => ((1 - a) / (1 + a)) * a ** Math.abs(x);
}
