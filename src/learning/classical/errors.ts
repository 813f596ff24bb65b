/**
 * The typed error of the room of classical models.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Why a fit, a model or a question was refused. Codes are public API: added, never renamed. */
export type ClassicalErrorCode =
  | 'classical/recipe'
  | 'classical/unit'
  | 'classical/missing-column'
  | 'classical/public-rows'
  | 'classical/too-large'
  | 'classical/model-file';

/** Something about a fit or a model does not hold. Messages name columns and rules, never a value of the data. */
export class ClassicalError extends SottoError<ClassicalErrorCode> {}
