/**
 * True Poisson sampling: every record takes part by a coin of its own. The sampler issues the event, so that a batch
 * drawn in another way cannot be charged as Poisson.
 *
 * @module
 */

import { poissonSampled, type DpEvent } from '../../accounting/index.ts';
import { assertInteger, assertProbability } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { findJointStandIn, withSlack } from './continuous-stand-in.ts';
import { sampleBernoulliDouble } from '../samplers/exact-samplers.ts';

/** Chooses records; wraps the event of what is done with them. */
export interface PoissonSampler {
  readonly kind: 'poisson-sampler';
  readonly samplingRate: number;
  /** Draws the ascending indices of those taken out of `size` records; it may be empty, and an empty batch counts. */
  sample(size: number, rng: Rng): Uint32Array;
  /** The event of a mechanism that is run on one such sample. */
  event(inner: DpEvent): DpEvent;
}

const CHUNK = 16_384;

/**
 * Creates a Poisson sampler.
 * Guarantee: every record is taken independently with probability exactly `samplingRate` (the exact value of the
 * double); the draw must stay secret, so never publish the size of a sample.
 * @param options - `samplingRate` in [0, 1].
 * @throws {RangeError} when the rate is not in [0, 1].
 */
export function createPoissonSampler({ samplingRate }: { samplingRate: number }): PoissonSampler {
  assertProbability(samplingRate, 'samplingRate');
  // A 32-bit uniform decides unless it equals the first 32 binary digits of the rate; then the next digits do.
  const digits = Math.floor(samplingRate * 2 ** 32);
  const rest = samplingRate * 2 ** 32 - digits;
  return {
    kind: 'poisson-sampler',
    samplingRate,
    sample(size, rng) {
      assertInteger(size, 'size', { max: 2 ** 32 });
      const words = new Uint32Array(Math.min(size, CHUNK));
      const taken: number[] = [];
      for (let from = 0; from < size; from += CHUNK) {
        const chunk = words.subarray(0, Math.min(CHUNK, size - from));
        rng.fill(new Uint8Array(chunk.buffer, 0, chunk.byteLength));
        chunk.forEach((word, i) => {
          if (word < digits || (word === digits && rest > 0 && sampleBernoulliDouble(rest, rng))) taken.push(from + i);
        });
      }
      words.fill(0);
      return Uint32Array.from(taken);
    },
    event(inner) {
      // Several sums on one sample are one vector; a single one is charged as it is.
      const joint = inner.kind === 'composed' ? findJointStandIn(inner) : undefined;
      if (joint === undefined) return poissonSampled({ samplingRate, event: inner });
      return withSlack(poissonSampled({ samplingRate, event: joint.event }), joint.slack);
    },
  };
}
