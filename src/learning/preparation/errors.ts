/**
 * The typed error of the preparation room.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Why data or a recipe was refused. Codes are public API: added, never renamed. */
export type PreparationErrorCode =
  | 'preparation/recipe'
  | 'preparation/hierarchy-gap'
  | 'preparation/hierarchy-invalid'
  | 'preparation/impossible-criteria'
  | 'preparation/too-many-transformations'
  | 'preparation/malformed-row'
  | 'preparation/missing-column'
  | 'preparation/duplicate-column'
  | 'preparation/out-of-range'
  | 'preparation/uncharged-column'
  | 'preparation/key'
  | 'preparation/not-in-domain'
  | 'preparation/unknown-entity'
  | 'preparation/budget';

/** Something about data or a recipe does not hold. Messages name columns, rows and rules, never a value of the data. */
export class PreparationError extends SottoError<PreparationErrorCode> {}
