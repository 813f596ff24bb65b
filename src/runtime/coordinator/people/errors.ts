/**
 * Errors of sign-in.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';

/** Every code of sign-in; stable. */
export type PeopleErrorCode =
  | 'people/signed-out'
  | 'people/wrong-password'
  | 'people/too-many-attempts'
  | 'people/weak-password'
  | 'people/name-taken'
  | 'people/unknown'
  | 'people/foreign-origin'
  | 'people/set-up-done'
  | 'people/not-offered'
  | 'people/provider-refused';

/** Somebody cannot be let in, or asked for something that is not there. */
export class PeopleError extends SottoError<PeopleErrorCode> {}
