/**
 * The typed error of the models room.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Why a model or a model file was refused. Codes are public API: added, never renamed. */
export type ModelErrorCode =
  | 'models/file-truncated'
  | 'models/file-header'
  | 'models/file-overlap'
  | 'models/file-gap'
  | 'models/file-tensor'
  | 'models/file-mismatch'
  | 'models/unsupported-file'
  | 'models/shape-mismatch'
  | 'models/mixes-examples'
  | 'models/dataset-mismatch'
  | 'models/label-out-of-range'
  | 'models/token-out-of-range'
  | 'models/not-finite'
  | 'models/too-large'
  | 'models/worker-failed';

/** A model that does not fit together, or a model file that is not read. Thrown before anything is computed. */
export class ModelError extends SottoError<ModelErrorCode> {}
