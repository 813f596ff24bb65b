/**
 * Buffered asynchronous rounds [NMZ22]: several cohorts are open at once, and the model moves whenever one of them has
 * answered. What [NMZ22] buffers, K updates of different base models, no server may look at here: a cohort of K is one
 * buffer, its members all start from the version of the model that stood when the cohort was opened, and its sum is
 * decoded as a whole, so that staleness is a public number of the cohort and its weight a function of public numbers.
 *
 * Guarantee: the weight multiplies a sum that was decoded, noise included, and is thereby post-processing. Each cohort
 * is one release about its members; they may be interleaved, since the noise of each is independent of when it is shown.
 * Whoever is a member k times is charged k times, never amplified: rosters are known.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';

/**
 * Computes what a cohort's mean update is multiplied by: (1 + staleness)^−exponent, the polynomial weight of [XKG19];
 * 1 for a cohort whose model is still the current one.
 * @param staleness - versions of the model between the one the cohort was given and the current one; an integer ≥ 0.
 * @param options - `exponent` ≥ 0; [NMZ22] takes 0.5. 0 weighs all the same.
 * @throws {@link RangeError} when `staleness` is not such an integer.
 */
export function computeStalenessWeight(staleness: number, { exponent }: { readonly exponent: number }): number {
  assertInteger(staleness, 'staleness', { min: 0 });
  return (1 + staleness) ** -exponent;
}
