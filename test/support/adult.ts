/**
 * Searches the Adult table as ARX did, for tests that compare the optima.
 *
 * @module
 */

import { findOptimum } from '../../src/learning/preparation/index.ts';
import { adult, type Case, parseCriterion } from './adult-table.ts';

/** Class tables without and with a sensitive attribute; undefined where the table is not present. */
export const all = adult?.load([]);
export const withSensitive = adult?.load(['occupation']);

/** Searches as ARX was asked to; tells the levels, and whether the score is ARX's to twelve digits. */
export function searchAs(wanted: Case): { readonly levels: readonly number[]; readonly sameScore: boolean } {
  const criteria = wanted.criteria.map(parseCriterion);
  const loaded = wanted.sensitive === true || criteria.some((criterion) => 'column' in criterion) ? withSensitive : all;
  if (loaded === undefined) throw new Error('the Adult table is not present');
  const { levels, score } = findOptimum(loaded.table, {
    hierarchies: loaded.hierarchies,
    criteria,
    metric: wanted.metric,
    suppressionLimit: wanted.limit,
  });
  const sameScore = score.every((value, i) => {
    // ARX cuts losses at ten decimals.
    const tolerance = wanted.metric.kind === 'loss' ? 1.001e-10 : 1e-12 * value;
    return Math.abs(value - (wanted.score?.[i] ?? Number.NaN)) <= tolerance;
  });
  return { levels, sameScore };
}
