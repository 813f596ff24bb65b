/**
 * Private aggregation of teachers: models trained on disjoint parts of the data vote, and the winner is told with noise on
 * every count, when a noisy check finds enough of them agreeing (Confident-GNMax). [PSMRTE18]
 *
 * What is charged, and what is refused for want of budget, follows from the noise alone and never from the votes, so that
 * neither charges nor refusals tell anything. What the votes really told is usually far less: it is published once, with
 * noise, at the end (`vote-publication.ts`).
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import type { DpEvent, Ledger } from '../../../privacy/accounting/index.ts';
import { createDiscreteGaussianMechanism } from '../../../privacy/mechanisms/index.ts';
import { AnswersError } from '../errors.ts';
import { createPublication, type PublicationOptions, type PublishedCost } from './vote-publication.ts';

/** An answer, or an abstention: both are charged, and both say nothing beyond the noisy votes. */
export type VoteAnswer = { readonly kind: 'answer'; readonly label: number } | { readonly kind: 'no-consensus' };

/** What is remembered of votes, from one opening to the next. As private as the votes: it is for the publication alone. */
export type VoteEntry =
  /** A query whose check was charged. */
  | { readonly kind: 'query' }
  /** An answer that is about to be told: winner minus runner-up. */
  | { readonly kind: 'answer'; readonly gap: number }
  /** The cost was published: nothing more is answered. */
  | { readonly kind: 'published' };

/** How votes become an answer. All of it is public. */
export interface PrivateVotesOptions {
  readonly teachers: number;
  readonly classes: number;
  /** Noisy votes that the winner must have. */
  readonly threshold: number;
  /** σ of the noise on the highest count, for the check. */
  readonly checkStddev: number;
  /** σ of the noise on every count, for the answer. */
  readonly answerStddev: number;
  /** Of the data the teachers were trained on. Callers may collude: there is one budget for all of them. */
  readonly ledger: Pick<Ledger, 'reserve' | 'commit' | 'abort'>;
  readonly purpose?: string;
  /** What {@link remember} was told before: a publication covers every answer that was ever told, restarts included. */
  readonly earlier?: Iterable<VoteEntry>;
  /** Told of every step before anything of it leaves; to be kept where only the data's holder reads. */
  readonly remember?: (entry: VoteEntry) => void;
}

/** Answers from votes. */
export interface PrivateVotes {
  /** Charged for every query. */
  readonly checkEvent: DpEvent;
  /** Charged beside it for every query that is answered. */
  readonly answerEvent: DpEvent;
  /**
   * Answers one query.
   * @param votes - asks the teachers: one label each. Called once the check is paid for.
   * @throws `AccountingError` 'accounting/budget-exceeded' before the teachers are asked, or before the answer is drawn.
   */
  answer(votes: () => ArrayLike<number> | Promise<ArrayLike<number>>, rng: Rng): Promise<VoteAnswer>;
  /**
   * Publishes, charged and once, what the answers so far cost this data. Nothing is answered afterwards: what is published
   * would not hold for it.
   * @throws {AnswersError} 'answers/closed' when that was done; `AccountingError` 'accounting/budget-exceeded' before it is.
   */
  publishCost(options: PublicationOptions, rng: Rng): Promise<PublishedCost>;
}

/**
 * Prepares private aggregation.
 * Guarantee: each query costs `checkEvent`, and `answerEvent` when it is answered, for one example of one teacher: it can
 * change one vote, which moves the highest count by at most one and the vector of counts by at most √2.
 * Precondition: no example was used by two teachers, and teachers do not learn from each other.
 * @throws {RangeError} when an option is out of range.
 * @see [PSMRTE18] algorithm 1; theorem 6 for the cost of the noisy maximum, here by the exact discrete Gaussian
 */
export function createPrivateVotes(options: PrivateVotesOptions): PrivateVotes {
  const { teachers, classes, threshold, checkStddev, answerStddev, ledger, purpose = 'prediction' } = options;
  const { earlier = [], remember } = options;
  assertInteger(teachers, 'teachers', { min: 2 });
  assertInteger(classes, 'classes', { min: 2 });
  assertPositive(checkStddev, 'checkStddev');
  assertPositive(answerStddev, 'answerStddev');
  if (!(threshold > 0 && threshold <= teachers)) {
    throw new RangeError(`"threshold" must be in (0, ${teachers}], got ${threshold}`);
  }
  const check = createDiscreteGaussianMechanism({ l2Sensitivity: 1, noiseMultiplier: checkStddev });
  const l2Sensitivity = Math.SQRT2 * (1 + 2 ** -50);
  const answer = createDiscreteGaussianMechanism({
    l2Sensitivity,
    noiseMultiplier: answerStddev / l2Sensitivity,
    dimension: classes,
  });
  const charged = async <T>(event: DpEvent, run: () => T | Promise<T>): Promise<T> => {
    const reservation = await ledger.reserve({ event, purpose });
    try {
      const result = await run();
      await ledger.commit(reservation);
      return result;
    } catch (error) {
      await ledger.abort(reservation, { dataTouched: true });
      throw error;
    }
  };
  // Winner minus runner-up of each answer: as private as the votes, and kept for the publication alone.
  const gaps: number[] = [];
  let queries = 0;
  let closed = false;
  const take = (entry: VoteEntry): void => {
    if (entry.kind === 'query') queries += 1;
    else if (entry.kind === 'published') closed = true;
    else {
      assertInteger(entry.gap, 'gap', { min: 0, max: teachers });
      gaps.push(entry.gap);
    }
  };
  for (const entry of earlier) take(entry);
  const note = (entry: VoteEntry): void => {
    remember?.(entry);
    take(entry);
  };
  const assertOpen = (): void => {
    if (closed) throw new AnswersError('answers/closed', 'the cost of these votes was published: ask new teachers');
  };
  return {
    checkEvent: check.event(),
    answerEvent: answer.event(),
    async publishCost(publicationOptions, rng) {
      assertOpen();
      const publication = createPublication({ teachers, classes, answerStddev, checkStddev }, publicationOptions);
      return charged(publication.event, () => {
        assertOpen();
        note({ kind: 'published' });
        return publication.release(gaps, { queries }, rng);
      });
    },
    async answer(votes, rng) {
      assertOpen();
      const counts = new Int32Array(classes);
      const agreed = await charged(check.event(), async () => {
        note({ kind: 'query' });
        const labels = await votes();
        if (labels.length !== teachers) {
          throw new AnswersError(
            'answers/input',
            `${teachers} teachers must vote once each, got ${labels.length} votes`,
          );
        }
        for (let i = 0; i < teachers; i += 1) {
          const label = labels[i] as number;
          if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
            throw new AnswersError('answers/input', `a vote must be an integer in [0, ${classes - 1}]`);
          }
          counts[label] = (counts[label] as number) + 1;
        }
        return check.release(Math.max(...counts), rng) >= threshold;
      });
      if (!agreed) return { kind: 'no-consensus' };
      return charged(answer.event(), () => {
        // A publication may have come while the teachers were asked.
        assertOpen();
        const [first = 0, second = 0] = counts.toSorted((a, b) => b - a);
        note({ kind: 'answer', gap: first - second });
        answer.releaseInto(counts, rng);
        return { kind: 'answer', label: counts.indexOf(Math.max(...counts)) } as const;
      });
    },
  };
}
