/**
 * The typed error of this wing.
 *
 * @module
 */

import { SottoError } from '../foundations/numerics/index.ts';

/** Why an attack cannot be made. Codes are public API: added, never renamed. */
export type RedteamErrorCode = 'redteam/too-many-canaries' | 'redteam/unsupported-model' | 'redteam/too-few-examples';

/** An attack that does not fit the model or the data. Thrown before anything is trained. */
export class RedteamError extends SottoError<RedteamErrorCode> {}
