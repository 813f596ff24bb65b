/**
 * What every lease store must do, whatever is behind them.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Grant, LeaseStore } from '../../src/runtime/storage/leases/index.ts';

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Describes a lease store; `open` gives one on the same leases every time. */
export function describeLeases(name: string, open: () => Promise<LeaseStore>): void {
  describe(`leases: ${name}`, () => {
    let a: LeaseStore;
    let b: LeaseStore;
    beforeAll(async () => {
      a = await open();
      b = await open();
    });
    afterAll(async () => {
      await a.close();
      await b.close();
    });
    const ask = (holder: string, ttlMs = 60_000) => ({ holder, note: `http://${holder}`, ttlMs });

    it('have one holder at a time, who can prolong them', async () => {
      const lease = `l-${crypto.randomUUID()}`;
      const grant = await a.acquire(lease, ask('a'));
      expect(grant).toMatchObject({ name: lease, holder: 'a' });
      expect(await b.acquire(lease, ask('b'))).toBeUndefined();
      expect(await a.acquire(lease, ask('a'))).toEqual(grant);
      expect(await b.holderOf(lease)).toEqual({ ...grant, note: 'http://a' });
    });

    it('have one winner when many ask at once', async () => {
      const lease = `l-${crypto.randomUUID()}`;
      const grants = await Promise.all(
        Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? a : b).acquire(lease, ask(`node-${i}`))),
      );
      expect(grants.filter((grant) => grant !== undefined)).toHaveLength(1);
    });

    it('go to another holder when they are given up, under a larger fence', async () => {
      const lease = `l-${crypto.randomUUID()}`;
      const first = (await a.acquire(lease, ask('a'))) as Grant;
      await b.release({ ...first, holder: 'b' });
      expect(await b.acquire(lease, ask('b'))).toBeUndefined();
      await a.release(first);
      const second = (await b.acquire(lease, ask('b'))) as Grant;
      expect(second.fence).toBeGreaterThan(first.fence);
      await a.release(first);
      expect((await a.holderOf(lease))?.holder).toBe('b');
    });

    it('go to another holder when the first falls silent, under a larger fence', async () => {
      const lease = `l-${crypto.randomUUID()}`;
      const first = (await a.acquire(lease, ask('a', 300))) as Grant;
      let second: Grant | undefined;
      for (let tries = 0; second === undefined && tries < 40; tries += 1) {
        second = await b.acquire(lease, ask('b'));
        await wait(50);
      }
      expect(second?.fence).toBeGreaterThan(first.fence);
      expect(await a.acquire(lease, ask('a', 300))).toBeUndefined();
    });
  });
}
