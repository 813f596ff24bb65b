/**
 * Means and spreads of scattering channels, computed privately: every example adds its clipped channel moments to one
 * integer sum that is released once by the discrete Gaussian mechanism. The release is an event to be charged like any
 * other; the constants that come out may be used without further cost. [TB21] §2.3
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';
import { createDiscreteGaussianMechanism } from '../../privacy/mechanisms/index.ts';
import { type Dataset } from '../data/index.ts';
import { createFeatureExtractor, type FeaturesConfig } from './scattering.ts';
import { CHANNEL_SCALES, SCATTERING_CHANNELS } from './scattering-filters.ts';

/** A release of channel statistics, not yet made. */
export interface PrivateNormalization {
  /** What the release costs: reserve it in the ledger before `compute`, and commit it after. */
  readonly event: DpEvent;
  /**
   * Releases the statistics, once.
   * @returns the `standardize` normalization of a features configuration.
   * @throws {RangeError} on a second call: the event was charged for one release.
   */
  compute(images: Dataset, rng: Rng): Extract<FeaturesConfig['normalization'], { kind: 'standardize' }>;
}

/** Variances below this share of the second moment are noise; the channel is then left small instead of blown up. */
const MIN_VARIANCE_SHARE = 0.01;

/**
 * Prepares a private release of channel means and spreads.
 * Guarantee: the discrete Gaussian mechanism with the given noise multiplier under add-or-remove-one, for each example's
 * vector of channel means and mean squares (in units of public scales), clipped in L2 and rounded toward zero on the
 * grid, which cannot make it longer. `expectedSize` is public and never compared with the data by what is released.
 * @param options - `inputShape` of the images; `expectedSize`, the public number that sums are divided by; `clipNorm` of
 * the moments (a bright image has about 30); `noiseMultiplier`.
 */
export function createPrivateNormalization({
  inputShape,
  expectedSize,
  noiseMultiplier,
  clipNorm = 40,
}: {
  inputShape: readonly number[];
  expectedSize: number;
  noiseMultiplier: number;
  clipNorm?: number;
}): PrivateNormalization {
  assertInteger(expectedSize, 'expectedSize', { min: 1, max: 2 ** 24 });
  assertPositive(clipNorm, 'clipNorm');
  const extractor = createFeatureExtractor({ kind: 'scattering', normalization: { kind: 'none' } }, inputShape);
  const channels = extractor.outputShape[2];
  const points = extractor.outputShape[0] * extractor.outputShape[1];
  // A clipped vector spans 2^bits grid steps; twice the expected examples still fit in 31 bits.
  const steps = 2 ** (29 - Math.ceil(Math.log2(expectedSize)));
  const mechanism = createDiscreteGaussianMechanism({
    l2Sensitivity: steps,
    noiseMultiplier,
    dimension: 2 * channels,
  });
  let released = false;

  function addMoments(features: Float32Array, start: number, sum: Float64Array): void {
    const moments = new Float64Array(2 * channels);
    for (let i = 0; i < points * channels; i += 1) {
      const channel = i % channels;
      const value = (features[start + i] as number) / scaleOf(channel) / points;
      moments[channel] = (moments[channel] as number) + value;
      moments[channels + channel] = (moments[channels + channel] as number) + value * value * points;
    }
    const norm = Math.hypot(...moments);
    // Not a number, or infinite: the example counts for nothing.
    if (!Number.isFinite(norm)) return;
    // Rounded down by far more than the float64 error of the norm and of the product.
    const factor = (steps / Math.max(norm, clipNorm)) * (1 - 2 ** -30);
    for (let i = 0; i < moments.length; i += 1)
      sum[i] = (sum[i] as number) + Math.trunc((moments[i] as number) * factor);
  }

  return {
    event: mechanism.event(),
    compute(images, rng) {
      if (released) throw new RangeError('the statistics were released already: a second release needs its own event');
      released = true;
      const sum = new Float64Array(2 * channels);
      const width = points * channels;
      const chunk = 256;
      for (let start = 0; start < images.size; start += chunk) {
        const count = Math.min(chunk, images.size - start);
        const features = extractor.compute(images.subset(Uint32Array.from({ length: count }, (_, i) => start + i)));
        for (let example = 0; example < count; example += 1) addMoments(features, example * width, sum);
      }
      // The noise is added modulo 2^32; a sum beyond that (more than four times the expected examples) wraps and stays private.
      const noisy = Int32Array.from(sum);
      mechanism.releaseInto(noisy, rng);
      const unit = clipNorm / steps / expectedSize;
      const mean: number[] = [];
      const stddev: number[] = [];
      for (let channel = 0; channel < channels; channel += 1) {
        const first = (noisy[channel] as number) * unit;
        const second = Math.max((noisy[channels + channel] as number) * unit, 2 ** -20);
        const variance = Math.max(second - first * first, MIN_VARIANCE_SHARE * second);
        mean.push(first * scaleOf(channel));
        stddev.push(Math.sqrt(variance) * scaleOf(channel));
      }
      return { kind: 'standardize', mean, stddev };
    },
  };
}

const scaleOf = (channel: number): number => CHANNEL_SCALES[channel % SCATTERING_CHANNELS] as number;
