import { describe, expect, it } from 'vitest';

import { type Adult, adult as table, present, vectors } from '../../../../test/support/adult-table.ts';
import { searchAs } from '../../../../test/support/adult.ts';
import { anonymize } from './anonymize.ts';
import { createClassTableBuilder } from './classes.ts';

describe.skipIf(!present)('the Adult table, whole', () => {
  const adult = table as Adult;

  it.each(vectors.optima.filter(({ levels }) => levels !== null))(
    'has the optimum ARX finds: $criteria, $metric, limit $limit',
    (wanted) => {
      expect(searchAs(wanted)).toEqual({ levels: wanted.levels, sameScore: true });
    },
  );

  it.each(['optimal', 'mondrian'] as const)('is really 5-anonymous and 3-diverse after %s', (method) => {
    const quasi = ['sex', 'age', 'race', 'education'];
    const builder = createClassTableBuilder({ quasiIdentifiers: quasi, sensitive: ['occupation'] });
    const at = quasi.map((name) => adult.names.indexOf(name));
    const sensitiveAt = adult.names.indexOf('occupation');
    for (const row of adult.rows) {
      builder.add({ quasiIdentifiers: at.map((i) => row[i] as string), sensitive: [row[sensitiveAt] as string] });
    }
    const result = anonymize(builder.build(), {
      method,
      criteria: [
        { kind: 'kAnonymity', k: 5 },
        { kind: 'distinctLDiversity', column: 'occupation', l: 3 },
      ],
      hierarchies: adult.hierarchies,
      suppressionLimit: 0.02,
    });
    const groups = new Map<string, { rows: number; values: Set<string> }>();
    let suppressed = 0;
    for (const row of adult.rows) {
      const values = result.transform(at.map((i) => row[i] as string));
      if (values === undefined) {
        suppressed += 1;
        continue;
      }
      const group = groups.get(values.join(';')) ?? { rows: 0, values: new Set() };
      group.rows += 1;
      group.values.add(row[sensitiveAt] as string);
      groups.set(values.join(';'), group);
    }
    expect(Math.min(...[...groups.values()].map(({ rows }) => rows))).toBeGreaterThanOrEqual(5);
    expect(Math.min(...[...groups.values()].map(({ values }) => values.size))).toBeGreaterThanOrEqual(3);
    expect(suppressed).toBe(result.report.suppressedRows);
    expect(suppressed).toBeLessThanOrEqual(Math.floor(0.02 * 30_162));
    expect(result.report.risks.after.prosecutor.highest).toBeLessThanOrEqual(0.2);
  });
});
