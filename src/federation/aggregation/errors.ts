/**
 * Errors of strategies: how contributions are made, combined and applied.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type AggregationErrorCode =
  /** A rule asks for more contributions than there are. */
  | 'aggregation/too-few-contributions'
  /** Stored state belongs to another strategy or another model. */
  | 'aggregation/state'
  /** The bytes of a sparse contribution are not what they must be. */
  | 'aggregation/malformed';

/** A refusal; it holds numbers and names of fields, never contributions. */
export class AggregationError extends SottoError<AggregationErrorCode> {}
