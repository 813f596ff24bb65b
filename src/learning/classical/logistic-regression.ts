/**
 * Logistic regression by private gradient descent over all rows.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { selfComposed } from '../../privacy/accounting/index.ts';
import { createOptimizer } from '../models/index.ts';
import { type CategoryColumn, createDesign } from './columns.ts';
import { createEstimator, type Estimator, type FitOptions, multiplierOf, type NoisePlan } from './estimator.ts';
import type { Examples } from './examples.ts';
import { createPrivateSum, type PrivateSum } from './private-sum.ts';

/** Share of ρ for the number of rows that gradients are divided by. */
const COUNT_SHARE = 0.02;

/**
 * Creates an estimator of logistic regression: of two classes by one logit, of more by a softmax.
 *
 * Rows are scaled to norm at most 1; every gradient is clipped, all of them are summed with noise in each of `steps`
 * steps, divided by a noisy number of rows, and followed with momentum; the model is the mean of the last half of the
 * steps' weights. There is no sampling: over all rows the same ρ is worth most, and the order of rows means nothing. A row
 * of no declared class has a gradient of zero.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum a step and one for the count; exact. Gradients
 * are added as integers and not by the training engine, whose float32 sums bound a row that leaves its place empty, but not
 * one after which all others move up. So several rows of a person are bounded here too.
 * @param options - `target`: the column of classes; `steps`, 40 by default; `clipNorm`, 0.5 by default: at 1 no gradient of
 * two classes is ever cut, and probabilities are those of the likelihood, at twice the noise.
 * @throws {RangeError} when a column has no bounds or values.
 * @see [ACGMMTZ16], at sampling rate 1
 */
export function createLogisticRegression(
  options: FitOptions & { readonly target: CategoryColumn; readonly steps?: number; readonly clipNorm?: number },
): Estimator<'logistic-regression'> {
  const { features, target, person, steps = 40, clipNorm = CLIP_NORM } = options;
  if (!Number.isInteger(steps) || steps < 1 || steps > 10_000) {
    throw new RangeError(`"steps" must be an integer in [1, 10000], got ${steps}`);
  }
  if (!(clipNorm > 0 && clipNorm <= 2)) throw new RangeError(`"clipNorm" must be in (0, 2], got ${clipNorm}`);
  const { width, squaredNorm, expandInto } = createDesign(features);
  const outputs = target.values.length === 2 ? 1 : target.values.length;
  const dimension = width * outputs;
  const maxRows = person?.maxRows ?? 1;
  return createEstimator({
    kind: 'logistic-regression',
    options,
    target,
    source: '[CKS20] theorem 14, [ACGMMTZ16]',
    plan(scale): NoisePlan {
      const noiseMultiplier = multiplierOf(scale, (1 - COUNT_SHARE) / steps);
      const count = createPrivateSum({
        dimension: 1,
        norm: 1,
        noiseMultiplier: multiplierOf(scale, COUNT_SHARE),
        maxRows,
      });
      const sum = createPrivateSum({ dimension, norm: clipNorm, noiseMultiplier, maxRows });
      return {
        events: [count.event(), selfComposed(sum.event(), steps)],
        fit(examples, rng) {
          const rows = releaseCount(examples, count, rng.fork('count'));
          const optimizer = createOptimizer(OPTIMIZER, dimension);
          const parameters = new Float32Array(dimension);
          const mean = new Float64Array(dimension);
          const first = Math.floor(steps / 2);
          const row = { width, outputs, expandInto, factor: 1 / Math.sqrt(squaredNorm) };
          for (let step = 0; step < steps; step += 1) {
            const run = sum.start();
            addGradients(examples, { ...row, parameters, clipNorm, run });
            const gradient = run.release(rng.fork(`gradient/${step}`)).map((entry) => entry / rows);
            optimizer.step(parameters, gradient, { learningRateFactor: decay({ step, steps }) });
            if (step < first) continue;
            parameters.forEach((entry, j) => (mean[j] = (mean[j] as number) + entry / (steps - first)));
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

/** Adds every row's gradient, cut to the clip norm; that of a row of no declared class is zero. */
function addGradients(
  { size, width: features, values, targets }: Examples,
  {
    width,
    outputs,
    expandInto,
    factor,
    parameters,
    clipNorm,
    run,
  }: {
    readonly width: number;
    readonly outputs: number;
    readonly expandInto: ReturnType<typeof createDesign>['expandInto'];
    /** Brings a row to norm at most 1. */
    readonly factor: number;
    readonly parameters: Float32Array;
    readonly clipNorm: number;
    readonly run: ReturnType<PrivateSum['start']>;
  },
): void {
  const z = new Float64Array(width);
  const residual = new Float64Array(outputs);
  const gradient = new Float64Array(width * outputs);
  for (let i = 0; i < size; i += 1) {
    const label = targets[i] as number;
    if (label < 0) continue;
    expandInto(values, i * features, z);
    residual.fill(0);
    let square = 0;
    for (let j = 0; j < width; j += 1) {
      const entry = (z[j] as number) * factor;
      z[j] = entry;
      square += entry * entry;
      for (let k = 0; k < outputs; k += 1) {
        residual[k] = (residual[k] as number) + entry * (parameters[j * outputs + k] as number);
      }
    }
    toResiduals(residual, label);
    const norm = Math.sqrt(square * residual.reduce((all, entry) => all + entry * entry, 0));
    const cut = norm > clipNorm ? clipNorm / norm : 1;
    for (let j = 0; j < width; j += 1) {
      const entry = (z[j] as number) * cut;
      for (let k = 0; k < outputs; k += 1) gradient[j * outputs + k] = entry * (residual[k] as number);
    }
    run.add(gradient);
  }
}

/** Turns logits into probability less truth: of two classes with one logit, that of the second; else by softmax. */
function toResiduals(logits: Float64Array, label: number): void {
  if (logits.length === 1) {
    logits[0] = 1 / (1 + Math.exp(-(logits[0] as number))) - label;
    return;
  }
  const best = logits.reduce((a, b) => Math.max(a, b));
  let total = 0;
  for (let k = 0; k < logits.length; k += 1) total += logits[k] = Math.exp((logits[k] as number) - best);
  for (let k = 0; k < logits.length; k += 1) logits[k] = (logits[k] as number) / total - (k === label ? 1 : 0);
}
