/**
 * How well an attack tells members from others: its curve, its rates with exact intervals, and the ε that they refute.
 *
 * @module
 */

import { assertInteger, clopperPearsonUpper } from '../foundations/numerics/index.ts';
import { computeAuc } from '../learning/answers/index.ts';

/** Scores of those who were in the training data and of those who were not; higher for those that seem to be in. */
export interface AttackScores {
  readonly members: Float64Array;
  readonly nonMembers: Float64Array;
}

/** A point of the curve. */
export interface RocPoint {
  readonly fpr: number;
  readonly tpr: number;
}

/** A proportion with its interval of Clopper and Pearson. */
export interface Rate {
  readonly value: number;
  readonly interval: readonly [low: number, high: number];
}

/** The rates at one threshold, which was chosen on other examples than those it is measured on. */
export interface RatesAtThreshold {
  /** False positive rate that was aimed at. */
  readonly target: number;
  readonly tpr: Rate;
  readonly fpr: Rate;
}

/** What an attack reaches. Plain data. */
export interface AttackRates {
  readonly members: number;
  readonly nonMembers: number;
  /** Chance that a member scores above another; 1/2 is blind guessing. */
  readonly auc: number;
  /** Most that the true positive rate is above the false positive rate, at the best threshold in hindsight. */
  readonly advantage: number;
  /** Rates at low false positive rates: whom it singles out with certainty. */
  readonly atLowFpr: readonly RatesAtThreshold[];
  /** The curve, thinned. */
  readonly roc: readonly RocPoint[];
}

/** Rates of false alarms at which an attack is looked at, besides the whole curve [CCNSTT22]. */
export const LOW_FPRS = [0.01, 0.001];
const CURVE_POINTS = 400;

/** The two-sided interval of a proportion, exact for every sample size. */
export function clopperPearson(successes: number, trials: number, confidence: number): readonly [number, number] {
  assertInteger(trials, 'trials', { min: 1 });
  assertInteger(successes, 'successes', { min: 0, max: trials });
  const tail = (1 - confidence) / 2;
  return [1 - clopperPearsonUpper(trials - successes, trials, tail), clopperPearsonUpper(successes, trials, tail)];
}

/** Counts of an attack that was made in independent trials. */
export interface AttackCounts {
  readonly truePositives: number;
  readonly members: number;
  readonly falsePositives: number;
  readonly nonMembers: number;
}

/**
 * Returns a lower bound on ε from the rates of an attack: (ε, δ)-differential privacy allows at most TPR ≤ e^ε · FPR + δ and
 * 1 − FPR ≤ e^ε · (1 − TPR) + δ.
 *
 * Guarantee: above the ε of the mechanism with probability at most 1 − confidence, by a one-sided bound of Clopper and Pearson
 * for each rate at half of it. Precondition: the trials are independent runs of the mechanism on one pair of neighbours, at a
 * threshold fixed before. Many examples of **one** run are no such trials: {@link auditOneRun} is for those.
 */
export function computeEpsilonFromRates(
  { truePositives, members, falsePositives, nonMembers }: AttackCounts,
  { delta, confidence = 0.95 }: { readonly delta: number; readonly confidence?: number },
): number {
  if (!(delta >= 0 && delta < 1)) throw new RangeError(`"delta" must be in [0, 1), got ${delta}`);
  const [tprLow] = clopperPearson(truePositives, members, confidence);
  const [, fprHigh] = clopperPearson(falsePositives, nonMembers, confidence);
  const bounds = [(tprLow - delta) / fprHigh, (1 - fprHigh - delta) / (1 - tprLow)];
  return Math.max(0, ...bounds.filter((ratio) => ratio > 0).map((ratio) => Math.log(ratio)));
}

/** The highest true positive rate that (ε, δ)-differential privacy allows any attack at a false positive rate. */
export function boundTpr(fpr: number, { epsilon, delta }: { epsilon: number; delta: number }): number {
  return Math.min(1, Math.exp(epsilon) * fpr + delta, 1 - Math.exp(-epsilon) * (1 - delta - fpr));
}

/** Measures an attack. @throws {RangeError} when there is nobody on one side. */
export function measureAttack(
  { members, nonMembers }: AttackScores,
  { confidence = 0.95 }: { readonly confidence?: number } = {},
): AttackRates {
  assertInteger(members.length, 'members', { min: 1 });
  assertInteger(nonMembers.length, 'nonMembers', { min: 1 });
  const scores = new Float64Array(members.length + nonMembers.length);
  scores.set(members);
  scores.set(nonMembers, members.length);
  const curve = rocOf({ members, nonMembers });
  return {
    members: members.length,
    nonMembers: nonMembers.length,
    auc: computeAuc(scores, (i) => i < members.length),
    advantage: Math.max(...curve.map(({ fpr, tpr }) => tpr - fpr)),
    atLowFpr: LOW_FPRS.map((target) => ratesAt({ members, nonMembers }, { target, confidence })),
    roc: thin(curve),
  };
}

/** The false positive rate at every threshold, and the true one with it. */
function rocOf({ members, nonMembers }: AttackScores): RocPoint[] {
  const down = (scores: Float64Array): Float64Array => scores.toSorted().reverse();
  const [ins, outs] = [down(members), down(nonMembers)];
  const points: RocPoint[] = [{ fpr: 0, tpr: 0 }];
  let [i, j] = [0, 0];
  while (i < ins.length || j < outs.length) {
    const threshold = Math.max(ins[i] ?? -Infinity, outs[j] ?? -Infinity);
    while (i < ins.length && (ins[i] as number) >= threshold) i += 1;
    while (j < outs.length && (outs[j] as number) >= threshold) j += 1;
    points.push({ fpr: j / outs.length, tpr: i / ins.length });
  }
  return points;
}

/** The threshold comes from every second example outside, the rates from all that did not choose it. */
function ratesAt(
  { members, nonMembers }: AttackScores,
  { target, confidence }: { target: number; confidence: number },
): RatesAtThreshold {
  const chosen = nonMembers
    .filter((_, i) => i % 2 === 0)
    .sort()
    .reverse();
  const threshold = chosen[Math.floor(target * chosen.length)] as number;
  const others = nonMembers.filter((_, i) => i % 2 === 1);
  return { target, tpr: rateAbove(members, threshold, confidence), fpr: rateAbove(others, threshold, confidence) };
}

function rateAbove(scores: Float64Array, threshold: number, confidence: number): Rate {
  if (scores.length === 0) return { value: Number.NaN, interval: [0, 1] };
  const above = scores.filter((score) => score > threshold).length;
  return { value: above / scores.length, interval: clopperPearson(above, scores.length, confidence) };
}

/** Keeps the points at which the curve turns most: equal steps along it. */
function thin(curve: readonly RocPoint[]): RocPoint[] {
  if (curve.length <= CURVE_POINTS) return [...curve];
  const kept: RocPoint[] = [];
  let at = -1;
  for (const point of curve) {
    const along = Math.floor(((point.fpr + point.tpr) / 2) * CURVE_POINTS);
    if (along > at || point.fpr < 0.01) kept.push(point);
    at = Math.max(at, along);
  }
  const last = curve.at(-1) as RocPoint;
  if (kept.at(-1) !== last) kept.push(last);
  return kept;
}
