import { describe, expect, it } from 'vitest';

import { gaussian, laplace, poissonSampled, selfComposed } from '../events/constructors.ts';
import { createRdpAccountant } from '../rdp/rdp-accountant.ts';
import { createLedger, type LedgerOptions, openLedger } from './ledger.ts';
import { verifyLedger } from './report.ts';
import { createMemoryLedgerStore, decodeLedgerLines, encodeLedgerLine, type LedgerStore } from './store.ts';

const clock = (): Date => new Date('2026-01-02T03:04:05.678Z');
const step = poissonSampled({ samplingRate: 0.02, event: gaussian({ noiseMultiplier: 1 }) });

function options(store: LedgerStore, more: Partial<LedgerOptions> = {}): LedgerOptions {
  return {
    store,
    budget: { epsilon: 1.5, delta: 1e-5 },
    relation: 'add-or-remove-one',
    privacyUnit: 'example',
    dataset: 'digits',
    accountant: 'rdp',
    clock,
    ...more,
  };
}

function epsilonOf(count: number): number {
  const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
  accountant.compose(selfComposed(step, count));
  return accountant.epsilon(1e-5);
}

describe('ledger', () => {
  it('charges before it returns, and spends what the accountant says', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    const first = await ledger.reserve({ event: step, purpose: 'training', round: 0 });
    expect(await store.read()).toHaveLength(2);
    expect(ledger.spent()).toEqual({ epsilon: epsilonOf(1), delta: 1e-5 });
    await ledger.commit(first);
    const second = await ledger.reserve({ event: step, purpose: 'training', round: 1 });
    expect(ledger.spent().epsilon).toBe(epsilonOf(2));
    await ledger.abort(second, { dataTouched: true });
    expect(ledger.spent().epsilon).toBe(epsilonOf(2));
    const third = await ledger.reserve({ event: step, purpose: 'training', round: 1, attempt: 1 });
    await ledger.abort(third, { dataTouched: false });
    expect(ledger.spent().epsilon).toBe(epsilonOf(2));
  });

  it('refuses the charge that would exceed the budget, and writes nothing', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    const affordable = ledger.affordable(step);
    expect(epsilonOf(affordable)).toBeLessThanOrEqual(1.5);
    expect(epsilonOf(affordable + 1)).toBeGreaterThan(1.5);
    await ledger.reserve({ event: selfComposed(step, affordable), purpose: 'training' });
    const before = await store.read();
    await expect(ledger.reserve({ event: step, purpose: 'training' })).rejects.toMatchObject({
      code: 'accounting/budget-exceeded',
    });
    expect(await store.read()).toEqual(before);
    expect(ledger.affordable(step)).toBe(0);
  });

  it.each([
    ['no account', { accounts: [] }],
    ['no purpose', { purpose: '' }],
    ['half a round', { round: 0.5 }],
    ['a round before the first', { attempt: -1 }],
  ])('refuses a request with %s, writes nothing and goes on', async (_what, part) => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    await expect(ledger.reserve({ event: step, purpose: 'training', ...part })).rejects.toThrow(RangeError);
    expect(await store.read()).toHaveLength(1);
    await ledger.reserve({ event: step, purpose: 'training' });
    expect((await openLedger({ store, clock })).spent().epsilon).toBe(epsilonOf(1));
  });

  it('keeps charges that a crash left open, and does not refund them', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    await ledger.reserve({ event: step, purpose: 'training', round: 7 });
    const resumed = await createLedger(options(store));
    expect(resumed.open()).toEqual([{ id: 'charge-1', purpose: 'training', round: 7, attempt: null }]);
    expect(resumed.spent().epsilon).toBe(epsilonOf(1));
    const [left] = resumed.open();
    await expect(resumed.abort(left!, { dataTouched: false })).rejects.toMatchObject({
      code: 'accounting/reservation-closed',
    });
    await resumed.abort(left!, { dataTouched: true });
    expect(resumed.spent().epsilon).toBe(epsilonOf(1));
    await expect(resumed.commit(left!)).rejects.toMatchObject({ code: 'accounting/reservation-closed' });
  });

  it('recomputes everything from the records alone', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    for (let round = 0; round < 3; round += 1) {
      await ledger.commit(await ledger.reserve({ event: step, purpose: 'training', round }));
    }
    const report = verifyLedger(await store.read());
    expect(report.head).toEqual(ledger.head());
    expect(report.accounts[0]?.spent.epsilon).toBe(epsilonOf(3));
    expect(report.accounts[0]?.spentByPurpose).toEqual({ training: epsilonOf(3) });
    expect((await openLedger({ store, clock })).spent()).toEqual(ledger.spent());
  });

  it('notices any changed bit, any record lost before the last, and any reordering', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store));
    await ledger.commit(await ledger.reserve({ event: step, purpose: 'training' }));
    await ledger.reserve({ event: step, purpose: 'training' });
    const records = await store.read();
    for (let i = 0; i < records.length; i += 1) {
      for (let bit = 0; bit < 8 * records[i]!.length; bit += 1) {
        const forged = records.map((record) => record.slice());
        forged[i]![bit >> 3]! ^= 1 << (bit & 7);
        expect(() => verifyLedger(forged)).toThrow(expect.objectContaining({ code: 'accounting/ledger-broken' }));
      }
    }
    for (let i = 0; i < records.length - 1; i += 1) {
      expect(() => verifyLedger(records.toSpliced(i, 1))).toThrow(/ledger record/);
    }
    expect(() => verifyLedger([records[0]!, records[2]!, records[1]!, records[3]!])).toThrow(/ledger record 1/);
  });

  it('refuses to open a ledger of other terms', async () => {
    const store = createMemoryLedgerStore();
    await createLedger(options(store));
    await expect(createLedger(options(store, { budget: { epsilon: 9, delta: 1e-5 } }))).rejects.toMatchObject({
      code: 'accounting/ledger-mismatch',
    });
    await expect(openLedger({ store: createMemoryLedgerStore(), clock })).rejects.toMatchObject({
      code: 'accounting/ledger-broken',
    });
  });

  it('lets two spenders share one budget without exceeding it', async () => {
    const store = createMemoryLedgerStore();
    const [one, two] = [await createLedger(options(store)), await createLedger(options(store))];
    const affordable = one.affordable(selfComposed(step, 10));
    const tries = Array.from({ length: affordable + 6 }, (_, i) =>
      (i % 2 ? one : two).reserve({ event: selfComposed(step, 10), purpose: 'training' }),
    );
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(affordable);
    const report = verifyLedger(await store.read());
    expect(report.accounts[0]!.spent.epsilon).toBeLessThanOrEqual(1.5);
  });

  it('holds quotas by purpose, and refuses a purpose without one', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store, { quotas: { training: 1, evaluation: 0.2 } }));
    const count = laplace({ noiseMultiplier: 10 });
    await ledger.reserve({ event: count, purpose: 'evaluation' });
    await ledger.reserve({ event: count, purpose: 'evaluation' });
    await expect(ledger.reserve({ event: count, purpose: 'evaluation' })).rejects.toMatchObject({
      code: 'accounting/quota-exceeded',
    });
    await expect(ledger.reserve({ event: count, purpose: 'curiosity' })).rejects.toMatchObject({
      code: 'accounting/quota-exceeded',
    });
    await ledger.reserve({ event: count, purpose: 'training' });
    expect(ledger.affordable(count, { purpose: 'evaluation' })).toBe(0);
  });

  it('is a privacy filter when its account has an order: adaptive charges are decided at that order alone', async () => {
    const quiet = poissonSampled({ samplingRate: 0.02, event: gaussian({ noiseMultiplier: 2 }) });
    const order = 12;
    const ledger = await createLedger(options(createMemoryLedgerStore(), { order }));
    const planned = await createLedger(options(createMemoryLedgerStore()));
    const affordable = ledger.affordable(quiet);
    const at = createRdpAccountant({ relation: 'add-or-remove-one', orders: [order] });
    at.compose(quiet, affordable);
    expect(at.epsilon(1e-5)).toBeLessThanOrEqual(1.5);
    at.compose(quiet);
    expect(at.epsilon(1e-5)).toBeGreaterThan(1.5);
    expect(affordable).toBeLessThanOrEqual(planned.affordable(quiet));
    await ledger.reserve({ event: laplace({ noiseMultiplier: 10 }), purpose: 'statistics' });
    expect(ledger.affordable(quiet)).toBeLessThan(affordable);
  });

  it('counts by distributions when asked to, and admits more', async () => {
    const tight = await createLedger(options(createMemoryLedgerStore(), { accountant: 'pld' }));
    const loose = await createLedger(options(createMemoryLedgerStore()));
    const quiet = poissonSampled({ samplingRate: 0.02, event: gaussian({ noiseMultiplier: 2 }) });
    const event = selfComposed(quiet, 50);
    await tight.reserve({ event, purpose: 'training' });
    await loose.reserve({ event, purpose: 'training' });
    expect(tight.spent().epsilon).toBeLessThan(loose.spent().epsilon);
    expect((await tight.verify()).accounts[0]!.spent).toEqual(tight.spent());
  });

  it('keeps one budget for each data set, time block and privacy unit, and charges all or none', async () => {
    const store = createMemoryLedgerStore();
    const ledger = await createLedger(options(store, { timeBlock: '2026-01' }));
    const terms = { relation: 'add-or-remove-one', privacyUnit: 'example', dataset: 'digits' } as const;
    const february = await ledger.openAccount({
      ...terms,
      timeBlock: '2026-02',
      budget: { epsilon: 0.15, delta: 1e-5 },
    });
    const count = laplace({ noiseMultiplier: 10 });
    await ledger.reserve({ event: count, purpose: 'statistics', accounts: [0, february] });
    await expect(
      ledger.reserve({ event: count, purpose: 'statistics', accounts: [0, february] }),
    ).rejects.toMatchObject({ code: 'accounting/budget-exceeded', details: { account: february } });
    expect(ledger.spent(0).epsilon).toBeCloseTo(0.1, 12);
    expect(ledger.spent(february).epsilon).toBeCloseTo(0.1, 12);
    await expect(
      ledger.openAccount({ ...terms, timeBlock: '2026-02', budget: { epsilon: 1, delta: 0 } }),
    ).rejects.toThrow(/open already/);
  });
});

