/**
 * Figures of a regression from bounded sums, exact or noisy.
 *
 * @module
 */

import { type Estimate, estimateRatio, estimateSmooth, type NoisyCounts, Z95 } from './estimates.ts';
import { REGRESSION_SCALE, REGRESSION_SUMS, type RegressionLayout } from './tally.ts';

/** Everything that is said of a regression, or of one group of it. */
export interface RegressionFigures {
  readonly examples: Estimate;
  readonly meanAbsoluteError: Estimate;
  readonly rootMeanSquaredError: Estimate;
  /** 1 − Σ error² / Σ (target − mean)². */
  readonly rSquared: Estimate;
}

/** Figures of all, and of each group when there are several. */
export interface RegressionMetrics extends RegressionFigures {
  readonly kind: 'regression';
  readonly groups: readonly (RegressionFigures & { readonly group: number })[];
  /** The largest difference of mean absolute errors between groups. */
  readonly errorGap: number | null;
}

/**
 * Computes all figures of a regression. Sums of n bounded values have a sampling variance that the sums of squares tell
 * only in part: the interval for the population counts each sum as if it were a count of that size, which is no less than
 * the truth.
 */
export function computeRegressionMetrics(layout: RegressionLayout, noisy: NoisyCounts): RegressionMetrics {
  const unit = REGRESSION_SCALE;
  const scaled: NoisyCounts = {
    counts: Float64Array.from(noisy.counts, (sum) => sum / unit),
    noiseStddev: noisy.noiseStddev / unit,
  };
  const groups = Array.from({ length: layout.groups }, (_, group) => group);
  const of = (chosen: readonly number[]): RegressionFigures => {
    const form = (part: number, factor = 1): Map<number, number> =>
      new Map(chosen.map((group) => [group * REGRESSION_SUMS + part, factor]));
    const indices = chosen.flatMap((group) =>
      Array.from({ length: REGRESSION_SUMS }, (_, part) => group * REGRESSION_SUMS + part),
    );
    const sum = (counts: ArrayLike<number>, part: number): number =>
      chosen.reduce((total, group) => total + (counts[group * REGRESSION_SUMS + part] as number), 0);
    const { errorBound, targetMin, targetMax } = layout;
    const value = sum(scaled.counts, 0);
    const half = Z95 * scaled.noiseStddev * Math.sqrt(chosen.length);
    const wide = Math.hypot(half, Z95 * Math.sqrt(Math.max(0, value)));
    return {
      examples: { value, noiseInterval: [value - half, value + half], interval: [value - wide, value + wide] },
      meanAbsoluteError: estimateRatio(scaled, {
        of: form(1, errorBound),
        over: form(0),
        range: [0, errorBound],
      }),
      rootMeanSquaredError: estimateSmooth(scaled, {
        over: indices,
        range: [0, errorBound],
        figure: (counts) => errorBound * Math.sqrt(Math.max(0, sum(counts, 2) / Math.max(1e-9, sum(counts, 0)))),
      }),
      rSquared: estimateSmooth(scaled, {
        over: indices,
        range: [-Infinity, 1],
        figure(counts) {
          const count = Math.max(1e-9, sum(counts, 0));
          const width = targetMax - targetMin;
          const spread = width * width * (sum(counts, 4) - (sum(counts, 3) * sum(counts, 3)) / count);
          return spread > 0 ? 1 - (errorBound * errorBound * sum(counts, 2)) / spread : Number.NaN;
        },
      }),
    };
  };
  const perGroup = layout.groups > 1 ? groups.map((group) => ({ group, ...of([group]) })) : [];
  const errors = perGroup
    .map(({ meanAbsoluteError }) => meanAbsoluteError.value)
    .filter((value) => !Number.isNaN(value));
  return {
    kind: 'regression',
    ...of(groups),
    groups: perGroup,
    errorGap: errors.length > 1 ? Math.max(...errors) - Math.min(...errors) : null,
  };
}
