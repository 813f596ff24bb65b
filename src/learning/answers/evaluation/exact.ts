/**
 * Figures of public test data, from the predictions themselves and not from their counts in bins: areas under curves over
 * every pair of scores, calibration by the mean score of a bin, errors without bounds or rounding.
 *
 * @module
 */

import { type ClassificationMetrics, computeClassificationMetrics } from './classification.ts';
import { type Estimate, Z95 } from './estimates.ts';
import { computeRegressionMetrics, type RegressionMetrics } from './regression.ts';
import {
  argmax,
  assertPredictions,
  type ClassificationLayout,
  computeTally,
  type Predictions,
  REGRESSION_SCALE,
  REGRESSION_SUMS,
} from './tally.ts';

/** Points of a curve that are kept for a picture. */
const CURVE_POINTS = 256;

/** Scores of examples in ascending order, with which of them are positive. */
interface Ranking {
  readonly order: Uint32Array;
  readonly scores: ArrayLike<number>;
  readonly positive: Uint8Array;
}

function rankScores(scores: ArrayLike<number>, isPositive: (example: number) => boolean): Ranking {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  return { order, scores, positive: Uint8Array.from({ length: scores.length }, (_, i) => Number(isPositive(i))) };
}

/** Runs through blocks of equal scores, from the lowest: how many of each kind they have. */
function forEachTie({ order, scores, positive }: Ranking, see: (negatives: number, positives: number) => void): void {
  for (let from = 0; from < order.length;) {
    const score = scores[order[from] as number];
    const counts: [number, number] = [0, 0];
    let at = from;
    // A score that is no number is a block of its own.
    do {
      counts[positive[order[at] as number] as 0 | 1] += 1;
      at += 1;
    } while (at < order.length && scores[order[at] as number] === score);
    see(...counts);
    from = at;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The area under the curve with the variance of [DDC88]: that of the share of pairs each example is right in. */
function estimateAuc(ranking: Ranking): Estimate {
  const positives = ranking.positive.reduce((total, one) => total + one, 0);
  const negatives = ranking.positive.length - positives;
  if (positives === 0 || negatives === 0) return { value: Number.NaN, noiseInterval: [0, 1], interval: [0, 1] };
  let [below, before] = [0, 0];
  const moments = { pairs: 0, ofPositives: 0, ofNegatives: 0 };
  forEachTie(ranking, (n, p) => {
    const beaten = (below + n / 2) / negatives;
    const beating = (positives - before - p / 2) / positives;
    moments.pairs += p * beaten;
    moments.ofPositives += p * beaten * beaten;
    moments.ofNegatives += n * beating * beating;
    below += n;
    before += p;
  });
  const value = moments.pairs / positives;
  const varianceOf = (squares: number, count: number): number =>
    count < 2 ? 1 : Math.max(0, squares - count * value * value) / (count - 1) / count;
  const stddev = Math.sqrt(varianceOf(moments.ofPositives, positives) + varianceOf(moments.ofNegatives, negatives));
  return { value, noiseInterval: [value, value], interval: aroundArea(value, stddev, Math.min(positives, negatives)) };
}

/** The interval on the scale of log odds, which stays inside (0, 1) and right near its ends; with no wrong pair, Wilson's. */
function aroundArea(value: number, stddev: number, examples: number): readonly [number, number] {
  const least = examples / (examples + Z95 * Z95);
  if (value >= 1 || value <= 0) return value >= 1 ? [least, 1] : [0, 1 - least];
  const odds = Math.log(value / (1 - value));
  const half = (Z95 * stddev) / (value * (1 - value));
  return [1 / (1 + Math.exp(half - odds)), 1 / (1 + Math.exp(-half - odds))];
}

/** The curve's corners, thinned for a picture. */
function curveOf(ranking: Ranking): { fpr: number; tpr: number }[] {
  const positives = Math.max(1, sum([...ranking.positive]));
  const negatives = Math.max(1, ranking.positive.length - positives);
  const corners = [{ fpr: 1, tpr: 1 }];
  let [fpr, tpr] = [1, 1];
  forEachTie(ranking, (n, p) => {
    fpr -= n / negatives;
    tpr -= p / positives;
    corners.push({ fpr: Math.max(0, fpr), tpr: Math.max(0, tpr) });
  });
  const step = Math.ceil(corners.length / CURVE_POINTS);
  return corners.filter((_, i) => i % step === 0 || i === corners.length - 1).toReversed();
}

/**
 * Computes the figures of a classifier exactly. Counts are those of {@link computeTally}; areas under curves and calibration
 * come from the scores. For public test data alone: nothing is protected, and nothing is charged.
 * @throws {AnswersError} `answers/input` when lengths differ or a label or group is out of range.
 */
export function computeExactClassification(
  predictions: Predictions,
  layout: ClassificationLayout,
): ClassificationMetrics {
  const binned = computeClassificationMetrics(layout, { counts: computeTally(predictions, layout), noiseStddev: 0 });
  const { outputs, labels } = predictions;
  const { classes, bins } = layout;
  const rankingOf = (c: number): Ranking =>
    rankScores(
      Float64Array.from(labels, (_, i) => outputs[i * classes + c] as number),
      (i) => labels[i] === c,
    );
  const perClass = binned.classes.map((one) => ({
    ...one,
    auc: classes === 2 && one.class === 0 ? null : estimateAuc(rankingOf(one.class)),
  }));
  const areas = perClass.flatMap(({ auc }) => (auc === null || Number.isNaN(auc.value) ? [] : [auc]));
  const mean = (pick: (estimate: Estimate) => number): number => sum(areas.map(pick)) / areas.length;
  const auc: Estimate | null =
    areas.length === 0
      ? null
      : {
          value: mean(({ value }) => value),
          noiseInterval: [mean(({ value }) => value), mean(({ value }) => value)],
          // As if they were wrong together, which is never too narrow.
          interval: [mean(({ interval }) => interval[0]), mean(({ interval }) => interval[1])],
        };
  // Mean score against share of hits, bin by bin.
  const off = new Float64Array(bins);
  for (let i = 0; i < labels.length; i += 1) {
    const chosen = classes === 2 ? 1 : argmax(outputs, i * classes, classes);
    const score = outputs[i * classes + chosen] as number;
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(score * bins)));
    off[bin] = (off[bin] as number) + score - Number(labels[i] === chosen);
  }
  const error = sum(Array.from(off, Math.abs)) / labels.length;
  const [low, high] = binned.calibrationError.interval;
  const calibrationError: Estimate = {
    value: error,
    noiseInterval: [error, error],
    interval: [Math.max(0, error - (high - low) / 2), Math.min(1, error + (high - low) / 2)],
  };
  return {
    ...binned,
    classes: perClass,
    auc,
    calibrationError,
    roc: classes === 2 ? curveOf(rankingOf(1)) : null,
  };
}

