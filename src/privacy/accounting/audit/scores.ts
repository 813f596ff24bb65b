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
 * Computes the largest epsilon refuted by exact confidence bounds on both error rates, corrected for having looked at every
 * corner of the ROC hull (Bonferroni): [JUO20] section 4 (arXiv 2006.07709 v1).
 */
export function computeScoresEpsilon(
  scores: CanaryScores,
  { significance, delta = 0 }: { readonly significance: number; readonly delta?: number },
): number {
  const hull = computeHull(scores);
  const share = significance / hull.length / 2;
  const { length: ins } = scores.inScores;
  const { length: outs } = scores.outScores;
  let best = 0;
  for (const { truePositives, falsePositives } of hull) {
    const tpr = 1 - clopperPearsonUpper(ins - truePositives, ins, share);
    const fpr = clopperPearsonUpper(falsePositives, outs, share);
    if (tpr > delta) best = Math.max(best, Math.log((tpr - delta) / fpr));
  }
  return best;
}
