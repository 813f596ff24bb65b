/**
 * Gradient accumulation: the sum of one step, added up from parts. Nothing is released between the parts, so a step of
 * any size gets its noise once.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { MAX_SAMPLE } from './clipping.ts';
import type { ClippedSum, ClippedSumRequest } from './engine.ts';
import type { GradientSource } from './dp-sgd.ts';

/**
 * Sums the clipped gradients of a sample in `parts`, each over a fixed range of the data set's places.
 *
 * The ranges depend on the number of places alone and not on who was drawn, so that one example more or less still
 * touches one block of one part: the sensitivity is that of a single sum. Sums are whole numbers of grid steps and add up
 * exactly.
 * @param request - as for one sum; `parts` ≥ 1; `into` gets the whole sum.
 * @throws {RangeError} when `parts` is not an integer ≥ 1.
 */
export async function accumulateClippedSum(
  engine: GradientSource,
  { parts, ...request }: ClippedSumRequest & { readonly parts: number; readonly into: Float64Array },
): Promise<ClippedSum> {
  assertInteger(parts, 'parts', { min: 1, max: 1024 });
  if (parts === 1) return engine.clippedSum(request);
  if (request.indices.length > 4 * MAX_SAMPLE) {
    throw new RangeError(`"indices" must be at most 2^22 examples, got ${request.indices.length}`);
  }
  const { into, dataset } = request;
  const indices = Uint32Array.from(request.indices).sort();
  const whole = new Float64Array(into.length);
  let nonFinite = 0;
  for (let part = 0; part < parts; part += 1) {
    const [low, high] = [part, part + 1].map((edge) => Math.floor((dataset.size * edge) / parts)) as [number, number];
    const drawn = indices.filter((index) => index >= low && index < high);
    const sum = await engine.clippedSum({ ...request, indices: drawn, into });
    nonFinite += sum.nonFinite;
    for (let j = 0; j < whole.length; j += 1) whole[j] = (whole[j] as number) + (into[j] as number);
  }
  into.set(whole);
  return { sum: into, nonFinite };
}
