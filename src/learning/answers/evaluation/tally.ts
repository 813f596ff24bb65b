/**
 * What an evaluation counts. Every figure of an evaluation follows from integer counts to which one example adds a
 * vector of known length: so the counts alone have to be protected, by noise, in a secure sum, or both.
 *
 * Two classes: one cell for (group, label, bin of the score); confusion, rates, AUC and calibration all follow from it.
 * More classes: one cell for (group, label, prediction) and one for (bin of confidence, right or wrong); on request one a
 * class for (class, is it the label, bin of its score), which gives the areas under the curves. Regression: five bounded
 * sums on an integer grid.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { AnswersError } from '../errors.ts';

/** Counts of a classifier. */
export interface ClassificationLayout {
  readonly kind: 'classification';
  readonly classes: number;
  /** Groups that are compared; 1 for none. */
  readonly groups: number;
  /** Bins of scores and of confidence; even, so that one half is an edge. */
  readonly bins: number;
  /** Scores of every class, for areas under the curves of more than two classes. */
  readonly scoresOfAll: boolean;
}

/** Sums of a regression. Public bounds: an error or target beyond them counts as the bound. */
export interface RegressionLayout {
  readonly kind: 'regression';
  readonly groups: number;
  /** Bound of |prediction − target|. */
  readonly errorBound: number;
  readonly targetMin: number;
  readonly targetMax: number;
}

/** What is counted, and where. All of it is public and fixed before the data is read. */
export type TallyLayout = ClassificationLayout | RegressionLayout;

/** Steps that a bounded value is rounded to: its error is at most half a thousandth of the bound an example. */
export const REGRESSION_SCALE = 1000;
/** Sums a group: examples, |error|, error², target, target². */
export const REGRESSION_SUMS = 5;

/** Parts of a vector of counts. */
export interface ClassificationOffsets {
  /** `[group][label][bin]` for two classes, `[group][label][prediction]` for more. */
  readonly main: number;
  /** `[bin][wrong, right]`; more than two classes. */
  readonly calibration: number;
  /** `[class][not the label, the label][bin]`; on request. */
  readonly scores: number;
  readonly length: number;
}

/** Where the parts of a classifier's counts begin. */
export function offsetsOf({ classes, groups, bins, scoresOfAll }: ClassificationLayout): ClassificationOffsets {
  if (classes === 2) return { main: 0, calibration: -1, scores: -1, length: groups * 2 * bins };
  const calibration = groups * classes * classes;
  const scores = calibration + 2 * bins;
  return { main: 0, calibration, scores, length: scores + (scoresOfAll ? classes * 2 * bins : 0) };
}

/** How many integers are counted. */
export function dimensionOf(layout: TallyLayout): number {
  return layout.kind === 'classification' ? offsetsOf(layout).length : layout.groups * REGRESSION_SUMS;
}

/** The L2 norm of what one example adds: the sensitivity under add-or-remove-one. */
export function sensitivityOf(layout: TallyLayout): number {
  if (layout.kind === 'regression') return Math.sqrt(REGRESSION_SUMS) * REGRESSION_SCALE;
  if (layout.classes === 2) return 1;
  return Math.sqrt(2 + (layout.scoresOfAll ? layout.classes : 0));
}

/** Checks a layout. @throws {RangeError} */
export function assertLayout(layout: TallyLayout): void {
  assertInteger(layout.groups, 'groups', { min: 1, max: 1000 });
  if (layout.kind === 'classification') {
    assertInteger(layout.classes, 'classes', { min: 2, max: 10_000 });
    assertInteger(layout.bins, 'bins', { min: 2, max: 4096 });
    if (layout.bins % 2 !== 0) throw new RangeError(`"bins" must be even, got ${layout.bins}`);
    return;
  }
  const { errorBound, targetMin, targetMax } = layout;
  if (!(errorBound > 0 && errorBound < Infinity)) {
    throw new RangeError(`"errorBound" must be a finite number > 0, got ${errorBound}`);
  }
  if (!(targetMin < targetMax && Number.isFinite(targetMax - targetMin))) {
    throw new RangeError(`"targetMin" must be below "targetMax", got ${targetMin} and ${targetMax}`);
  }
}

/** Predictions on test data, in the clear; they never leave whoever holds the data. */
export interface Predictions {
  /** Classification: probabilities, `classes` an example. Regression: one number an example. */
  readonly outputs: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  /** Group of every example; all in group 0 by default. */
  readonly groups?: ArrayLike<number>;
}

function clamp(value: number, low: number, high: number): number {
  return value >= low ? (value <= high ? value : high) : low;
}

