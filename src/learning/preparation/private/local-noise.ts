/**
 * Local differential privacy for single cells: numbers with Laplace noise over their declared range, categories by
 * randomised response. Every row protects itself before it leaves.
 *
 * @module
 */

import type { DpEvent } from '../../../privacy/accounting/index.ts';
import { createLaplace, createRandomizedResponse } from '../../../privacy/mechanisms/index.ts';
import { assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';

/** Adds noise to one cell; a missing cell gets some too, so that it cannot be told from others. */
export interface CellNoise {
  release(cell: string | null, rng: Rng): string;
  /** The event of one row, charged once a column: every person has one row. */
  event(): DpEvent;
}

/**
 * Creates noise for numbers in [min, max].
 * Guarantee: ε-DP under replace-one of the cell: the number is taken from the middle of the range, so that a replacement
 * moves it by at most max − min, twice the sensitivity stated to the mechanism.
 * @param options - `clamp` brings the result back into the range (post-processing, biased at the ends).
 */
export function createNumberNoise({
  min,
  max,
  epsilon,
  clamp = true,
  integer = false,
}: {
  min: number;
  max: number;
  epsilon: number;
  clamp?: boolean;
  integer?: boolean;
}): CellNoise {
  assertPositive(epsilon, 'epsilon');
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max)) throw new RangeError('"min" must be below "max"');
  const middle = (min + max) / 2;
  // Four thousand steps over the range: finer than the noise, and coarse enough to be accounted for quickly.
  const granularity = 2 ** Math.ceil(Math.log2((max - min) / 2 ** 12));
  const mechanism = createLaplace({ l1Sensitivity: (max - min) / 2, epsilon: epsilon / 2, granularity });
  return {
    event: () => mechanism.event(),
    release(cell, rng) {
      const value = cell === null ? middle : Math.min(max, Math.max(min, Number(cell)));
      const noisy = middle + mechanism.release(value - middle, rng);
      const kept = clamp ? Math.min(max, Math.max(min, noisy)) : noisy;
      return String(integer ? Math.round(kept) : kept);
    },
  };
}

/**
 * Creates noise for categories known in advance.
 * Guarantee: ε-DP under replace-one of the cell. A missing cell counts as the first category.
 */
export function createCategoryNoise({
  categories,
  epsilon,
}: {
  categories: readonly string[];
  epsilon: number;
}): CellNoise {
  const places = new Map(categories.map((category, i) => [category, i]));
  const mechanism = createRandomizedResponse({ epsilon, buckets: categories.length });
  return {
    event: () => mechanism.event(),
    release: (cell, rng) => categories[mechanism.report(cell === null ? 0 : (places.get(cell) ?? 0), rng)] as string,
  };
}
