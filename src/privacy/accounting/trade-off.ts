/**
 * The whole trade-off: delta as a function of epsilon, and what that means for somebody who tests whether a record was in
 * the data (false positives against false negatives, [DRS22]).
 *
 * @module
 */

import type { Accountant, Interval } from './accountant.ts';

/** A point of the privacy curve. */
export interface PrivacyPoint {
  readonly epsilon: number;
  readonly delta: Interval;
}

/** Computes delta at each of the given epsilons. */
export function computePrivacyCurve(accountant: Accountant, epsilons: readonly number[]): readonly PrivacyPoint[] {
  return epsilons.map((epsilon) => ({ epsilon, delta: accountant.deltaInterval(epsilon) }));
}

/** What a test with at most `falsePositiveRate` can achieve. */
export interface TradeOffPoint {
  readonly falsePositiveRate: number;
  /** No test has fewer false negatives. */
  readonly falseNegativeRate: number;
}

/**
 * Computes the least false-negative rate of any test at each false-positive rate, from points of the privacy curve:
 * the largest of 1 − δ − e^ε·α and e^{−ε}·(1 − δ − α) over the points ([DRS22] proposition 2.4).
 * **Guarantee**: no membership test does better, whatever it knows of the other records.
 */
export function computeTradeOff(
  points: readonly PrivacyPoint[],
  falsePositiveRates: readonly number[],
): readonly TradeOffPoint[] {
  return falsePositiveRates.map((alpha) => {
    let least = 0;
    for (const { epsilon, delta } of points) {
      const rest = 1 - delta.upper;
      least = Math.max(least, rest - Math.exp(epsilon) * alpha, Math.exp(-epsilon) * (rest - alpha));
    }
    return { falsePositiveRate: alpha, falseNegativeRate: Math.min(1 - alpha, Math.max(0, least)) };
  });
}
