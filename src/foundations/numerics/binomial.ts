/**
 * Binomial probabilities, their tails, and the exact confidence bound that inverts them.
 *
 * @module
 */

import { logBinomial } from './gamma.ts';
import { log1mExp, logSumExp } from './log-space.ts';
import { narrowBracket } from './roots.ts';

/** How many independent trials, and the probability of success of each. */
export interface Trials {
  readonly trials: number;
  readonly probability: number;
}

/** Returns log P(X = k). */
export function logBinomialProbability(k: number, { trials, probability }: Trials): number {
  if (k < 0 || k > trials) return -Infinity;
  const success = k === 0 ? 0 : k * Math.log(probability);
  const failure = k === trials ? 0 : (trials - k) * Math.log1p(-probability);
  return logBinomial(trials, k) + success + failure;
}

/** Returns log P(X ≥ k), summed over the side on which the terms fall, so that no tail is lost to cancellation. */
export function logBinomialUpperTail(k: number, of: Trials): number {
  const { trials, probability } = of;
  if (k <= 0) return 0;
  if (k > trials || probability === 0) return -Infinity;
  if (probability === 1) return 0;
  const upper = k > trials * probability;
  const logs: number[] = [];
  let best = -Infinity;
  for (let i = upper ? k : k - 1; i >= 0 && i <= trials; i += upper ? 1 : -1) {
    const log = logBinomialProbability(i, of);
    logs.push(log);
    best = Math.max(best, log);
    if (log < best - 50) break;
  }
  const sum = Math.min(0, logSumExp(logs));
  return upper ? sum : log1mExp(sum);
}

/**
 * Returns the one-sided upper confidence bound of Clopper and Pearson: the largest success probability under which k or
 * fewer successes have probability `significance`.
 */
export function clopperPearsonUpper(k: number, trials: number, significance: number): number {
  if (k >= trials) return 1;
  const excess = (probability: number): number =>
    log1mExp(Math.min(-1e-300, logBinomialUpperTail(k + 1, { trials, probability }))) - Math.log(significance);
  return narrowBracket(excess, { low: 1e-300, high: 1 - 1e-16 }, { tolerance: 1e-15 }).high;
}