/**
 * Computes the figures of a regression exactly, without bounds. For public test data alone.
 * @throws {AnswersError} `answers/input` when lengths differ or a group is out of range.
 */
export function computeExactRegression(
  predictions: Predictions,
  { groups: groupCount }: { readonly groups: number },
): RegressionMetrics {
  const { outputs, labels, groups } = predictions;
  const errors = Float64Array.from(labels, (label, i) => Math.abs((outputs[i] as number) - label));
  const [errorBound, targetMin, targetMax] = [
    errors.reduce((most, error) => Math.max(most, error), Number.MIN_VALUE),
    Array.from(labels).reduce((least, label) => Math.min(least, label), Infinity),
    Array.from(labels).reduce((most, label) => Math.max(most, label), -Infinity),
  ];
  const layout = {
    kind: 'regression',
    groups: groupCount,
    errorBound,
    targetMin,
    targetMax: targetMax > targetMin ? targetMax : targetMin + 1,
  } as const;
  assertPredictions(predictions, layout);
  const sums = new Float64Array(groupCount * REGRESSION_SUMS);
  for (let i = 0; i < labels.length; i += 1) {
    const error = (errors[i] as number) / errorBound;
    const target = ((labels[i] as number) - targetMin) / (layout.targetMax - targetMin);
    [1, error, error * error, target, target * target].forEach((part, j) => {
      const at = (groups?.[i] ?? 0) * REGRESSION_SUMS + j;
      sums[at] = (sums[at] as number) + part * REGRESSION_SCALE;
    });
  }
  const metrics = computeRegressionMetrics(layout, { counts: sums, noiseStddev: 0 });
  const spread = (of: (error: number) => number, group: number | undefined): number => {
    const values = Array.from(errors).flatMap((error, i) =>
      group === undefined || (groups?.[i] ?? 0) === group ? [of(error)] : [],
    );
    const mean = sum(values) / values.length;
    return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / Math.max(1, values.length - 1) / values.length);
  };
  const around = ({ value }: Estimate, half: number): Estimate => ({
    value,
    noiseInterval: [value, value],
    interval: [Math.max(0, value - half), value + half],
  });
  const withSpread = <T extends RegressionMetrics | RegressionMetrics['groups'][number]>(
    figures: T,
    group?: number,
  ): T => ({
    ...figures,
    meanAbsoluteError: around(figures.meanAbsoluteError, Z95 * spread((error) => error, group)),
    rootMeanSquaredError: around(
      figures.rootMeanSquaredError,
      // The delta method: d√m = dm ÷ 2√m.
      (Z95 * spread((error) => error * error, group)) /
        Math.max(Number.MIN_VALUE, 2 * figures.rootMeanSquaredError.value),
    ),
  });
  return { ...withSpread(metrics), groups: metrics.groups.map((one) => withSpread(one, one.group)) };
}
