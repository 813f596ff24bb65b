import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createVirtualNetwork } from './virtual-network.ts';

describe('the virtual network', () => {
  it('runs events in order of time, ties in order of scheduling', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 }), { maxLength: 200 }), async (delays) => {
        const network = createVirtualNetwork();
        const seen: [number, number][] = [];
        for (const [order, delay] of delays.entries()) {
          network.schedule(delay, () => {
            expect(network.nowMs).toBe(delay);
            seen.push([delay, order]);
          });
        }
        await network.run(() => false);
        const sorted = delays
          .map((delay, order) => [delay, order] as [number, number])
          .toSorted(([a, i], [b, j]) => a - b || i - j);
        expect(seen).toEqual(sorted);
      }),
    );
  });

  it('waits for the work of an event before the next one', async () => {
    const network = createVirtualNetwork();
    const seen: string[] = [];
    network.schedule(1, async () => {
      await Promise.resolve();
      seen.push('first');
    });
    network.schedule(2, () => void seen.push('second'));
    await network.run(() => false);
    expect(seen).toEqual(['first', 'second']);
  });

  it('stops when told, and schedules from where it stands', async () => {
    const network = createVirtualNetwork();
    let count = 0;
    const again = (): void => {
      count += 1;
      network.schedule(5, again);
    };
    network.schedule(5, again);
    await network.run(() => count === 3);
    expect([count, network.nowMs]).toEqual([3, 15]);
    expect(() => network.schedule(-1, () => {})).toThrow(RangeError);
  });
});