/** The bin of a score in [0, 1]. What is not a number counts as 0. */
function binOf(score: number, bins: number): number {
  return clamp(Math.floor(score * bins), 0, bins - 1);
}

/** The class of the largest probability, the first of equals. */
export function argmax(outputs: ArrayLike<number>, from: number, classes: number): number {
  let best = 0;
  for (let j = 1; j < classes; j += 1) {
    if ((outputs[from + j] as number) > (outputs[from + best] as number)) best = j;
  }
  return best;
}

/**
 * Checks that predictions go together and lie in a layout.
 * @throws {AnswersError} `answers/input` when lengths differ or a label or group is out of range.
 */
export function assertPredictions({ outputs, labels, groups }: Predictions, layout: TallyLayout): void {
  assertLayout(layout);
  const width = layout.kind === 'classification' ? layout.classes : 1;
  if (outputs.length !== labels.length * width || (groups !== undefined && groups.length !== labels.length)) {
    throw new AnswersError(
      'answers/input',
      `${labels.length} labels need ${labels.length * width} outputs${groups === undefined ? '' : ` and as many groups`}, got ${outputs.length}${groups === undefined ? '' : ` and ${groups.length}`}`,
    );
  }
  for (let i = 0; i < labels.length; i += 1) {
    const group = groups?.[i] ?? 0;
    const label = labels[i] as number;
    if (!(Number.isInteger(group) && group >= 0 && group < layout.groups)) {
      throw new AnswersError('answers/input', `the group of an example must be in [0, ${layout.groups - 1}]`);
    }
    const good = layout.kind === 'regression' || (Number.isInteger(label) && label >= 0 && label < layout.classes);
    if (!good) throw new AnswersError('answers/input', `a label must be an integer in [0, ${width - 1}]`);
  }
}

/**
 * Counts predictions.
 * Each example adds a vector of L2 norm {@link sensitivityOf} at most, whatever it holds: labels, scores and groups out of
 * range are refused before anything is counted.
 * @throws {AnswersError} `answers/input` when lengths differ or a label or group is out of range.
 */
export function computeTally(predictions: Predictions, layout: TallyLayout): Int32Array {
  assertPredictions(predictions, layout);
  const { outputs, labels, groups } = predictions;
  const counts = new Int32Array(dimensionOf(layout));
  const bump = (at: number, by = 1): void => {
    counts[at] = (counts[at] as number) + by;
  };
  for (let i = 0; i < labels.length; i += 1) {
    const group = groups?.[i] ?? 0;
    const label = labels[i] as number;
    if (layout.kind === 'regression') {
      const { errorBound, targetMin, targetMax } = layout;
      const error = Math.min(1, Math.abs((outputs[i] as number) - label) / errorBound);
      const target = clamp((label - targetMin) / (targetMax - targetMin), 0, 1);
      // What is not a number counts as the largest error.
      const parts = [
        1,
        Number.isNaN(error) ? 1 : error,
        Number.isNaN(error) ? 1 : error * error,
        target,
        target * target,
      ];
      parts.forEach((part, j) => bump(group * REGRESSION_SUMS + j, Math.round(part * REGRESSION_SCALE)));
      continue;
    }
    const { classes, bins, scoresOfAll } = layout;
    if (classes === 2) {
      bump((group * 2 + label) * bins + binOf(outputs[2 * i + 1] as number, bins));
      continue;
    }
    const { calibration, scores } = offsetsOf(layout);
    const predicted = argmax(outputs, i * classes, classes);
    bump((group * classes + label) * classes + predicted);
    const confidence = binOf(outputs[i * classes + predicted] as number, bins);
    bump(calibration + 2 * confidence + (predicted === label ? 1 : 0));
    if (!scoresOfAll) continue;
    for (let j = 0; j < classes; j += 1) {
      bump(scores + (2 * j + (j === label ? 1 : 0)) * bins + binOf(outputs[i * classes + j] as number, bins));
    }
  }
  return counts;
}

/** The exact area under the receiver operating curve: the share of pairs in the right order, ties as half. */
export function computeAuc(scores: ArrayLike<number>, isPositive: (example: number) => boolean): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  let below = 0;
  let pairs = 0;
  let positives = 0;
  for (let i = 0; i < order.length;) {
    let end = i;
    let here = 0;
    let negatives = 0;
    while (end < order.length && scores[order[end] as number] === scores[order[i] as number]) {
      if (isPositive(order[end] as number)) here += 1;
      else negatives += 1;
      end += 1;
    }
    if (end === i) end = i + 1;
    pairs += here * (below + negatives / 2);
    below += negatives;
    positives += here;
    i = end;
  }
  return pairs / (positives * below);
}
