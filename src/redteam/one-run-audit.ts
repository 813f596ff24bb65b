/**
 * From scores of canaries to a lower bound on ε: who is guessed to be in, who out, and what the right guesses prove beside
 * what the ledger claims.
 *
 * @module
 */

import { assertInteger } from '../foundations/numerics/index.ts';
import type { Rng } from '../foundations/random/index.ts';
import { computeOneRunEpsilon, computeOneRunPValue, type OneRunOutcome } from '../privacy/accounting/index.ts';

/** How many are guessed: the highest scores to be in, the lowest to be out. */
export interface GuessCounts {
  readonly in: number;
  readonly out: number;
}

/** One way of guessing and what it proves by itself. */
export interface GuessOutcome extends GuessCounts, OneRunOutcome {
  /** ε refuted at this way's part of the significance. */
  readonly epsilonLower: number;
}

/** What an audit found. Plain data. */
export interface OneRunAudit {
  readonly canaries: number;
  readonly delta: number;
  readonly confidence: number;
  /** The best of `outcomes`; the confidence holds for it. */
  readonly epsilonLower: number;
  /** What the same canaries would have proved of a mechanism that hides nothing. */
  readonly epsilonDetectable: number;
  readonly outcomes: readonly GuessOutcome[];
  /** ε of the ledger; null where it claims nothing. */
  readonly claimed: number | null;
  /** Bound on the probability of the best outcome under the claim, all ways of guessing counted; null without a claim. */
  readonly pValue: number | null;
  /** Whether the lower bound is above the claim: then the claim is wrong, at this confidence. */
  readonly refuted: boolean;
}

/** Shares of the canaries that are guessed. Fixed: chosen by looking at results, they would void the bound. */
const SHARES = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32];

/** Tosses a fair coin for each canary. Secret until everything is guessed. */
export function tossCoins(canaries: number, rng: Rng): Uint8Array {
  assertInteger(canaries, 'canaries', { min: 1, max: 10_000_000 });
  return rng.bytes(canaries).map((byte) => byte & 1);
}

/**
 * The ways of guessing that an audit of so many canaries tries. An included example leaves a trace in the steps it was drawn
 * for, while an absent one leaves nothing: so some ways guess only who is in.
 */
export function guessPlan(canaries: number): readonly GuessCounts[] {
  const counts = [...new Set(SHARES.map((share) => Math.floor(canaries * share)))].filter((count) => count > 0);
  return counts.flatMap((count) => {
    const half = { in: Math.ceil(count / 2), out: Math.floor(count / 2) };
    return count === canaries ? [half] : [half, { in: count, out: 0 }];
  });
}

/**
 * Guesses coins from scores and bounds ε.
 *
 * Guarantee: `epsilonLower` exceeds the ε of a mechanism with (ε, δ)-differential privacy with probability at most
 * 1 − confidence, by {@link computeOneRunEpsilon} for each way of guessing at an equal part of it, and the union bound. Not
 * covered: that ε is no larger. A lower bound is no proof of privacy.
 * @param request - `scores`, higher for those that seem to be in, a function of what the mechanism showed and of nothing that
 * depends on the coins; `coins`, 1 for who was in; `ways` in place of those of {@link guessPlan}, chosen without the coins.
 * @throws {RangeError} when lengths differ, a score is NaN, or δ is too large for so many canaries.
 */
export function auditOneRun({
  scores,
  coins,
  delta,
  confidence = 0.95,
  claimed = null,
  ways = guessPlan(coins.length),
}: {
  readonly scores: ArrayLike<number>;
  readonly coins: Uint8Array;
  readonly delta: number;
  readonly confidence?: number;
  readonly claimed?: number | null;
  readonly ways?: readonly GuessCounts[];
}): OneRunAudit {
  const canaries = coins.length;
  if (scores.length !== canaries) throw new RangeError(`${scores.length} scores for ${canaries} canaries`);
  if (ways.length === 0) throw new RangeError('"ways" must name at least one way of guessing');
  const order = Array.from({ length: canaries }, (_, i) => i);
  if (order.some((i) => Number.isNaN(scores[i]))) throw new RangeError('"scores" must not be NaN');
  // Ties stand in the order of the canaries, which says nothing about the coins.
  order.sort((a, b) => {
    const [x, y] = [scores[a] as number, scores[b] as number];
    return x === y ? a - b : x > y ? -1 : 1;
  });
  const significance = (1 - confidence) / ways.length;
  const outcomes = ways.map((way): GuessOutcome => {
    const guesses = way.in + way.out;
    assertInteger(guesses, 'guesses', { min: 1, max: canaries });
    let correct = 0;
    for (let i = 0; i < way.in; i += 1) correct += coins[order[i] as number] as number;
    for (let i = canaries - way.out; i < canaries; i += 1) correct += 1 - (coins[order[i] as number] as number);
    const seen = { canaries, guesses, correct };
    return { ...way, ...seen, epsilonLower: computeOneRunEpsilon(seen, { delta, significance }) };
  });
  const epsilonLower = Math.max(...outcomes.map((outcome) => outcome.epsilonLower));
  const pValues =
    claimed === null ? [] : outcomes.map((seen) => computeOneRunPValue(seen, { epsilon: claimed, delta }));
  const everything = { canaries, guesses: canaries, correct: canaries };
  return {
    canaries,
    delta,
    confidence,
    epsilonLower,
    epsilonDetectable: computeOneRunEpsilon(everything, { delta, significance }),
    outcomes,
    claimed,
    pValue: claimed === null ? null : Math.min(1, ways.length * Math.min(...pValues)),
    refuted: claimed !== null && epsilonLower > claimed,
  };
}
