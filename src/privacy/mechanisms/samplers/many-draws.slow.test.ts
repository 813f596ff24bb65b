/** The batched samplers over a hundred million draws: errors of half a percent in a parameter are seen. */
import { describe, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  chiSquareTest,
  createTestRng,
  discreteGaussianPmf,
  discreteLaplacePmf,
} from '../../../../test/statistical/assert.ts';
import { createDiscreteGaussian } from './discrete-gaussian.ts';
import { createDiscreteLaplace } from './discrete-laplace.ts';
import type { IntegerNoise } from './integer-noise.ts';
import { createSkellam } from './skellam.ts';

const DRAWS = 100_000_000;
const BATCH = 4_000_000;

function countDraws(name: string, noise: IntegerNoise, reach: number): number[] {
  const rng = createTestRng(name);
  const counts = new Float64Array(2 * reach + 1);
  const batch = new Int32Array(BATCH);
  for (let done = 0; done < DRAWS; done += BATCH) {
    noise.sampleInto(batch, rng);
    for (const x of batch) {
      const cell = Math.min(reach, Math.max(-reach, x)) + reach;
      counts[cell] = (counts[cell] as number) + 1;
    }
  }
  return Array.from(counts);
}

/** Probabilities of the same cells, the tails joined to the ends. */
function cellsOf(pmf: (x: number) => number, reach: number): number[] {
  const cells = Array.from({ length: 2 * reach + 1 }, (_, i) => pmf(i - reach));
  const rest = (1 - cells.reduce((sum, p) => sum + p, 0)) / 2;
  return cells.map((p, i) => (i === 0 || i === cells.length - 1 ? p + rest : p));
}

describe('a hundred million draws', () => {
  it('of the discrete Gaussian fit at σ = 3, 50 and 700, and σ² off by a hundredth does not', () => {
    for (const sigma of [3, 50, 700]) {
      const reach = Math.ceil(6 * sigma);
      const counts = countDraws(`hundred million ${sigma}`, createDiscreteGaussian({ variance: sigma * sigma }), reach);
      assertFits(chiSquareTest(counts, cellsOf(discreteGaussianPmf(sigma * sigma), reach)));
      assertRejected(chiSquareTest(counts, cellsOf(discreteGaussianPmf(sigma * sigma * 1.01), reach)));
    }
  });

  it('of the discrete Laplace fit at scale 20, and a scale off by a two-hundredth does not', () => {
    const counts = countDraws('hundred million laplace', createDiscreteLaplace({ scale: 20 }), 300);
    assertFits(chiSquareTest(counts, cellsOf(discreteLaplacePmf(20), 300)));
    assertRejected(chiSquareTest(counts, cellsOf(discreteLaplacePmf(20.1), 300)));
  });

  it('of Skellam noise do not fit the discrete Gaussian of their variance', () => {
    const counts = countDraws('hundred million skellam', createSkellam({ variance: 100 }), 60);
    assertRejected(chiSquareTest(counts, cellsOf(discreteGaussianPmf(100), 60)));
  });
});
