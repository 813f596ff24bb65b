/**
 * From a participant's real vector to residues and from the sum back: clip → rotate → scale → round → ring. The noise
 * share is added by the round itself, from a seed it can take out again.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import {
  clipInto,
  createRing,
  createRotation,
  decodeRing,
  ditherInto,
  encodeRing,
  quantizeInto,
  roundConditionallyInto,
} from '../../foundations/vector/index.ts';
import type { DistributedNoisePlan } from './distributed-plan.ts';

/** Encodes contributions and decodes their sum, for one round. */
export interface DistributedEncoder {
  /** Entries of an encoded vector: the padded dimension. */
  readonly entries: number;
  /**
   * Encodes a vector (`client`: clipped here to the clip norm; `example`: a sum of clipped parts, projected to the bound
   * of sums).
   * @throws {RangeError} when a value is not finite.
   */
  encode(values: Float64Array | Float32Array, rng: Rng): Uint32Array;
  /** Decodes the residues of a sum. */
  decode(sum: Uint32Array): Float64Array;
}

/**
 * Creates the encoder of one round.
 * @param options - `seed`: 32 public bytes, the same for everybody, fresh a round and not chosen by whoever chose the
 *   vectors (the digest of the round's configuration will do).
 */
export function createDistributedEncoder(
  plan: DistributedNoisePlan,
  { seed }: { readonly seed: Uint8Array },
): DistributedEncoder {
  const { mode, dimension, clipNorm, sumNormBound, rounding = 'nearest' } = plan.options;
  const { quantizationScale, paddedDimension } = plan;
  const rotation = createRotation({ dimension, seed });
  const ring = createRing({ bitWidth: plan.bitWidth });
  const longest = mode === 'client' ? clipNorm : (sumNormBound as number);
  return {
    entries: paddedDimension,
    encode(values, rng) {
      const own = Float64Array.from(values);
      clipInto(own, longest);
      const rotated = rotation.apply(own);
      const integers = new Int32Array(paddedDimension);
      if (mode === 'example' && rounding === 'nearest') {
        quantizeInto(rotated, { quantizationScale, clampRange: longest * (1 + 2 ** -30) }, integers);
      } else {
        for (let i = 0; i < rotated.length; i += 1) rotated[i] = (rotated[i] as number) * quantizationScale;
        if (mode === 'client') roundConditionallyInto(rotated, { normBound: plan.roundedNormBound }, integers, rng);
        else ditherInto(rotated, integers, rng);
      }
      own.fill(0);
      rotated.fill(0);
      const residues = encodeRing(integers, ring);
      integers.fill(0);
      return residues;
    },
    decode(sum) {
      const values = decodeRing(sum, ring);
      for (let i = 0; i < values.length; i += 1) values[i] = (values[i] as number) / quantizationScale;
      return rotation.invertInto(values).slice();
    },
  };
}
