/**
 * Aggregation in the clear, for tasks whose trust model lets the coordinator see contributions: one stage, one message
 * a participant, and still only a running sum is kept.
 *
 * @module
 */

import type { Aggregator } from './aggregator.ts';
import { RoundsError } from './errors.ts';

/** Encodes grid integers as int32 little-endian. */
export function encodeClear(contribution: Int32Array): Uint8Array {
  const bytes = new Uint8Array(contribution.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < contribution.length; i += 1) view.setInt32(i * 4, contribution[i] as number, true);
  return bytes;
}

/** Creates the aggregator. */
export function createClearAggregator({
  dimension,
  cohort,
}: {
  dimension: number;
  cohort: readonly string[];
}): Aggregator {
  const sum = new Float64Array(dimension);
  const contributors: string[] = [];
  const missing = new Set(cohort);
  return {
    stage: 'input',
    get pending() {
      return [...missing];
    },
    receive(from, payload) {
      if (!missing.has(from) || payload.length !== dimension * 4) {
        throw new RoundsError('rounds/unexpected-message', 'a contribution is not awaited, or has the wrong length', {
          details: { participants: [from] },
        });
      }
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      for (let i = 0; i < dimension; i += 1) sum[i] = (sum[i] as number) + view.getInt32(i * 4, true);
      contributors.push(from);
      missing.delete(from);
    },
    advance() {
      if (contributors.length === 0) {
        throw new RoundsError('rounds/aborted', 'nobody contributed', { details: { participants: cohort } });
      }
      const dropouts = [...missing];
      return { kind: 'result', sum, contributors, dropouts };
    },
  };
}
