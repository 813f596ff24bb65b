/**
 * Looking at one private test set many times. Sparse vector: candidates are compared with the best one so far, and only
 * those found better are ever told apart, so that any number of looks costs what `maxImprovements` answers cost.
 *
 * The other way, a budget for the hold-out, is a quota of its ledger: `quotas: { evaluation: 0.5 }` admits releases of
 * {@link evaluatePrivately} until that much is spent, and not one more.
 *
 * @module
 */

import type { Rng } from '../../../foundations/random/index.ts';
import type { Ledger } from '../../../privacy/accounting/index.ts';
import { createSparseVector } from '../../../privacy/mechanisms/index.ts';
import { AnswersError } from '../errors.ts';

/** A leaderboard over a private hold-out. */
export interface RepeatedLooks {
  /** Looks that were taken. */
  readonly looks: number;
  /** How many more improvements can be reported. */
  readonly remaining: number;
  /**
   * Asks whether a candidate is right on clearly more examples than the best one so far; if so, it becomes the best.
   * @param isRight - one entry an example: not 0 where the candidate is right. It must be of the whole hold-out.
   * @throws {AnswersError} `answers/quota` when all improvements have been reported; `answers/input` for another length.
   */
  look(isRight: ArrayLike<number>): boolean;
}

/**
 * Opens a leaderboard: charges all of it now.
 * Guarantee: epsilon-DP for one example, for all looks together. One example changes the difference of two counts of
 * right answers by at most one.
 * @param options - `baseline`: right answers of the model to beat, one entry an example. `minImprovement`: examples that
 * a candidate must be right on beyond the best one; the noise is of the order of 4·maxImprovements/epsilon.
 * @see [LSL17], [BH15] for leaderboards that only tell improvements
 */
export async function openRepeatedLooks(
  {
    baseline,
    minImprovement,
    epsilon,
    maxImprovements,
    ledger,
    purpose = 'evaluation',
  }: {
    readonly baseline: ArrayLike<number>;
    readonly minImprovement: number;
    readonly epsilon: number;
    readonly maxImprovements: number;
    readonly ledger: Pick<Ledger, 'reserve' | 'commit'>;
    readonly purpose?: string;
  },
  rng: Rng,
): Promise<RepeatedLooks> {
  const mechanism = createSparseVector({ epsilon, sensitivity: 1, maxAbove: maxImprovements });
  const reservation = await ledger.reserve({ event: mechanism.event(), purpose });
  const session = mechanism.open(minImprovement, rng);
  await ledger.commit(reservation);
  let best = Uint8Array.from(baseline, (right) => (right === 0 ? 0 : 1));
  let looks = 0;
  return {
    get looks() {
      return looks;
    },
    get remaining() {
      return session.remaining;
    },
    look(isRight) {
      if (isRight.length !== best.length) {
        throw new AnswersError('answers/input', 'a candidate must be looked at on the whole hold-out');
      }
      if (session.remaining === 0) {
        throw new AnswersError(
          'answers/quota',
          'all improvements were reported: open another leaderboard, at its own charge',
        );
      }
      looks += 1;
      const candidate = Uint8Array.from(isRight, (right) => (right === 0 ? 0 : 1));
      let difference = 0;
      for (let i = 0; i < best.length; i += 1) difference += (candidate[i] as number) - (best[i] as number);
      if (!session.isAbove(difference)) return false;
      best = candidate;
      return true;
    },
  };
}
