/**
 * The Adult table for models: rows by column, split once into rows to fit and rows to measure on.
 *
 * @module
 */

import type { FeatureColumn, TableRow } from '../../src/learning/classical/index.ts';
import { createSeededRng, sampleUint32Below } from '../../src/foundations/random/index.ts';
import { adult } from './adult-table.ts';

/** What the table is fitted with; values are those of the census questionnaire. */
export interface AdultFit {
  readonly train: readonly TableRow[];
  readonly test: readonly TableRow[];
  readonly age: Extract<FeatureColumn, { kind: 'number' }>;
  readonly categories: readonly Extract<FeatureColumn, { kind: 'category' }>[];
  readonly salary: Extract<FeatureColumn, { kind: 'category' }>;
}

const TEST_ROWS = 6000;

function splitAdult(): AdultFit | undefined {
  if (adult === undefined) return undefined;
  const { names, rows: cells } = adult;
  const rows = cells.map((row): TableRow => Object.fromEntries(names.map((name, i) => [name, row[i]])));
  const rng = createSeededRng('adult/split');
  for (let i = rows.length - 1; i > 0; i -= 1) {
    const j = sampleUint32Below(i + 1, rng);
    [rows[i], rows[j]] = [rows[j] as TableRow, rows[i] as TableRow];
  }
  const category = (name: string) => ({
    kind: 'category' as const,
    name,
    values: [...new Set(rows.map((row) => String(row[name])))].toSorted(),
  });
  return {
    train: rows.slice(TEST_ROWS),
    test: rows.slice(0, TEST_ROWS),
    age: { kind: 'number', name: 'age', lower: 17, upper: 90 },
    categories: names.filter((name) => name !== 'age' && name !== 'salary-class').map(category),
    salary: category('salary-class'),
  };
}

/** Undefined where the table is not present. */
export const adultFit = splitAdult();
