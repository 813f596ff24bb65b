/**
 * Tree aggregation: noisy prefix sums from a binary tree of noisy partial sums. Everything is integer arithmetic.
 * [DNPR10] [CSS11] [KMSTTX21]
 *
 * @module
 */

import { composed, discreteGaussian, treeAggregation, type DpEvent } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import type { Mechanism } from '../mechanism.ts';
import { createGaussianNoise } from '../noise/discrete-gaussian-mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid, widenSensitivity } from '../noise/grid.ts';
import { findStandIn } from '../sampling/continuous-stand-in.ts';

/** One tree over the steps of an epoch. */
export interface TreeRun {
  readonly step: number;
  /**
   * Takes the next sum in and returns the noisy sum of all so far.
   * @throws {RangeError} when all steps are done, the length is wrong, or an entry is NaN.
   */
  push(sum: Float64Array, rng: Rng): Float64Array;
}

/** The mechanism; the event is the cost of one tree, in which a record is in one leaf. */
export interface TreeAggregation extends Mechanism<'tree-aggregation'> {
  readonly steps: number;
  readonly granularity: number;
  /** σ of a node's noise, in units of the sums. */
  readonly noiseStddev: number;
  start(): TreeRun;
}

/**
 * Creates tree aggregation over `steps` leaves.
 * Guarantee: a record is in one leaf and so in at most ⌈log₂(steps + 1)⌉ noisy nodes; the whole tree costs as much as a
 * Gaussian of multiplier noiseMultiplier/√(that many), under zero-out; floating point included.
 * Precondition: a record is in one step's sum, with a vector of L2 norm ≤ clipNorm.
 * @param options - `noiseMultiplier` = σ of a node ÷ clipNorm.
 * @throws {RangeError} when a parameter is out of range.
 * @see [KMSTTX21] appendix D
 */
export function createTreeAggregation(options: {
  readonly steps: number;
  readonly dimension: number;
  readonly clipNorm: number;
  readonly noiseMultiplier: number;
  readonly granularity?: number;
}): TreeAggregation {
  const { steps, dimension, clipNorm, noiseMultiplier } = options;
  assertInteger(steps, 'steps', { min: 1, max: 2 ** 30 });
  assertInteger(dimension, 'dimension', { min: 1 });
  assertPositive(clipNorm, 'clipNorm');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  const granularity = options.granularity ?? ceilPowerOfTwo((noiseMultiplier * clipNorm) / 2 ** 24);
  assertGranularity(granularity);
  const sensitivity = widenSensitivity(clipNorm, { granularity, dimension, norm: 'l2' });
  const sigma = noiseMultiplier * sensitivity * (1 + 2 ** -51);
  const depth = Math.floor(Math.log2(steps)) + 1;
  const standIn = findStandIn(discreteGaussian({ sigma, sensitivity, dimension: dimension * depth }));
  if (standIn === undefined) throw new RangeError('"granularity" is too coarse for this noise');
  const noise = createGaussianNoise(sigma);
  return {
    kind: 'tree-aggregation',
    steps,
    granularity,
    noiseStddev: sigma * granularity,
    guarantee: {
      measure: 'renyi',
      relations: ['zero-out'],
      precondition: `a record in one of ${steps} sums, of norm at most ${clipNorm}`,
      source: '[KMSTTX21] appendix D',
    },
    event(): DpEvent {
      const tree = treeAggregation({ noiseMultiplier: standIn.event.noiseMultiplier, stepCounts: steps });
      return composed([tree, ...standIn.slack]);
    },
    start: () => createTreeRun({ steps, depth, dimension, granularity }, (out, rng) => noise.sampleInto(out, rng)),
  };
}

/** A finished node that later prefixes still need: the true sum for its parent, the noisy one for the answers. */
interface TreeNode {
  readonly exact: Float64Array;
  readonly noisy: Float64Array;
}

function createTreeRun(
  { steps, depth, dimension, granularity }: { steps: number; depth: number; dimension: number; granularity: number },
  drawInto: (out: Int32Array, rng: Rng) => void,
): TreeRun {
  // Level l holds the open node of 2^l leaves, as the bits of the step number: a binary counter.
  const levels: (TreeNode | undefined)[] = Array.from({ length: depth }, () => undefined);
  // A whole number of grid steps: a fraction would show through integer noise whether a sum was clamped.
  const limit = Math.floor(2 ** 52 / steps);
  const draws = new Int32Array(dimension);
  let step = 0;
  return {
    get step() {
      return step;
    },
    push(sum, rng) {
      if (step === steps) throw new RangeError(`all ${steps} steps of this tree are done`);
      if (sum.length !== dimension) throw new RangeError(`"sum" must have ${dimension} entries, got ${sum.length}`);
      const exact = sum.map((value) => Math.min(limit, Math.max(-limit, snapToGrid(value, granularity))));
      let level = 0;
      for (let below = levels[0]; below !== undefined; below = levels[level]) {
        const { exact: other } = below;
        for (let i = 0; i < dimension; i += 1) exact[i] = (exact[i] as number) + (other[i] as number);
        levels[level] = undefined;
        level += 1;
      }
      drawInto(draws, rng);
      levels[level] = { exact, noisy: exact.map((value, i) => value + (draws[i] as number)) };
      draws.fill(0);
      step += 1;
      const prefix = new Float64Array(dimension);
      for (const node of levels) {
        if (node === undefined) continue;
        for (let i = 0; i < dimension; i += 1) prefix[i] = (prefix[i] as number) + (node.noisy[i] as number);
      }
      return prefix.map((value) => value * granularity);
    },
  };
}
