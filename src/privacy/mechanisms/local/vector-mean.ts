/**
 * Means of vectors under local privacy: a public rotation spreads the vector, a few coordinates are drawn and rounded to
 * signs at random, and the pattern of signs goes through k-ary randomized response (SQKR without its frame). [CKO20]
 *
 * @module
 */

import type { Rng } from '../../../foundations/random/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { createRotation } from '../../../foundations/vector/index.ts';
import { createFlatClipper } from '../clipping/clipping.ts';
import { LOCAL_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleSubset } from '../sampling/fixed-samplers.ts';
import { createRandomizedResponse } from './randomized-response.ts';

/** One respondent's report: which rotated coordinates, and the noisy pattern of their signs. */
export interface VectorReport {
  readonly coordinates: Uint32Array;
  readonly pattern: number;
}

/** Local reports of vectors, and the estimate of their mean. */
export interface LocalVectorMean extends Mechanism<'local-vector-mean'> {
  /** Bits of a report beside its coordinates. */
  readonly bits: number;
  report(vector: ArrayLike<number>, rng: Rng): VectorReport;
  estimateMean(reports: readonly VectorReport[]): Float64Array;
}

/** Rotated coordinates beyond this many deviations of a random direction are clamped: a bias below 10^−5 of the norm. */
const CLAMP_DEVIATIONS = 4.5;

/**
 * Creates the mechanism.
 * Guarantee: ε-DP under replace-one of the respondent's vector; exact: whatever the floating-point steps before it do, the
 * report is randomized response over 2^bits patterns.
 * Precondition: none; vectors are clipped to `clipNorm` here. The estimate is unbiased up to the clamping of rare large
 * coordinates after the rotation, and vectors that are not finite count as zero.
 * @param options - `dimension`; `bits` a report, ⌈ε·log₂ e⌉ by default, at most 16; `rotationSeed`, 32 public bytes,
 * the same for all.
 * @throws {RangeError} when a parameter is out of range.
 * @see [CKO20] (SQKR), with a randomised Hadamard rotation for the tight frame
 */
export function createLocalVectorMean(options: {
  readonly epsilon: number;
  readonly dimension: number;
  readonly clipNorm: number;
  readonly rotationSeed: Uint8Array;
  readonly bits?: number;
}): LocalVectorMean {
  const { epsilon, dimension, clipNorm, rotationSeed } = options;
  assertPositive(epsilon, 'epsilon');
  assertPositive(clipNorm, 'clipNorm');
  assertInteger(dimension, 'dimension', { min: 1, max: 2 ** 24 });
  const rotation = createRotation({ dimension, seed: rotationSeed });
  const size = rotation.paddedDimension;
  const bits = options.bits ?? Math.min(16, size, Math.max(1, Math.ceil(epsilon * Math.LOG2E)));
  assertInteger(bits, 'bits', { min: 1, max: Math.min(16, size) });
  const response = createRandomizedResponse({ epsilon, buckets: 2 ** bits });
  const clamp = Math.min(1, CLAMP_DEVIATIONS / Math.sqrt(size)) * clipNorm;
  const clipper = createFlatClipper({ clipNorm });

  return {
    kind: 'local-vector-mean',
    bits,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: LOCAL_RELATIONS,
      precondition: 'one vector of one respondent, reported once',
      source: '[CKO20]',
    },
    event: () => response.event(),
    report(vector, rng) {
      if (vector.length !== dimension) {
        throw new RangeError(`"vector" must have ${dimension} entries, got ${vector.length}`);
      }
      const clipped = Float64Array.from(vector);
      clipper.clipInto(clipped);
      const rotated = rotation.apply(clipped);
      const coordinates = sampleSubset({ size, count: bits }, rng);
      let pattern = 0;
      coordinates.forEach((at, i) => {
        const x = Math.min(clamp, Math.max(-clamp, rotated[at] as number)) / clamp;
        // Up with probability (1 + x)/2, to within 2^−32.
        if (rng.uint32() < ((1 + x) / 2) * 2 ** 32) pattern += 2 ** i;
      });
      return { coordinates, pattern: response.report(pattern, rng) };
    },
    estimateMean(reports) {
      const sum = new Float64Array(size);
      const weight = (clamp * size) / bits / (1 - response.noiseParameter) / Math.max(1, reports.length);
      for (const { coordinates, pattern } of reports) {
        coordinates.forEach((at, i) => {
          sum[at] = (sum[at] as number) + ((pattern >>> i) & 1 ? weight : -weight);
        });
      }
      return rotation.invertInto(sum).slice();
    },
  };
}
