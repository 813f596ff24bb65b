import fc from 'fast-check';
import { describe, it } from 'vitest';

import {
  compare,
  searchExhaustively,
  type OracleFields,
  type OracleRow,
} from '../../../../test/oracles/full-domain.ts';
import { createSeededRng, sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';
import { PreparationError } from '../errors.ts';
import { createClassTableBuilder } from './classes.ts';
import type { Criterion } from './criteria.ts';
import { codeHierarchy, hierarchyFromRows } from './hierarchy.ts';
import type { Metric } from './metrics.ts';
import { findOptimum, type Optimum } from './search.ts';

const RUNS = process.env.SLOW === '1' ? 200 : 30;

/** A nested hierarchy over `size` values: each level joins random neighbours, the last joins all. */
function randomHierarchy(size: number, levels: number, rng: Rng): string[][] {
  const rows = Array.from({ length: size }, (_, i) => [`v${i}`]);
  let groups = rows.map((_, i) => i);
  for (let level = 1; level < levels; level += 1) {
    const last = level === levels - 1;
    const joined = new Map<number, number>();
    groups = groups.map((group) => {
      if (!joined.has(group)) joined.set(group, last ? 0 : sampleUint32Below(Math.max(1, size - level), rng));
      return joined.get(group) as number;
    });
    rows.forEach((row, i) => row.push(last ? '*' : `l${level}-${groups[i]}`));
  }
  return rows;
}

const CRITERIA: readonly Criterion['kind'][] = [
  'kAnonymity',
  'kMap',
  'distinctLDiversity',
  'entropyLDiversity',
  'recursiveLDiversity',
  'tCloseness',
  'deltaPresence',
];
const METRICS: readonly Metric[] = [
  { kind: 'discernibility' },
  { kind: 'discernibility', suppression: 'ignored' },
  { kind: 'averageClassSize' },
  { kind: 'entropy' },
  { kind: 'entropy', suppression: 'ignored' },
  { kind: 'loss' },
  { kind: 'loss', aggregate: 'rank' },
  { kind: 'loss', aggregate: 'max' },
  { kind: 'precision' },
  { kind: 'precision', suppression: 'ignored', aggregate: 'sum' },
];
const LIMITS = [0, 0.1, 0.5, 1];

type RandomCase = Pick<OracleFields, 'rows' | 'hierarchies' | 'sensitiveHierarchy'> & {
  readonly rng: Rng;
  readonly sensitiveRows: string[][];
};

function randomCase(seed: string): RandomCase {
  const rng = createSeededRng(seed);
  const columns = 1 + sampleUint32Below(3, rng);
  const hierarchies = Array.from({ length: columns }, () =>
    randomHierarchy(2 + sampleUint32Below(5, rng), 1 + sampleUint32Below(4, rng), rng),
  );
  const sensitiveRows = randomHierarchy(4, 3, rng);
  const rows: OracleRow[] = Array.from({ length: 4 + sampleUint32Below(30, rng) }, () => ({
    quasi: hierarchies.map((rowsOf) => rowsOf[sampleUint32Below(rowsOf.length, rng)]?.[0] as string),
    sensitive: sensitiveRows[Math.min(sampleUint32Below(4, rng), sampleUint32Below(4, rng))]?.[0] as string,
    released: sampleUint32Below(3, rng) > 0,
  }));
  const first = rows[0] as OracleRow;
  rows[0] = { ...first, released: true };
  const toMap = (list: string[][]): Map<string, string[]> => new Map(list.map((row) => [row[0] as string, row]));
  return { rng, rows, hierarchies: hierarchies.map(toMap), sensitiveHierarchy: toMap(sensitiveRows), sensitiveRows };
}

function randomCriterion(kind: Criterion['kind'], rng: Rng, sensitiveRows: string[][]): Criterion {
  const pick = <T>(list: readonly T[]): T => list[sampleUint32Below(list.length, rng)] as T;
  switch (kind) {
    case 'kAnonymity':
    case 'kMap':
      return { kind, k: pick([1, 2, 3, 5]) };
    case 'distinctLDiversity':
    case 'entropyLDiversity':
      return { kind, column: 's', l: pick([1, 2, 3]) };
    case 'recursiveLDiversity':
      return { kind, column: 's', c: pick([0.5, 1.5, 3]), l: pick([1, 2, 3]) };
    case 'tCloseness':
      return {
        kind,
        column: 's',
        t: pick([0.1, 0.2, 0.35]),
        distance: pick([
          { kind: 'equal' },
          { kind: 'ordered' },
          { kind: 'hierarchical', hierarchy: hierarchyFromRows(sensitiveRows) },
        ] as const),
      };
    case 'deltaPresence':
      return { kind, min: pick([0, 0.3]), max: pick([0.7, 1]) };
  }
}

/** The optimum, or undefined when the criteria are refused as impossible. */
function attempt(search: () => Optimum): Optimum | undefined {
  try {
    return search();
  } catch (error) {
    if (error instanceof PreparationError && error.code === 'preparation/impossible-criteria') return undefined;
    throw error;
  }
}

describe('the optimal search', () => {
  it.each(CRITERIA.flatMap((kind) => METRICS.map((metric) => [kind, metric] as const)))(
    'equals exhaustive search on small random tables: %s, %j',
    (kind, metric) => {
      fc.assert(
        fc.property(
          fc.string({ minLength: 8, maxLength: 8 }),
          fc.constantFrom(...LIMITS),
          fc.boolean(),
          (seed, limit, joined) => {
            const { rng, rows, hierarchies, sensitiveHierarchy, sensitiveRows } = randomCase(seed);
            const criteria = [
              randomCriterion(kind, rng, sensitiveRows),
              ...(joined ? [{ kind: 'kAnonymity', k: 2 } as const] : []),
            ];
            const wanted = searchExhaustively({
              rows,
              hierarchies,
              sensitiveHierarchy,
              criteria,
              metric,
              suppressionLimit: limit,
            });
            const builder = createClassTableBuilder({
              quasiIdentifiers: hierarchies.map((_, i) => `q${i}`),
              sensitive: ['s'],
            });
            for (const { quasi, sensitive, released } of rows) {
              builder.add({ quasiIdentifiers: quasi, sensitive: [sensitive] }, { released });
            }
            const table = builder.build();
            const coded = hierarchies.map((map, i) =>
              codeHierarchy(hierarchyFromRows([...map.values()]), {
                name: `q${i}`,
                values: table.dictionaries[i]?.values ?? [],
              }),
            );
            const found = attempt(() =>
              findOptimum(table, { hierarchies: coded, criteria, metric, suppressionLimit: limit }),
            );
            // What no class at all can meet is refused at once, also where all rows could be suppressed.
            if (found === undefined) return wanted === undefined || wanted.suppressed === table.rows;
            const height = (levels: readonly number[]): number => levels.reduce((a, b) => a + b, 0);
            return (
              wanted !== undefined &&
              compare(found.score, wanted.score) === 0 &&
              height(found.levels) === height(wanted.levels) &&
              found.suppressedRows <= Math.floor(limit * table.rows)
            );
          },
        ),
        { numRuns: RUNS, seed: 42 },
      );
    },
  );
});