describe('a crash at every write', () => {
  /** A file that dies after a given number of bytes, as a kill does, and its driver. */
  function createFile(killAfter: number): { store: LedgerStore; bytes: () => Uint8Array } {
    let file = new Uint8Array();
    const store: LedgerStore = {
      read: () => Promise.resolve(decodeLedgerLines(file).records),
      append(record) {
        const line = encodeLedgerLine(record);
        const written = line.subarray(0, Math.max(0, killAfter - file.length));
        file = Uint8Array.from([...file, ...written]);
        return written.length === line.length ? Promise.resolve() : Promise.reject(new Error('killed'));
      },
    };
    return { store, bytes: () => file };
  }

  async function spend(store: LedgerStore, ran: () => void): Promise<void> {
    const ledger = await createLedger(options(store));
    for (let round = 0; round < 3; round += 1) {
      const charge = await ledger.reserve({ event: step, purpose: 'training', round });
      ran();
      if (round === 1) await ledger.abort(charge, { dataTouched: true });
      else await ledger.commit(charge);
    }
  }

  it('never undercharges, wherever the bytes stop', async () => {
    const whole = createFile(Infinity);
    await spend(whole.store, () => undefined);
    const bytes = whole.bytes();
    // Every end of a record with the bytes around it, and every eleventh byte between.
    const ends = [...bytes].flatMap((byte, i) => (byte === 10 ? [i - 1, i, i + 1, i + 2] : []));
    const stops = new Set([0, ...ends, ...Array.from({ length: Math.ceil(bytes.length / 11) }, (_, i) => 11 * i)]);
    for (const killAfter of stops) {
      let runs = 0;
      const file = createFile(killAfter);
      await spend(file.store, () => (runs += 1)).catch(() => undefined);
      const { records } = decodeLedgerLines(file.bytes());
      const spent = records.length === 0 ? 0 : verifyLedger(records).accounts[0]!.spent.epsilon;
      expect(spent).toBeGreaterThanOrEqual(runs === 0 ? 0 : epsilonOf(runs));
      expect(spent).toBeLessThanOrEqual(epsilonOf(runs + 1));
    }
  });

  it('keeps the charge of a reservation whose write is reported as failed but was made', async () => {
    const inner = createMemoryLedgerStore();
    let fail = false;
    const store: LedgerStore = {
      read: () => inner.read(),
      async append(record, place) {
        await inner.append(record, place);
        if (fail) throw new Error('connection lost');
      },
    };
    const ledger = await createLedger(options(store));
    fail = true;
    await expect(ledger.reserve({ event: step, purpose: 'training' })).rejects.toThrow('connection lost');
    fail = false;
    // The ledger reads again before it goes on, and the chain holds.
    const next = await ledger.reserve({ event: step, purpose: 'training' });
    await ledger.commit(next);
    expect(ledger.spent().epsilon).toBe(epsilonOf(2));
    expect((await ledger.verify()).charges.map(({ status }) => status)).toEqual(['open', 'committed']);
  });

  it('does not lose spends that are tiny beside the rest', async () => {
    const ledger = await createLedger(
      options(createMemoryLedgerStore(), { accountant: 'pld', budget: { epsilon: 1, delta: 0 } }),
    );
    const tiny = laplace({ noiseMultiplier: 1e9 });
    await ledger.reserve({ event: laplace({ noiseMultiplier: 2 }), purpose: 'statistics' });
    await ledger.reserve({ event: selfComposed(tiny, 1e8), purpose: 'statistics' });
    expect(ledger.spent().epsilon).toBeCloseTo(0.6, 9);
    await expect(ledger.reserve({ event: selfComposed(tiny, 4e8 + 2), purpose: 'statistics' })).rejects.toMatchObject({
      code: 'accounting/budget-exceeded',
    });
  });
});
