/**
 * Refusals of evaluation and prediction.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/**
 * Codes are public: added, never reused.
 *
 * | code | meaning |
 * |---|---|
 * | `answers/closed` | the cost of these votes was published: nothing more is answered |
 * | `answers/input` | an example, label or input is not what the model takes |
 * | `answers/layout` | tallies or parties that do not go together |
 * | `answers/pipeline` | the description of what a model takes is not valid |
 * | `answers/no-consensus` | the teachers did not agree: nothing is answered |
 * | `answers/quota` | the caller has used its quota |
 * | `answers/rate` | the caller asks too fast |
 * | `answers/unsupported` | a mode or setting that this model does not have |
 */
export type AnswersErrorCode =
  | 'answers/closed'
  | 'answers/input'
  | 'answers/layout'
  | 'answers/pipeline'
  | 'answers/no-consensus'
  | 'answers/quota'
  | 'answers/rate'
  | 'answers/unsupported';

/** An error of the answers room. */
export class AnswersError extends SottoError<AnswersErrorCode> {}
