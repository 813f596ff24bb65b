/**
 * The matrix-factorisation mechanism for DP-FTRL: gradients with correlated noise, so that prefix sums of them are far
 * more accurate than with fresh noise at every step, and no sampling is needed. [DMRST22]
 *
 * The sums handed in are snapped to a grid, C·x is computed in doubles and rounded to the grid, discrete Gaussian noise is
 * added there, and C⁻¹ is applied to the result alone: what comes out is post-processing of an integer mechanism, however
 * the doubles round. (Adding C⁻¹z to x instead would leave the low bits of x in the sum.)
 *
 * @module
 */

import {
  bandedMatrixFactorization,
  composed,
  discreteGaussian,
  matrixFactorization,
  type DpEvent,
} from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { createGaussianNoise } from '../noise/discrete-gaussian-mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid } from '../noise/grid.ts';
import { findStandIn } from '../sampling/continuous-stand-in.ts';
import type { BandedPoissonSampler } from './banded-sampler.ts';
import { countParticipations, type Participation } from './sensitivity.ts';
import type { MatrixStrategy } from './strategy.ts';

/** One run over the steps. */
export interface MatrixRun {
  /** Steps done so far. */
  readonly step: number;
  /**
   * Releases the next gradient in place: what was handed in plus correlated noise.
   * @throws {RangeError} when all steps are done, the length is wrong, or an entry is NaN.
   */
  releaseInto(sum: Float64Array, rng: Rng): void;
}

/** The mechanism; the event is the cost of all steps of one run. */
export interface MatrixMechanism extends Mechanism<'matrix-factorization'> {
  readonly strategy: MatrixStrategy;
  readonly granularity: number;
  /** σ of the noise on the rows of C·x, in units of the sums. */
  readonly noiseStddev: number;
  /** σ ÷ (clip norm × greatest column norm), after all widening: what a single participation is charged. */
  readonly columnNoiseMultiplier: number;
  /**
   * The event of a run on samples of a sampler that takes turns over at least as many groups as the strategy has bands.
   * @throws {RangeError} when the strategy is not banded within the sampler's groups.
   */
  sampledEvent(sampler: BandedPoissonSampler): DpEvent;
  start(): MatrixRun;
}

/** Entries of a sum are clamped to this many grid steps (some 512 σ), which bounds what doubles may round away in C·x. */
const MAX_STEPS = 2 ** 33;

/**
 * Creates the mechanism.
 * Guarantee: that of a Gaussian of multiplier σ/(clipNorm·sensitivity of C) for the whole run, under zero-out (a record
 * contributes nothing at its steps instead of a vector of norm ≤ clipNorm) and, when participation does not depend on who
 * else is there, add-or-remove-one; floating point included.
 * Precondition: a record takes part at most as `participation` says, each time with a vector of L2 norm ≤ clipNorm in sums
 * that are exact to the double (fixed-point sums, or as the engine bounds it in its clip norm).
 * @param options - `noiseMultiplier` = σ ÷ clipNorm on the rows of C·x.
 * @throws {RangeError} when a parameter is out of range.
 * @see [CGMRT23]; [DMPST24] for buffered strategies
 */
export function createMatrixMechanism(options: {
  readonly strategy: MatrixStrategy;
  readonly participation: Participation;
  readonly dimension: number;
  readonly clipNorm: number;
  readonly noiseMultiplier: number;
  readonly granularity?: number;
}): MatrixMechanism {
  const { strategy, participation, dimension, clipNorm, noiseMultiplier } = options;
  assertInteger(dimension, 'dimension', { min: 1 });
  assertPositive(clipNorm, 'clipNorm');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  const granularity = options.granularity ?? ceilPowerOfTwo((noiseMultiplier * clipNorm) / 2 ** 24);
  assertGranularity(granularity);
  const participations = countParticipations(strategy.steps, participation);
  const sensitivity = strategy.sensitivity(participation) * (1 + 1e-12);

  // In grid steps. Snapping moves a participation by √d more; rounding C·x moves each of its entries by less than one
  // more, and by what the doubles lose on the way.
  const entries = strategy.steps * dimension;
  const lost = 1 + 2 * strategy.forwardRounding * MAX_STEPS * 2 ** -53;
  const snapped = clipNorm / granularity + Math.sqrt(dimension);
  const widen = (base: number) => (base * snapped + Math.sqrt(entries) * lost) * (1 + 1e-12);
  const gridSensitivity = widen(sensitivity);
  const sigma = (noiseMultiplier * gridSensitivity) / sensitivity;
  const standIn = findStandIn(discreteGaussian({ sigma, sensitivity: gridSensitivity, dimension: entries }));
  if (standIn === undefined) throw new RangeError('"granularity" is too coarse for this noise');
  const charged = standIn.event.noiseMultiplier;
  const columnNoiseMultiplier = charged * (gridSensitivity / widen(strategy.columnNorm * (1 + 1e-12))) * (1 - 1e-12);
  if (sigma > 2 ** 26) {
    throw new RangeError('the rounding of so many entries would outweigh the noise: lower "dimension" or the steps');
  }
  const noise = createGaussianNoise(sigma);

  return {
    kind: 'matrix-factorization',
    strategy,
    granularity,
    noiseStddev: sigma * granularity,
    columnNoiseMultiplier,
    guarantee: {
      measure: 'renyi',
      relations: ADDITIVE_RELATIONS,
      precondition: `at most ${participations} participations, ${participation.minSeparation} steps apart, of norm ${clipNorm}`,
      source: '[CGMRT23]',
    },
    event(): DpEvent {
      const main = matrixFactorization({ noiseMultiplier: charged * sensitivity * (1 - 1e-15), sensitivity });
      return composed([main, ...standIn.slack]);
    },
    sampledEvent({ bands, samplingRate }) {
      if (strategy.bands > bands) {
        throw new RangeError(`the sampler must have at least ${strategy.bands} groups, one a band, got ${bands}`);
      }
      const main = bandedMatrixFactorization({
        noiseMultiplier: columnNoiseMultiplier,
        iterations: strategy.steps,
        bands,
        samplingRate,
      });
      return composed([main, ...standIn.slack]);
    },
    start() {
      const forward = strategy.createForward(dimension);
      const inverse = strategy.createInverse(dimension);
      const draws = new Int32Array(dimension);
      let step = 0;
      return {
        get step() {
          return step;
        },
        releaseInto(sum, rng) {
          if (step === strategy.steps) throw new RangeError(`all ${strategy.steps} steps of this run are done`);
          if (sum.length !== dimension) throw new RangeError(`"sum" must have ${dimension} entries, got ${sum.length}`);
          const row = sum.map((value) => Math.min(MAX_STEPS, Math.max(-MAX_STEPS, snapToGrid(value, granularity))));
          forward(row);
          noise.sampleInto(draws, rng);
          for (let i = 0; i < dimension; i += 1) sum[i] = Math.round(row[i] as number) + (draws[i] as number);
          draws.fill(0);
          inverse(sum);
          for (let i = 0; i < dimension; i += 1) sum[i] = (sum[i] as number) * granularity;
          step += 1;
        },
      };
    },
  };
}
