/**
 * Lower bounds on epsilon from one training run with canaries, each in or out by a fair coin.
 *
 * @module
 */

import {
  assertInteger,
  assertProbability,
  logBinomialUpperTail,
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
 * Computes the probability, under an (epsilon, delta) claim, of at least this many right guesses: [SNJ23] theorem 5.2
 * (arXiv 2305.08846 v1).
 */
export function computeOneRunPValue(
  outcome: OneRunOutcome,
  { epsilon, delta }: { readonly epsilon: number; readonly delta: number },
): number {
  assertOutcome(outcome);
  const { canaries, guesses, correct } = outcome;
  const trials = { trials: guesses, probability: 1 / (1 + Math.exp(-epsilon)) };
  const tail = (k: number): number => Math.exp(logBinomialUpperTail(k, trials));
  const beta = tail(correct);
  if (delta === 0) return beta;
  let alpha = 0;
  for (let i = 1; i <= correct; i += 1) alpha = Math.max(alpha, (tail(correct - i) - beta) / i);
  return Math.min(1, beta + 2 * canaries * delta * alpha);
}

/** Returns the largest epsilon at which an objective that falls with epsilon is still positive. */
function largestRefuted(refuted: (epsilon: number) => number): number {
  if (!(refuted(0) > 0)) return 0;
  let high = 1;
  while (refuted(high) > 0) high *= 2;
  return narrowBracket(refuted, { low: high === 1 ? 0 : high / 2, high }, { tolerance: 1e-9 }).low;
}

/** Computes the largest epsilon that a run refutes at the given significance: [SNJ23]. */
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
