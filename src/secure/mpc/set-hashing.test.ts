import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { binsFor, depthOf, hashElement, placeInDepth, placeOneABin } from './set-hashing.ts';

const rng = createSeededRng('set hashing');
const hashedSet = (size: number, salt: string, bins: number) =>
  Array.from({ length: size }, (_, i) => hashElement(`element ${i}`, salt, bins));

describe('bins of one element', () => {
  it.each([
    [1, 200],
    [2, 200],
    [5, 200],
    [10, 200],
    [20, 200],
    [60, 100],
    [1000, 20],
    [20_000, 2],
  ])('take sets of %i under every one of %i salts', (size, salts) => {
    const bins = binsFor(size);
    for (let salt = 0; salt < salts; salt += 1) {
      const elements = hashedSet(size, `${salt}`, bins);
      const table = placeOneABin(elements, bins, rng);
      const places = new Map([...table].map((tag, bin) => [tag, bin]));
      // Everybody is there, once, in one of its own bins; the rest are fillers.
      for (const { tag, bins: own } of elements) expect(own).toContain(places.get(tag));
      expect(table.filter((tag) => tag === 1n << 62n).length).toBe(bins - size);
    }
  });

  it('are refused to elements that have nowhere to go', () => {
    const crowd = Array.from({ length: 4 }, (_, i) => ({ tag: BigInt(i), bins: [0, 1, 2] }));
    expect(() => placeOneABin(crowd, 8, rng)).toThrow(expect.objectContaining({ code: 'mpc/hashing-failed' }));
  });
});

describe('bins of a fixed depth', () => {
  it('hold every element wherever the other side may have put it, and never overflow', () => {
    for (const [elements, bins] of [
      [2, binsFor(2)],
      [80, binsFor(60)],
      [3000, binsFor(1000)],
    ] as const) {
      const depth = depthOf(elements, bins);
      const hashed = hashedSet(elements, 'salt', bins);
      const table = placeInDepth(hashed, { bins, depth });
      for (const { tag, bins: own } of hashed)
        for (const bin of own) expect(table.subarray(bin * depth, (bin + 1) * depth).includes(tag)).toBe(true);
    }
    expect(() => placeInDepth(hashedSet(50, 'x', 4), { bins: 4, depth: 3 })).toThrow(
      expect.objectContaining({ code: 'mpc/hashing-failed' }),
    );
  });
});
