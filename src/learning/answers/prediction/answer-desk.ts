/**
 * Who may ask how often, and how much of an answer is told. Limits of a desk narrow what the budget of the data allows and
 * never widen it: a limit for each caller stops a greedy one, not several who share what they heard.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { AnswersError } from '../errors.ts';

/** What an answer rests on, by honest names. */
export type AnswerMode = 'dp-trained-model' | 'private-votes' | 'obfuscation-only' | 'not-private';

/** What each mode promises, in words. */
export const MODE_PROMISES: Readonly<Record<AnswerMode, string>> = {
  'dp-trained-model': 'post-processing of a privately trained model: any number of answers costs nothing more',
  'private-votes': 'noisy votes of teachers, charged to the budget of the data they were trained on',
  'obfuscation-only': 'NONE: noise on the scores of a model that was trained without privacy guarantees nothing',
  'not-private': 'NONE: the model was trained without privacy, and answers as it is',
};

/** Limits of a desk. */
export interface DeskLimits {
  /** Answers a caller gets in all. */
  readonly perCaller: number;
  /** Questions a caller may ask in any `windowMs`. */
  readonly perWindow: number;
  readonly windowMs: number;
  /** Classes that are told. */
  readonly top: number;
  /** Decimal digits of a score; 0 tells labels alone. */
  readonly digits: number;
}

/** One line of the audit trail: nothing of the question, and nothing of the answer but its kind. */
export interface AuditLine {
  readonly time: string;
  readonly caller: string;
  readonly mode: AnswerMode;
  readonly outcome: 'answered' | 'refused';
  readonly reason?: string;
}

/** Scores, limited to what may be told. */
export interface LimitedAnswer {
  readonly mode: AnswerMode;
  readonly promise: string;
  readonly top: readonly { readonly label: number; readonly score: number }[];
}

/** A desk that answers. */
export interface AnswerDesk {
  /**
   * Answers a caller.
   * @param scores - computes the scores; called once the caller is within its limits.
   * @throws {AnswersError} `answers/quota` or `answers/rate`; what `scores` throws goes on, after its audit line.
   */
  answer(caller: string, scores: () => ArrayLike<number> | Promise<ArrayLike<number>>): Promise<LimitedAnswer>;
}

/** Refusals that cost the budget, and therefore count to the quota of whoever asked. */
const CHARGED_REFUSALS: ReadonlySet<string> = new Set(['answers/no-consensus']);

/** Whether a line of the audit trail counts to its caller's quota. */
export function countsToQuota({ outcome, reason }: Pick<AuditLine, 'outcome' | 'reason'>): boolean {
  return outcome === 'answered' || CHARGED_REFUSALS.has(reason ?? '');
}

/** Rounds scores and keeps the highest. */
export function limitScores(
  scores: ArrayLike<number>,
  { top, digits }: Pick<DeskLimits, 'top' | 'digits'>,
): { label: number; score: number }[] {
  return Array.from(scores, (score, label) => ({ label, score }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, top)
    .map(({ label, score }) => ({ label, score: digits === 0 ? 1 : Number(score.toFixed(digits)) }));
}

/**
 * Puts uniform noise on scores and brings them back to probabilities. It GUARANTEES NOTHING: the model was not trained
 * privately, and repeated questions average the noise away.
 */
export function obfuscateScores(scores: ArrayLike<number>, { range }: { range: number }, rng: Rng): Float64Array {
  const noisy = Float64Array.from(scores, (score) => Math.max(0, score + range * ((2 * rng.uint32()) / 2 ** 32 - 1)));
  const total = noisy.reduce((sum, score) => sum + score, 0);
  return total > 0 ? noisy.map((score) => score / total) : noisy.fill(1 / noisy.length);
}

/** Opens a desk. @param options - `audit` gets a line an answer or refusal; `clock` in milliseconds. */
export function createAnswerDesk({
  mode,
  limits,
  clock,
  audit,
  before = new Map(),
}: {
  readonly mode: AnswerMode;
  readonly limits: DeskLimits;
  readonly clock: () => number;
  readonly audit: (line: AuditLine) => void;
  /** Answers that callers have had already: a desk that opens again forgets nobody's quota. */
  readonly before?: ReadonlyMap<string, number>;
}): AnswerDesk {
  assertInteger(limits.perCaller, 'perCaller', { min: 1 });
  assertInteger(limits.perWindow, 'perWindow', { min: 1 });
  assertInteger(limits.top, 'top', { min: 1 });
  assertInteger(limits.digits, 'digits', { min: 0, max: 6 });
  const callers = new Map<string, { answered: number; asked: number[] }>(
    Array.from(before, ([caller, answered]) => [caller, { answered, asked: [] }]),
  );
  return {
    async answer(caller, scores) {
      const now = clock();
      const known = callers.get(caller) ?? { answered: 0, asked: [] };
      callers.set(caller, known);
      const write = (outcome: AuditLine['outcome'], reason?: string): void =>
        audit({
          time: new Date(now).toISOString(),
          caller,
          mode,
          outcome,
          ...(reason === undefined ? {} : { reason }),
        });
      known.asked = known.asked.filter((time) => time > now - limits.windowMs);
      const refusal =
        known.answered >= limits.perCaller
          ? new AnswersError('answers/quota', `this caller has had its ${limits.perCaller} answers`)
          : known.asked.length >= limits.perWindow
            ? new AnswersError(
                'answers/rate',
                `${limits.perWindow} questions in ${limits.windowMs} ms are asked: try again later`,
                { retryable: true },
              )
            : undefined;
      if (refusal !== undefined) {
        write('refused', refusal.code);
        throw refusal;
      }
      known.asked.push(now);
      // Counted before it is computed: questions that arrive together do not slip past the limit.
      known.answered += 1;
      try {
        const top = limitScores(await scores(), limits);
        write('answered');
        return { mode, promise: MODE_PROMISES[mode], top };
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
        // What was not answered is not counted, but for an abstention: it was charged.
        if (!CHARGED_REFUSALS.has(reason)) known.answered -= 1;
        write('refused', reason);
        throw error;
      }
    },
  };
}
