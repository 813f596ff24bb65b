/**
 * Logistic regression by private gradient descent over all rows, in the engine that trains every other model here.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { selfComposed } from '../../privacy/accounting/index.ts';
import { createDataset } from '../data/index.ts';
import { compilePlan, createDpSgd, createEngine, createOptimizer, dense, model, planDpSgd } from '../models/index.ts';
import { type CategoryColumn, createDesign } from './columns.ts';
import {
  createEstimator,
  type Estimator,
  type FitOptions,
  multiplierOf,
  type NoisePlan,
  refuseSeveralRows,
} from './estimator.ts';
import type { Examples } from './examples.ts';
import { createPrivateSum } from './private-sum.ts';

/** Share of ρ for the number of rows that gradients are divided by. */
const COUNT_SHARE = 0.02;
/** Rows whose gradients the engine adds up at a time. */
const PART_ROWS = 2 ** 19;

/**
 * Creates an estimator of logistic regression: of two classes by one logit, of more by a softmax.
 *
 * Rows are scaled to norm at most 1; every gradient is clipped, all of them are summed with noise in each of `steps`
 * steps, divided by a noisy number of rows, and followed with momentum; the model is the mean of the last half of the
 * steps' weights. There is no sampling: over all rows the same ρ is worth most, and the order of rows means nothing. A row
 * of no declared class has a gradient of zero.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum a step and one for the count. The sums are
 * the engine's, whose sensitivity counts the rounding of float32 for rows that keep their places: the row that a neighbour
 * lacks leaves its place empty. Every other model here adds integers, and needs no such place.
 * @param options - `target`: the column of classes; `steps`, 40 by default; `clipNorm`, 0.5 by default: at 1 no gradient of two classes is ever cut, and
 * probabilities are those of the likelihood, at twice the noise.
 * @throws {RangeError} when a column has no bounds or values.
 * @throws {ClassicalError} 'classical/unit' for more than one row of a person.
 * @see [ACGMMTZ16], at sampling rate 1
 */
export function createLogisticRegression(
  options: FitOptions & { readonly target: CategoryColumn; readonly steps?: number; readonly clipNorm?: number },
): Estimator<'logistic-regression'> {
  const { features, target, person, steps = 40, clipNorm = CLIP_NORM } = options;
  refuseSeveralRows('logistic-regression', person);
  if (!Number.isInteger(steps) || steps < 1 || steps > 10_000) {
    throw new RangeError(`"steps" must be an integer in [1, 10000], got ${steps}`);
  }
  if (!(clipNorm > 0 && clipNorm <= 2)) throw new RangeError(`"clipNorm" must be in (0, 2], got ${clipNorm}`);
  const { width, squaredNorm, expandInto } = createDesign(features);
  const outputs = target.values.length === 2 ? 1 : target.values.length;
  const layers = compilePlan(
    model([dense({ out: outputs, bias: false, init: 'zeros' })], {
      input: [width],
      loss: outputs === 1 ? 'binaryCrossEntropy' : 'softmaxCrossEntropy',
    }),
  );
  const cost = { parameterCount: layers.parameterCount, samplingRate: 1, clipNorm };
  return createEstimator({
    kind: 'logistic-regression',
    options,
    target,
    source: '[CKS20] theorem 14, [ACGMMTZ16]',
    plan(scale): NoisePlan {
      const noiseMultiplier = multiplierOf(scale, (1 - COUNT_SHARE) / steps);
      const count = createPrivateSum({ dimension: 1, norm: 1, noiseMultiplier: multiplierOf(scale, COUNT_SHARE) });
      // At rate 1 the sampler takes every row: what runs is the Gaussian sum by itself.
      const { gaussian } = planDpSgd({ ...cost, noiseMultiplier });
      return {
        events: [count.event(), selfComposed(gaussian.event(), steps)],
        async fit(examples, rng) {
          const rows = releaseCount(examples, count, rng.fork('count'));
          const dataset = datasetOf(examples, { width, outputs, expandInto, factor: 1 / Math.sqrt(squaredNorm) });
          const optimizer = createOptimizer(OPTIMIZER, layers.parameterCount);
          const descent = createDpSgd({
            engine: createEngine(layers),
            optimizer,
            ...cost,
            noiseMultiplier,
            expectedBatchSize: rows,
            accumulationSteps: Math.max(1, Math.ceil(examples.size / PART_ROWS)),
          });
          const parameters = new Float32Array(layers.parameterCount);
          const mean = new Float64Array(layers.parameterCount);
          const first = Math.floor(steps / 2);
          for (let step = 0; step < steps; step += 1) {
            const learningRateFactor = decay({ step, steps });
            await descent.step({ parameters, dataset, learningRateFactor }, rng.fork('logistic-regression'));
            if (step >= first)
              for (let j = 0; j < mean.length; j += 1)
                mean[j] = (mean[j] as number) + (parameters[j] as number) / (steps - first);
          }
          const data = mean.map((weight) => weight / Math.sqrt(squaredNorm));
          return { settings: { steps, clipNorm }, tensors: { weights: { shape: [width, outputs], data } } };
        },
      };
    },
  });
}

/**
 * Bound of a gradient's norm. A residual in [−1, 1] times a row of norm 1 can have norm 1; at half of it the noise is half,
 * and what is cut are the rows that the model is surest about and wrong.
 */
const CLIP_NORM = 0.5;
/**
 * A loss of rows of norm 1 is 1/4-smooth at most and, over rows that differ, a good deal less: the rate begins above what
 * is stable for any data, where most data is still learnt fastest, and ends far below it.
 */
const OPTIMIZER = { kind: 'nesterov', learningRate: 16, momentum: 0.8 } as const;

/** The share of the rate at a step: falls as half a cosine. */
function decay({ step, steps }: { readonly step: number; readonly steps: number }): number {
  return (1 + Math.cos((Math.PI * step) / steps)) / 2;
}

function releaseCount({ size }: Examples, count: ReturnType<typeof createPrivateSum>, rng: Rng): number {
  const run = count.start();
  const one = Float64Array.of(1);
  for (let i = 0; i < size; i += 1) run.add(one);
  return Math.max(1, count.noiseStddev, run.release(rng)[0] as number);
}

function datasetOf(
  { size, width: features, values, targets }: Examples,
  {
    width,
    outputs,
    expandInto,
    factor,
  }: { width: number; outputs: number; expandInto: ReturnType<typeof createDesign>['expandInto']; factor: number },
) {
  const inputs = new Float32Array(size * width);
  const labels = outputs === 1 ? new Float32Array(size) : new Int32Array(size);
  const z = new Float64Array(width);
  for (let i = 0; i < size; i += 1) {
    const label = targets[i] as number;
    // A gradient that is not a number counts as zero in the engine: nothing is left out.
    if (label < 0) inputs.fill(Number.NaN, i * width, (i + 1) * width);
    else {
      expandInto(values, i * features, z);
      for (let j = 0; j < width; j += 1) inputs[i * width + j] = (z[j] as number) * factor;
      labels[i] = label;
    }
  }
  return createDataset({ inputs, inputShape: [width], labels, classes: outputs === 1 ? 0 : outputs });
}
