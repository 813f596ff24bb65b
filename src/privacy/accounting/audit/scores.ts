/**
 * Lower bounds on epsilon, and plain figures of an attack, from the scores of canaries that were in the data and of others
 * that were not. A higher score means "in".
 *
 * @module
 */

import { clopperPearsonUpper } from '../../../foundations/numerics/index.ts';

/** Scores of both groups. */
export interface CanaryScores {
  readonly inScores: readonly number[];
  readonly outScores: readonly number[];
}

/** Counts at one threshold: scores at or above it are called "in". */
interface Counts {
  readonly truePositives: number;
  readonly falsePositives: number;
}

/** The corners of the concave hull of the ROC curve, from nothing called "in" to everything. */
function computeHull({ inScores, outScores }: CanaryScores): readonly Counts[] {
  if (inScores.length === 0 || outScores.length === 0) throw new RangeError('both groups of scores must have members');
  const thresholds = [...new Set([...inScores, ...outScores])].sort((a, b) => b - a);
  const ins = [...inScores].sort((a, b) => b - a);
  const outs = [...outScores].sort((a, b) => b - a);
  const hull: Counts[] = [{ truePositives: 0, falsePositives: 0 }];
  let tp = 0;
  let fp = 0;
  for (const threshold of thresholds) {
    while (tp < ins.length && (ins[tp] as number) >= threshold) tp += 1;
    while (fp < outs.length && (outs[fp] as number) >= threshold) fp += 1;
    const corner = { truePositives: tp, falsePositives: fp };
    // A corner on or below the line between its neighbours is reached by tossing a coin between them.
    while (hull.length >= 2 && cross(hull.at(-2) as Counts, hull.at(-1) as Counts, corner) >= 0) hull.pop();
    hull.push(corner);
  }
  return hull;
}

function cross(a: Counts, b: Counts, c: Counts): number {
  return (
    (b.falsePositives - a.falsePositives) * (c.truePositives - b.truePositives) -
    (b.truePositives - a.truePositives) * (c.falsePositives - b.falsePositives)
  );
}

/** Computes the area under the attack's ROC curve (of its hull). */
export function computeAttackAuroc(scores: CanaryScores): number {
  const hull = computeHull(scores);
  let area = 0;
  for (let i = 1; i < hull.length; i += 1) {
    const [left, right] = [hull[i - 1] as Counts, hull[i] as Counts];
    area += ((left.truePositives + right.truePositives) * (right.falsePositives - left.falsePositives)) / 2;
  }
  return area / (scores.inScores.length * scores.outScores.length);
}

/** Computes the best accuracy of a threshold, with the groups as frequent as they are. */
export function computeAttackAccuracy(scores: CanaryScores): number {
  const { inScores, outScores } = scores;
  const right = computeHull(scores).map(
    ({ truePositives, falsePositives }) => truePositives + outScores.length - falsePositives,
  );
  return Math.max(...right) / (inScores.length + outScores.length);
}

/** Computes the largest true-positive rate at a false-positive rate, randomising between thresholds. */
export function computeTprAtFpr(scores: CanaryScores, falsePositiveRate: number): number {
  const hull = computeHull(scores);
  const wanted = falsePositiveRate * scores.outScores.length;
  const last = hull.length - 1;
  let i = hull.findIndex(({ falsePositives }) => falsePositives > wanted);
  if (i === -1) i = last;
  const [left, right] = [hull[i - 1] as Counts, hull[i] as Counts];
  const share = (wanted - left.falsePositives) / (right.falsePositives - left.falsePositives);
  return (left.truePositives + share * (right.truePositives - left.truePositives)) / scores.inScores.length;
}

/**
 * Estimates epsilon as log(TPR/FPR) with at least `minCount` false positives. An estimate, not a bound: it has no
 * confidence attached.
 */
export function estimateEpsilonFromCounts(
  scores: CanaryScores,
  { minCount = 50 }: { readonly minCount?: number } = {},
): number {
  const rate = minCount / scores.outScores.length;
  return rate >= 1 ? 0 : Math.max(0, Math.log(computeTprAtFpr(scores, rate) / rate));
}

/**
 * Computes the largest epsilon refuted by exact confidence bounds on both error rates [JUO20] §4 (arXiv 2006.07709 v1), at
 * thresholds that are fixed before any score is seen.
 *
 * Guarantee: above the epsilon of a mechanism with (epsilon, delta)-differential privacy with probability at most `significance`.
 * Precondition: the scores are independent, those of each group alike in distribution: of independent runs on two neighbours,
 * one score a run. Scores of many canaries of one run are not; {@link computeOneRunEpsilon} is for those.
 *
 * Threshold j is the score that j of the n others exceed, for j = 0 and the powers of two below n. The chance that another
 * exceeds it has, for scores without ties, the distribution Beta(j + 1, n − j), whose quantile is the bound of Clopper and Pearson; ties
 * only lower that chance. Given the others' scores the threshold is a number, so that the count above it on the other side is
 * binomial. The significance is divided among both bounds of all thresholds, whose number n alone decides. Dividing it
 * among the corners of the ROC hull, as is often done, proves nothing: the hull has few corners and was chosen among all thresholds.
 */
export function computeScoresEpsilon(
  { inScores, outScores }: CanaryScores,
  { significance, delta = 0 }: { readonly significance: number; readonly delta?: number },
): number {
  const [ins, outs] = [inScores.length, outScores.length];
  if (ins === 0 || outs === 0) throw new RangeError('both groups of scores must have members');
  const allowed = [0];
  for (let count = 1; count < outs; count *= 2) allowed.push(count);
  const share = significance / allowed.length / 2;
  const descending = [...outScores].sort((a, b) => b - a);
  let best = 0;
  for (const falsePositives of allowed) {
    const threshold = descending[falsePositives] as number;
    const missed = inScores.filter((score) => !(score > threshold)).length;
    const fnr = clopperPearsonUpper(missed, ins, share);
    const fpr = clopperPearsonUpper(falsePositives, outs, share);
    for (const ratio of [(1 - fnr - delta) / fpr, (1 - fpr - delta) / fnr]) {
      if (ratio > 1) best = Math.max(best, Math.log(ratio));
    }
  }
  return best;
}
