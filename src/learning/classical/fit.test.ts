import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createLedger, createMemoryLedgerStore, type Ledger } from '../../privacy/accounting/index.ts';
import type { TableRow } from './columns.ts';
import { collectExamples } from './examples.ts';
import { fitPrivately } from './fit.ts';
import { createNaiveBayes } from './naive-bayes.ts';

const clock = (): Date => new Date('2026-01-01T00:00:00Z');
const openAccount = (privacyUnit: 'example' | 'client' = 'example', epsilon = 1): Promise<Ledger> =>
  createLedger({
    store: createMemoryLedgerStore(),
    budget: { epsilon, delta: 1e-6 },
    relation: 'add-or-remove-one',
    privacyUnit,
    dataset: 'table',
    accountant: 'rdp',
    clock,
  });
const options = {
  features: [{ kind: 'number', name: 'x', lower: 0, upper: 1 }],
  target: { kind: 'category', name: 'label', values: ['a', 'b'] },
  epsilon: 0.9,
  delta: 1e-6,
  accountant: 'rdp',
} as const;
const rng = createSeededRng('fit');

describe('a fit under a ledger', () => {
  it('is charged before the first row is read', async () => {
    const ledger = await openAccount();
    let spentAtFirst = 0;
    function* rows(): Generator<TableRow> {
      spentAtFirst = ledger.spent().epsilon;
      yield { x: 0.5, label: 'a' };
    }
    const told: string[] = [];
    await fitPrivately(createNaiveBayes(options), rows(), { ledger, rng, onCharged: () => void told.push('charged') });
    expect(spentAtFirst).toBeGreaterThan(0.89);
    expect(ledger.spent().epsilon).toBe(spentAtFirst);
    expect(ledger.open()).toEqual([]);
    expect(told).toEqual(['charged']);
  });

  it('is refused where the budget is spent, and no row is read', async () => {
    const ledger = await openAccount();
    const estimator = createNaiveBayes(options);
    await fitPrivately(estimator, [], { ledger, rng });
    let read = 0;
    function* rows(): Generator<TableRow> {
      read += 1;
      yield {};
    }
    await expect(fitPrivately(estimator, rows(), { ledger, rng })).rejects.toMatchObject({
      code: 'accounting/budget-exceeded',
    });
    expect(read).toBe(0);
  });

  it('stays charged when its rows break off', async () => {
    const ledger = await openAccount();
    function* rows(): Generator<TableRow> {
      yield { x: 1, label: 'a' };
      throw new Error('cut');
    }
    await expect(fitPrivately(createNaiveBayes(options), rows(), { ledger, rng })).rejects.toThrow('cut');
    expect(ledger.spent().epsilon).toBeGreaterThan(0.89);
  });

  it.each([
    { what: 'another relation', own: { relation: 'replace-one' } },
    { what: 'another unit', own: { person: { column: 'id', maxRows: 1 } } },
  ] as const)('is refused on an account of $what, and nothing is charged or read', async ({ own }) => {
    const ledger = await openAccount();
    let read = 0;
    function* rows(): Generator<TableRow> {
      read += 1;
      yield {};
    }
    const fitted = fitPrivately(createNaiveBayes({ ...options, ...own }), rows(), { ledger, rng });
    await expect(fitted).rejects.toMatchObject({ code: 'classical/unit' });
    expect(ledger.spent().epsilon).toBe(0);
    expect(read).toBe(0);
  });

  it('is refused on an account of people that does not say who is who', async () => {
    const ledger = await openAccount('client');
    const alone = createNaiveBayes(options);
    await expect(fitPrivately(alone, [], { ledger, rng })).rejects.toMatchObject({ code: 'classical/unit' });
    expect(ledger.spent().epsilon).toBe(0);
    const people = createNaiveBayes({ ...options, person: { column: 'id', maxRows: 2 } });
    await fitPrivately(people, [{ id: 1, x: 0, label: 'a' }], { ledger, rng });
    expect(ledger.spent().epsilon).toBeGreaterThan(0.89);
  });
});

describe('rows of a person', () => {
  it('beyond the first so many are not read, whoever else is there', async () => {
    const { features, target } = options;
    const person = { column: 'id', maxRows: 2 };
    const row = (id: string | null, x: number) => ({ id, x, label: 'a' });
    const rows = [row('p', 0), row('q', 0.25), row('p', 0.5), row('p', 0.75), row(null, 1), row(null, 1), row(null, 1)];
    const { size, values } = await collectExamples(rows, { features, target, person });
    expect(size).toBe(5);
    expect([...values]).toEqual([-1, -0.5, 0, 1, 1]);
    const without = rows.filter(({ id }) => id !== 'p');
    expect([...(await collectExamples(without, { features, target, person })).values]).toEqual([-0.5, 1, 1]);
  });
});
