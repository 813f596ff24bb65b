import { describe, expect, it } from 'vitest';

import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../../test/statistical/assert.ts';
import { gaussian, poissonSampled } from '../../accounting/index.ts';
import { createPoissonSampler } from './poisson-sampler.ts';

function binomialPmf(n: number, p: number): number[] {
  const pmf = [(1 - p) ** n];
  for (let k = 1; k <= n; k += 1) pmf.push(((pmf[k - 1] as number) * (n - k + 1) * p) / (k * (1 - p)));
  return pmf;
}

function histogramOfSizes(draw: () => number, n: number): number[] {
  const counts = Array.from({ length: n + 1 }, () => 0);
  for (let i = 0; i < 20_000; i += 1) {
    const size = draw();
    counts[size] = (counts[size] as number) + 1;
  }
  return counts;
}

describe('createPoissonSampler', () => {
  it('draws binomial sample sizes, and the test sees a batch of fixed size', () => {
    const rng = createTestRng('poisson sizes');
    for (const samplingRate of [0.05, 0.5, 1 / 3]) {
      const sampler = createPoissonSampler({ samplingRate });
      const sizes = histogramOfSizes(() => sampler.sample(40, rng).length, 40);
      assertFits(chiSquareTest(sizes, binomialPmf(40, samplingRate)));
      const fixed = histogramOfSizes(() => Math.round(40 * samplingRate), 40);
      assertRejected(chiSquareTest(fixed, binomialPmf(40, samplingRate)));
    }
  });

  it('takes every record equally often, across chunks of its stream', () => {
    const rng = createTestRng('poisson records');
    const sampler = createPoissonSampler({ samplingRate: 0.25 });
    const cells = Array.from({ length: 40 }, () => 0);
    for (let i = 0; i < 10; i += 1) {
      const indices = sampler.sample(40_000, rng);
      expect(indices.every((index, at) => at === 0 || index > (indices[at - 1] as number))).toBe(true);
      for (const index of indices) cells[index % 40] = (cells[index % 40] as number) + 1;
    }
    assertFits(
      chiSquareTest(
        cells,
        cells.map(() => 1 / 40),
      ),
    );
  });

  it('takes all at rate one, none at rate zero, and empty data is fine', () => {
    const rng = createTestRng('poisson ends');
    expect(createPoissonSampler({ samplingRate: 1 }).sample(5, rng)).toEqual(Uint32Array.of(0, 1, 2, 3, 4));
    expect(createPoissonSampler({ samplingRate: 0 }).sample(5, rng)).toEqual(new Uint32Array(0));
    expect(createPoissonSampler({ samplingRate: 0.5 }).sample(0, rng)).toEqual(new Uint32Array(0));
  });

  it('wraps the event of what is done with the sample', () => {
    const inner = gaussian({ noiseMultiplier: 1.1 });
    expect(createPoissonSampler({ samplingRate: 0.01 }).event(inner)).toEqual(
      poissonSampled({ samplingRate: 0.01, event: inner }),
    );
  });

  it('refuses rates outside [0, 1]', () => {
    for (const samplingRate of [-0.1, 1.1, Number.NaN]) {
      expect(() => createPoissonSampler({ samplingRate })).toThrow(RangeError);
    }
  });
});
