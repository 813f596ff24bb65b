/**
 * Samplers beside Poisson's: a fixed number without replacement, Poisson with a ceiling, and the passes over shuffled or
 * ordered data that most trainers make. Each issues its own part of the event, so none can be charged as another.
 *
 * @module
 */

import {
  AccountingError,
  fixedOrderEpoch,
  gaussian,
  sampledWithoutReplacement,
  truncatedPoissonGaussian,
  type DpEvent,
} from '../../accounting/index.ts';
import { assertInteger, assertProbability } from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, shuffleInto, type Rng } from '../../../foundations/random/index.ts';
import { findJointStandIn, withSlack } from './continuous-stand-in.ts';
import { createPoissonSampler } from './poisson-sampler.ts';

/** Draws a uniform subset of the indices below `size`, ascending: the last steps of a Fisher–Yates shuffle, sparsely. */
export function sampleSubset({ size, count }: { size: number; count: number }, rng: Rng): Uint32Array {
  const moved = new Map<number, number>();
  const taken = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) {
    const last = size - 1 - i;
    const at = sampleUint32Below(last + 1, rng);
    taken[i] = moved.get(at) ?? at;
    moved.set(at, moved.get(last) ?? last);
  }
  return taken.sort();
}

function unsupported(sampler: string, event: DpEvent): AccountingError {
  return new AccountingError(
    'accounting/unsupported-event',
    `${sampler} has an event around Gaussian sums only, got ${event.kind}; use a finer grid or another sampler`,
  );
}

/** Chooses a fixed number of records. */
export interface FixedSizeSampler {
  readonly kind: 'fixed-size-sampler';
  readonly datasetSize: number;
  readonly sampleSize: number;
  /** Draws the ascending indices of `sampleSize` records. */
  sample(rng: Rng): Uint32Array;
  /** The event of a Gaussian sum over one such sample. */
  event(inner: DpEvent): DpEvent;
}

/**
 * Creates a sampler of a fixed size without replacement.
 * Guarantee: every subset of `sampleSize` records is equally likely, exactly. Its amplification is known for replace-one
 * only: the sizes are public. The inner event's multiplier is halved, because one record replaced moves the sum by twice
 * the clip norm.
 * @throws {AccountingError} 'accounting/unsupported-event' from `event`, when the inner event is not a Gaussian sum.
 * @see [WBK19]
 */
export function createFixedSizeSampler({
  datasetSize,
  sampleSize,
}: {
  readonly datasetSize: number;
  readonly sampleSize: number;
}): FixedSizeSampler {
  assertInteger(datasetSize, 'datasetSize', { min: 1, max: 2 ** 32 - 1 });
  assertInteger(sampleSize, 'sampleSize', { min: 1, max: datasetSize });
  return {
    kind: 'fixed-size-sampler',
    datasetSize,
    sampleSize,
    sample: (rng) => sampleSubset({ size: datasetSize, count: sampleSize }, rng),
    event(inner) {
      const standIn = findJointStandIn(inner);
      if (standIn === undefined) throw unsupported('sampling without replacement', inner);
      const halved = gaussian({ noiseMultiplier: standIn.event.noiseMultiplier / 2 });
      return withSlack(sampledWithoutReplacement({ datasetSize, sampleSize, event: halved }), standIn.slack);
    },
  };
}

/** Poisson sampling that never returns more than a ceiling. */
export interface TruncatedPoissonSampler {
  readonly kind: 'truncated-poisson-sampler';
  readonly datasetSize: number;
  readonly samplingRate: number;
  readonly truncatedBatchSize: number;
  sample(rng: Rng): Uint32Array;
  /** The event of a Gaussian sum over one such sample. */
  event(inner: DpEvent): DpEvent;
}

/**
 * Creates a Poisson sampler with a ceiling: when more than `truncatedBatchSize` records come, a uniform choice of that
 * many is kept, and the event says so.
 * @throws {AccountingError} 'accounting/unsupported-event' from `event`, when the inner event is not a Gaussian sum.
 * @see [CGKKMSZ24b] (truncated Poisson batches)
 */
