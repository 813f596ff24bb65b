/**
 * What every queue and every lease store must do, whatever is behind them.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Grant, LeaseStore, Queue, QueueOptions } from '../../src/runtime/storage/queue/index.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Describes a queue; `open` gives an empty one. */
export function describeQueue(name: string, open: (options: QueueOptions) => Promise<Queue>): void {
  describe(`queue: ${name}`, () => {
    it('gives each message to one worker, in order, and keeps what is done from coming again', async () => {
      const queue = await open({ ackWaitMs: 1500, maxDeliveries: 5 });
      for (const id of ['a', 'b', 'c']) await queue.publish(id, bytes(id.toUpperCase()));
      const first = await queue.pull({ max: 2, waitMs: 1000 });
      const second = await queue.pull({ max: 5, waitMs: 1000 });
      expect([...first, ...second].map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect([...first, ...second].map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['A', 'B', 'C']);
      for (const delivery of [...first, ...second]) await delivery.done();
      await wait(1700);
      expect(await queue.pull({ max: 5, waitMs: 100 })).toEqual([]);
      await queue.close();
    });

    it('publishes once what is published twice under one id, even after it is done', async () => {
      const queue = await open({ ackWaitMs: 2000, maxDeliveries: 5 });
      await queue.publish('same', bytes('1'));
      await queue.publish('same', bytes('2'));
      const [only, ...none] = await queue.pull({ max: 5, waitMs: 1000 });
      expect(none).toEqual([]);
      await only?.done();
      await queue.publish('same', bytes('3'));
      expect(await queue.pull({ max: 5, waitMs: 100 })).toEqual([]);
      await queue.close();
    });

    it('delivers again what a worker gave back or never answered, and gives up at last', async () => {
      const queue = await open({ ackWaitMs: 1000, maxDeliveries: 3 });
      await queue.publish('x', bytes('x'));
      const [given] = await queue.pull({ max: 1, waitMs: 1000 });
      expect(given?.delivery).toBe(1);
      await given?.again();
      const [silent] = await queue.pull({ max: 1, waitMs: 1000 });
      expect(silent?.delivery).toBe(2);
      const [last] = await queue.pull({ max: 1, waitMs: 4000 });
      expect([last?.id, last?.delivery]).toEqual(['x', 3]);
      await wait(1200);
      expect(await queue.pull({ max: 1, waitMs: 100 })).toEqual([]);
      await queue.close();
    });
  });
}

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
