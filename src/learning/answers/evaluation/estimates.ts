/**
 * Figures of noisy counts with intervals. A count that carries discrete Gaussian noise of standard deviation σ, drawn
 * from a population, has two reasons to be off; an estimate names both.
 *
 * @module
 */

/** A figure with two 95 % intervals. */
export interface Estimate {
  readonly value: number;
  /** Where the figure of this very test data lies; its width is the privacy noise alone, none for public data. */
  readonly noiseInterval: readonly [low: number, high: number];
  /** Where the figure of the population lies that the test data was drawn from: noise and sampling. */
  readonly interval: readonly [low: number, high: number];
}

/** 97.5 % quantile of the normal distribution. */
export const Z95 = 1.959963984540054;

/** What figures are taken from. */
export interface NoisyCounts {
  readonly counts: ArrayLike<number>;
  /** σ of the noise on every count; 0 for exact counts. */
  readonly noiseStddev: number;
}

/** Coefficients of counts, by index; what is left out is 0. */
export type Linear = ReadonlyMap<number, number>;

/** Sums coefficient × count. */
function evaluateLinear(form: Linear, counts: ArrayLike<number>): number {
  let sum = 0;
  for (const [at, factor] of form) sum += factor * (counts[at] as number);
  return sum;
}

const clampTo = (value: number, [low, high]: readonly [number, number]): number => Math.min(high, Math.max(low, value));

/** A ratio of two linear forms. */
export interface Ratio {
  readonly of: Linear;
  readonly over: Linear;
}

/** The variances and the covariance of two forms, at 1.96². */
function spreadOf({ of: w, over: v }: Ratio, variance: (at: number) => number): { ww: number; wv: number; vv: number } {
  const sums = { ww: 0, wv: 0, vv: 0 };
  for (const at of new Set([...w.keys(), ...v.keys()])) {
    const s = Z95 * Z95 * variance(at);
    const a = w.get(at) ?? 0;
    const b = v.get(at) ?? 0;
    sums.ww += s * a * a;
    sums.wv += s * a * b;
    sums.vv += s * b * b;
  }
  return sums;
}

/**
 * A ratio of two sums of counts, such as accuracy. The interval is Fieller's: the ratios r for which
 * (w − r·v)·counts is within its own noise of zero, so it stays right where the denominator is small; then it is the whole
 * range.
 * @param ratio - `cells`: the same ratio over counts that have each example in one cell alone, where `of` and `over` count
 * an example in several: sampling is reckoned on them.
 * @see [Fie54]
 */
export function estimateRatio(
  { counts, noiseStddev }: NoisyCounts,
  { of: w, over: v, range = [0, 1], cells }: Ratio & { range?: readonly [number, number]; cells?: Ratio },
): Estimate {
  const A = evaluateLinear(w, counts);
  const B = evaluateLinear(v, counts);
  const solve = ({ ww, wv, vv }: ReturnType<typeof spreadOf>): readonly [number, number] => {
    const quadratic = B * B - vv;
    if (!(quadratic > 0) || !(B > 0)) return range;
    const half = (A * B - wv) / quadratic;
    const root = Math.sqrt(Math.max(0, half * half - (A * A - ww) / quadratic));
    return [clampTo(half - root, range), clampTo(half + root, range)];
  };
  const noise = spreadOf({ of: w, over: v }, () => noiseStddev * noiseStddev);
  const sampling = spreadOf(cells ?? { of: w, over: v }, (at) => Math.max(0, counts[at] as number));
  return {
    value: B > 0 ? clampTo(A / B, range) : Number.NaN,
    noiseInterval: solve(noise),
    interval: solve({ ww: noise.ww + sampling.ww, wv: noise.wv + sampling.wv, vv: noise.vv + sampling.vv }),
  };
}

/**
 * Any smooth figure of counts, its intervals by the delta method: the gradient is taken numerically over `over`, the
 * counts it depends on.
 */
export function estimateSmooth(
  { counts, noiseStddev }: NoisyCounts,
  {
    figure,
    over,
    range = [0, 1],
  }: { figure: (counts: ArrayLike<number>) => number; over: Iterable<number>; range?: readonly [number, number] },
): Estimate {
  const work = Float64Array.from(counts);
  const value = figure(work);
  let total = 0;
  for (let i = 0; i < work.length; i += 1) total += Math.max(0, work[i] as number);
  // A step that is small beside the whole and larger than rounding.
  const step = Math.max(1e-3, total * 1e-5);
  let noise = 0;
  let sampling = 0;
  for (const at of over) {
    const kept = work[at] as number;
    work[at] = kept + step;
    const high = figure(work);
    work[at] = kept - step;
    const low = figure(work);
    work[at] = kept;
    const slope = (high - low) / (2 * step);
    if (!Number.isFinite(slope)) continue;
    noise += slope * slope;
    sampling += slope * slope * Math.max(0, kept);
  }
  const around = (variance: number): readonly [number, number] => {
    if (Number.isNaN(value)) return range;
    const half = Z95 * Math.sqrt(variance);
    return [clampTo(value - half, range), clampTo(value + half, range)];
  };
  const ofNoise = noise * noiseStddev * noiseStddev;
  return {
    value: Number.isNaN(value) ? value : clampTo(value, range),
    noiseInterval: around(ofNoise),
    interval: around(ofNoise + sampling),
  };
}

/** Largest magnitude of discrete Gaussian noise at 95 %: the smallest k with P(|Z| ≤ k) ≥ 0.95. [CKS20] definition 1 */
function noiseReach(noiseStddev: number): number {
  if (noiseStddev === 0) return 0;
  if (noiseStddev > 1000) return Math.ceil(Z95 * noiseStddev);
  const density = (x: number): number => Math.exp((-x * x) / (2 * noiseStddev * noiseStddev));
  let total = 1;
  for (let x = 1; x <= Math.ceil(12 * noiseStddev) + 1; x += 1) total += 2 * density(x);
  let inside = 1;
  let k = 0;
  while (inside < 0.95 * total) {
    k += 1;
    inside += 2 * density(k);
  }
  return k;
}

/** A count with its intervals. */
export function estimateCount(counts: ArrayLike<number>, at: number, noiseStddev: number): Estimate {
  const value = counts[at] as number;
  const reach = noiseReach(noiseStddev);
  const wide = Z95 * Math.sqrt(noiseStddev * noiseStddev + Math.max(0, value));
  return { value, noiseInterval: [value - reach, value + reach], interval: [value - wide, value + wide] };
}

/** A sum of counts with its intervals. @param form - `cells`: the same sum over counts that have each example once. */
export function estimateForm(
  { counts, noiseStddev }: NoisyCounts,
  { of: form, cells }: { of: Linear; cells: Linear },
): Estimate {
  const value = evaluateLinear(form, counts);
  let squares = 0;
  for (const factor of form.values()) squares += factor * factor;
  const stddev = noiseStddev * Math.sqrt(squares);
  const reach = Z95 * stddev;
  const wide = Z95 * Math.sqrt(stddev * stddev + Math.max(0, evaluateLinear(cells, counts)));
  return { value, noiseInterval: [value - reach, value + reach], interval: [value - wide, value + wide] };
}