export function createTruncatedPoissonSampler({
  datasetSize,
  samplingRate,
  truncatedBatchSize,
}: {
  readonly datasetSize: number;
  readonly samplingRate: number;
  readonly truncatedBatchSize: number;
}): TruncatedPoissonSampler {
  assertInteger(datasetSize, 'datasetSize', { min: 1, max: 2 ** 32 - 1 });
  assertProbability(samplingRate, 'samplingRate');
  assertInteger(truncatedBatchSize, 'truncatedBatchSize', { min: 1 });
  const poisson = createPoissonSampler({ samplingRate });
  return {
    kind: 'truncated-poisson-sampler',
    datasetSize,
    samplingRate,
    truncatedBatchSize,
    sample(rng) {
      const drawn = poisson.sample(datasetSize, rng);
      if (drawn.length <= truncatedBatchSize) return drawn;
      const kept = sampleSubset({ size: drawn.length, count: truncatedBatchSize }, rng);
      return kept.map((at) => drawn[at] as number);
    },
    event(inner) {
      const standIn = findJointStandIn(inner);
      if (standIn === undefined) throw unsupported('truncated Poisson sampling', inner);
      const { noiseMultiplier } = standIn.event;
      return withSlack(
        truncatedPoissonGaussian({ datasetSize, samplingRate, truncatedBatchSize, noiseMultiplier }),
        standIn.slack,
      );
    },
  };
}

/** Passes over all records in batches. */
export interface EpochSampler {
  readonly kind: 'shuffled-sampler' | 'cyclic-sampler';
  readonly batches: number;
  /** One pass over `size` records: every record in exactly one batch, sizes that differ by at most one. */
  epoch(size: number, rng: Rng): readonly Uint32Array[];
  /** The event of a whole epoch in which the inner event happens once on every batch. */
  event(inner: DpEvent): DpEvent;
}

function splitIntoBatches(order: Uint32Array, batches: number): readonly Uint32Array[] {
  const bounds = Array.from({ length: batches + 1 }, (_, i) => Math.floor((i * order.length) / batches));
  return bounds.slice(1).map((to, i) => order.slice(bounds[i], to).sort());
}

/**
 * Creates a sampler of passes over shuffled data.
 * Guarantee: no amplification is claimed: an epoch costs as much as one unsampled step, under zero-out and replace-one;
 * under add-or-remove-one the accountants refuse it, since one record more moves every later batch.
 * @param options - `batches` an epoch.
 * @see [CGKKMSZ24] on the gap to Poisson sampling
 */
export function createShuffledSampler({ batches }: { readonly batches: number }): EpochSampler {
  assertInteger(batches, 'batches', { min: 1 });
  return {
    kind: 'shuffled-sampler',
    batches,
    epoch(size, rng) {
      assertInteger(size, 'size', { max: 2 ** 32 - 1 });
      const order = Array.from({ length: size }, (_, i) => i);
      shuffleInto(order, rng);
      return splitIntoBatches(Uint32Array.from(order), batches);
    },
    event: (inner) => fixedOrderEpoch({ order: 'shuffled', batches, event: inner }),
  };
}

/** Creates a sampler of passes in a fixed order. Guarantee: as createShuffledSampler. */
export function createCyclicSampler({ batches }: { readonly batches: number }): EpochSampler {
  assertInteger(batches, 'batches', { min: 1 });
  return {
    kind: 'cyclic-sampler',
    batches,
    epoch(size) {
      assertInteger(size, 'size', { max: 2 ** 32 - 1 });
      return splitIntoBatches(
        Uint32Array.from({ length: size }, (_, i) => i),
        batches,
      );
    },
    event: (inner) => fixedOrderEpoch({ order: 'cyclic', batches, event: inner }),
  };
}
