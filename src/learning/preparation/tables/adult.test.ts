import { describe, expect, it } from 'vitest';

import { adult, parseCriterion, present, vectors } from '../../../../test/support/adult-table.ts';
import { all, searchAs, withSensitive } from '../../../../test/support/adult.ts';
import { findSuppressed } from './checker.ts';
import { bindCriteria } from './criteria.ts';
import { bindMetric } from './metrics.ts';
import { computeRisks } from './risks.ts';
import { createRollUp } from './roll-up.ts';
import { findOptimum } from './search.ts';

// One optimum of each kind here; all of them in adult.slow.test.ts.
const SOME = vectors.optima.filter((_, i) => [0, 13, 16].includes(i));

describe.skipIf(!present)('the Adult table', () => {
  it.each(SOME)('has the optimum ARX finds: $criteria, $metric, limit $limit', (wanted) => {
    expect(searchAs(wanted)).toEqual({ levels: wanted.levels, sameScore: true });
  });

  it('refuses what no generalisation can meet, as ARX does', () => {
    if (withSensitive === undefined) return;
    const { table, hierarchies } = withSensitive;
    for (const suppressionLimit of [0, 0.04]) {
      const criteria = [parseCriterion('entropy100')];
      expect(() =>
        findOptimum(table, { hierarchies, criteria, metric: { kind: 'entropy' }, suppressionLimit }),
      ).toThrowError(expect.objectContaining({ code: 'preparation/impossible-criteria' }));
    }
  });

  it.each(vectors.averageClassSizes)('has the average class size of ARX at $levels', ({ levels, value }) => {
    if (withSensitive === undefined) return;
    const { table, hierarchies } = withSensitive;
    const at = Int32Array.from(levels);
    const classes = createRollUp(table, hierarchies).roll(table.base, at);
    const { flags } = findSuppressed(classes, { criteria: bindCriteria([{ kind: 'kAnonymity', k: 5 }], table) });
    const metric = bindMetric({ kind: 'averageClassSize' }, { table, hierarchies });
    expect(metric.value(classes, { levels: at, suppressed: flags })[0]).toBe(value);
  });

  it('has the risks of the raw table', () => {
    if (all === undefined || adult === undefined) return;
    const sizes = new Map<string, number>();
    for (const row of adult.rows) sizes.set(row.join(';'), (sizes.get(row.join(';')) ?? 0) + 1);
    const unique = [...sizes.values()].filter((size) => size === 1).length;
    const risks = computeRisks(all.table.base.counts);
    expect(risks.prosecutor).toMatchObject({ highest: 1, average: sizes.size / 30_162 });
    expect(risks.sampleUniqueness).toBe(unique / 30_162);
    expect(risks.marketer).toBe(sizes.size / 30_162);
  });
});
