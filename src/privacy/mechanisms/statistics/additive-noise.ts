/**
 * The two noises that statistics are released with, as one choice, and the integers they are added to.
 *
 * @module
 */

import { discreteGaussian, discreteLaplace, type DpEvent } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { createGaussianNoise } from '../noise/discrete-gaussian-mechanism.ts';
import { createLaplaceNoise } from '../noise/discrete-laplace-mechanism.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';

/** Laplace noise of an ε, or Gaussian noise of a noise multiplier, for one release. */
export type StatisticNoise =
  | { readonly kind: 'laplace'; readonly epsilon: number }
  | { readonly kind: 'gaussian'; readonly noiseMultiplier: number };

/** Integer noise calibrated to an integer sensitivity, with its event. */
export interface CalibratedNoise {
  readonly noise: IntegerNoise;
  /** Standard deviation of the noise, in grid steps, as far as a double knows it. */
  readonly stddev: number;
  event(): DpEvent;
}

/** @throws {RangeError} when the amount of noise is out of range. */
export function assertNoise(noise: StatisticNoise): void {
  if (noise.kind === 'laplace') assertPositive(noise.epsilon, 'epsilon');
  else assertPositive(noise.noiseMultiplier, 'noiseMultiplier');
}

/** Splits a noise into `parts` of equal cost that together cost as much. */
export function splitNoise(noise: StatisticNoise, parts: number): StatisticNoise {
  return noise.kind === 'laplace'
    ? { kind: 'laplace', epsilon: noise.epsilon / parts }
    : { kind: 'gaussian', noiseMultiplier: noise.noiseMultiplier * Math.sqrt(parts) };
}

/** Noise for integers of which one record changes one, by at most `sensitivity`. */
export function calibrateNoise(
  noise: StatisticNoise,
  { sensitivity, dimension = 1 }: { readonly sensitivity: number; readonly dimension?: number },
): CalibratedNoise {
  assertNoise(noise);
  assertInteger(sensitivity, 'sensitivity', { min: 1 });
  if (noise.kind === 'laplace') {
    const { noiseParameter, noise: source } = createLaplaceNoise({ sensitivity, epsilon: noise.epsilon });
    return {
      noise: source,
      stddev: Math.SQRT2 / noiseParameter,
      event: () => discreteLaplace({ noiseParameter, sensitivity }),
    };
  }
  const sigma = noise.noiseMultiplier * sensitivity * (1 + 2 ** -51);
  return {
    noise: createGaussianNoise(sigma),
    stddev: sigma,
    event: () => discreteGaussian({ sigma, sensitivity, dimension }),
  };
}
