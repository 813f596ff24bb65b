/**
 * Lower bounds on epsilon from one training run with canaries, each in or out by a fair coin.
 *
 * @module
 */

import {
  assertInteger,
  assertProbability,
  logBinomialProbability,
  logBinomialUpperTail,
  logFactorial,
  narrowBracket,
  normalCdf,
  normalQuantile,
} from '../../../foundations/numerics/index.ts';
import { calibrateAnalyticGaussian } from '../analytic-gaussian.ts';

/** What an attacker achieved: of `canaries`, guesses for some, most of them right. */
export interface OneRunOutcome {
  readonly canaries: number;
  readonly guesses: number;
  readonly correct: number;
}

/** The claim to be refuted, and how sure to be. */
export interface AuditOptions {
  readonly delta: number;
  /** The probability with which a true claim is refuted. */
  readonly significance: number;
}

function assertOutcome({ canaries, guesses, correct }: OneRunOutcome): void {
  assertInteger(canaries, 'canaries', { min: 1 });
  assertInteger(guesses, 'guesses', { max: canaries });
  assertInteger(correct, 'correct', { max: guesses });
}

/**
 * Computes the probability, under an (epsilon, delta) claim, of at least this many right guesses.
 *
 * [SNJ23] (arXiv 2305.08846 v1, theorem 5.2 and appendix D): for r guesses the number of right ones is dominated by W + F, where W
 * is binomial of r trials with probability e^ε/(1 + e^ε) and F ≥ 0 is an integer of mean at most 2mδ for m canaries. Hence
 *
 *   P(correct ≥ v) ≤ P(W ≥ v) + 2mδ · max_{1 ≤ i ≤ v} P(v > W ≥ v − i) / i.
 *
 * @returns a probability, rounded up; 1 from 2mδ ≥ v on: so many canaries at such a delta prove nothing.
 */
export function computeOneRunPValue(
  outcome: OneRunOutcome,
  { epsilon, delta }: { readonly epsilon: number; readonly delta: number },
): number {
  assertOutcome(outcome);
  assertProbability(delta, 'delta');
  const { canaries, guesses, correct } = outcome;
  const trials = { trials: guesses, probability: 1 / (1 + Math.exp(-epsilon)) };
  const tail = Math.exp(logBinomialUpperTail(correct, trials));
  const mode = Math.floor((guesses + 1) * trials.probability);
  let most = 0;
  let below = 0;
  for (let i = 1; delta > 0 && i <= correct; i += 1) {
    const term = Math.exp(logBinomialProbability(correct - i, trials));
    // Left of the mode terms only fall: once one is below the mean so far, so are all that follow.
    if (correct - i < mode && term < most) break;
    below += term;
    most = Math.max(most, below / i);
  }
  // Logarithms of factorials are good to a few ulp of themselves.
  const slack = 1 + 2 ** -49 * (1 + logFactorial(guesses));
  return Math.min(1, (tail + 2 * canaries * delta * most) * slack);
}

/** Returns the largest epsilon at which an objective that falls with epsilon is still positive. */
function largestRefuted(refuted: (epsilon: number) => number): number {
  if (!(refuted(0) > 0)) return 0;
  let high = 1;
  while (refuted(high) > 0) high *= 2;
  return narrowBracket(refuted, { low: high === 1 ? 0 : high / 2, high }, { tolerance: 1e-9 }).low;
}

/**
 * Computes the largest epsilon that a run refutes at the given significance: [SNJ23]. 0 when it refutes none.
 *
 * Guarantee: above the epsilon of a mechanism with (epsilon, delta)-differential privacy under add-or-remove-one with probability
 * at most `significance`, over the coins and the mechanism. Precondition: the coins are fair and independent, known to nobody
 * who guesses or chooses how many to guess, and the number of guesses was fixed before the right ones were counted.
 *
 * At a significance below 1/8, what is refuted is an interval that begins at 0, so that bisection finds its end. Write the bound of
 * {@link computeOneRunPValue} as the largest of h_i = (1 − c/i) P(W ≥ v) + (c/i) P(W ≥ v − i) with c = 2mδ. For i ≥ c it grows with
 * ε, as both tails do. For i < c the best i is one with v − i no more than the mode of W (terms rise towards it, so that a longer
 * sum has a larger mean), where P(W ≥ v − i) ≥ 1/4 [GM14]; then h_j ≥ c/j · 1/4 ≥ 1/8 for j = ⌈c⌉ (or v − 1 < c, where the bound
 * is 1), and h_j grows. So beyond an epsilon that is not refuted there is none that is.
 */
export function computeOneRunEpsilon(outcome: OneRunOutcome, { delta, significance }: AuditOptions): number {
  assertProbability(significance, 'significance');
  return largestRefuted((epsilon) => significance - computeOneRunPValue(outcome, { epsilon, delta }));
}

/**
 * Computes the same against the stronger claim that the run is Gaussian-DP with that (epsilon, delta): [MMC24] algorithm 3
 * (arXiv 2410.22235 v1), which refutes more.
 */
export function computeOneRunGaussianEpsilon(outcome: OneRunOutcome, { delta, significance }: AuditOptions): number {
  assertOutcome(outcome);
  const { canaries, guesses, correct } = outcome;
  return largestRefuted((epsilon) => {
    const sigma = calibrateAnalyticGaussian({ epsilon, delta });
    const blow = (x: number): number => (x <= 0 ? 0 : x >= 1 ? 1 : normalCdf(normalQuantile(x) - 1 / sigma));
    let r = (significance * correct) / canaries;
    let h = (significance * (guesses - correct)) / canaries;
    for (let i = correct - 1; i >= 0; i -= 1) {
      const next = Math.max(h, blow(r));
      if (next === h) break;
      r = Math.min(1, r + (i / (guesses - i)) * (next - h));
      h = next;
    }
    return r + h - guesses / canaries;
  });
}
