import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { partitionByLabel, partitionDirichlet, partitionIid, type Partition } from './index.ts';

const numRuns = process.env.SLOW === '1' ? 2000 : 100;

function expectPartition(parts: Partition, size: number): void {
  const all = parts.flatMap((part) => [...part]).sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: size }, (_, i) => i));
  for (const part of parts) expect([...part]).toEqual([...part].sort((a, b) => a - b));
}

const labelsOf = (size: number, classes: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7) % classes);

/** Mean over the parts of the share of their largest class: 1 / classes when even, 1 when each holds one class. */
function concentration(parts: Partition, labels: Uint8Array, classes: number): number {
  const shares = parts
    .filter((part) => part.length > 0)
    .map((part) => {
      const counts = Array.from({ length: classes }, () => 0);
      for (const example of part) counts[labels[example] as number]! += 1;
      return Math.max(...counts) / part.length;
    });
  return shares.reduce((a, b) => a + b) / shares.length;
}

describe('partitions', () => {
  it('put every example in exactly one part', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(0.01, 0.5, 5, 1000),
        fc.string(),
        (size, participants, alpha, seed) => {
          const labels = labelsOf(size, 10);
          const rng = createSeededRng(seed);
          expectPartition(partitionIid({ size, participants }, rng), size);
          expectPartition(partitionByLabel({ labels, participants }, rng), size);
          const parts = partitionDirichlet({ labels, participants, alpha, minExamples: 0 }, rng);
          expect(parts).toHaveLength(participants);
          expectPartition(parts, size);
        },
      ),
      { numRuns },
    );
  });

  it('follow from the seed', () => {
    const options = { labels: labelsOf(500, 10), participants: 20, alpha: 0.5 };
    const one = partitionDirichlet(options, createSeededRng('a'));
    expect(partitionDirichlet(options, createSeededRng('a'))).toEqual(one);
    expect(partitionDirichlet(options, createSeededRng('b'))).not.toEqual(one);
  });

  it('of equal chances have sizes that differ by one at most', () => {
    const sizes = partitionIid({ size: 103, participants: 10 }, createSeededRng('iid')).map((part) => part.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBe(1);
  });

  it('are the more uneven the smaller alpha is', () => {
    const labels = labelsOf(20_000, 10);
    const at = (alpha: number) =>
      concentration(partitionDirichlet({ labels, participants: 20, alpha }, createSeededRng('skew')), labels, 10);
    const byLabel = concentration(partitionByLabel({ labels, participants: 20 }, createSeededRng('skew')), labels, 10);
    expect(at(1000)).toBeLessThan(0.13);
    expect(at(0.5)).toBeGreaterThan(at(1000) + 0.1);
    expect(at(0.05)).toBeGreaterThan(at(0.5));
    expect(byLabel).toBeGreaterThan(0.45);
  });

  it('draw Dirichlet shares with the variance (1/k)(1 − 1/k)/(kα + 1)', () => {
    // One class split over k parts: each part's share is a Dirichlet marginal, Beta(α, (k − 1)α).
    const [k, alpha, draws] = [5, 0.5, 2000];
    const rng = createSeededRng('variance');
    const labels = new Uint8Array(1000);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < draws; i += 1) {
      const share =
        (partitionDirichlet({ labels, participants: k, alpha, minExamples: 0 }, rng)[0]?.length ?? 0) / 1000;
      sum += share;
      squares += share * share;
    }
    const mean = sum / draws;
    const variance = squares / draws - mean * mean;
    const expected = ((1 / k) * (1 - 1 / k)) / (k * alpha + 1);
    // Six standard errors. Beta(1/2, 2) has kurtosis 3.82, so the variance of a sample variance is 2.82 σ⁴/n.
    const tolerance = 6 * expected * Math.sqrt(2.82 / draws);
    expect(Math.abs(mean - 1 / k)).toBeLessThan(6 * Math.sqrt(expected / draws));
    expect(Math.abs(variance - expected)).toBeLessThan(tolerance);
    // Shares drawn with α = 1/4 in place of 1/2 would be seen.
    expect(Math.abs(variance - ((1 / k) * (1 - 1 / k)) / (k * 0.25 + 1))).toBeGreaterThan(tolerance);
  });

  it('refuse what cannot be reached', () => {
    const labels = labelsOf(10, 2);
    expect(() => partitionDirichlet({ labels, participants: 11, alpha: 1 }, createSeededRng('x'))).toThrow(
      'no Dirichlet split of 10 examples gave each of 11 participants 1: raise "alpha" (1) or lower "minExamples"',
    );
    expect(() => partitionDirichlet({ labels, participants: 2, alpha: 0 }, createSeededRng('x'))).toThrow('"alpha"');
    expect(() => partitionIid({ size: 3, participants: 0 }, createSeededRng('x'))).toThrow('"participants"');
  });
});
