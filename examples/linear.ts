/**
 * A linear classifier of two classes by full-batch gradient descent, private or not: what the examples on texts and tables
 * train. Every setting is a public constant.
 *
 * @module
 */

import { composed, calibrateNoiseMultiplier, type DpEvent, gaussian, selfComposed } from 'sotto/accounting';
import { computeAuc } from 'sotto/answers';
import type { Dataset } from 'sotto/data';
import { createGaussian } from 'sotto/mechanisms';
import { compilePlan, computeClippedSumSensitivity, createEngine, createOptimizer, dense, model } from 'sotto/models';
import type { Rng } from 'sotto/random';

/** How it is trained. */
export interface LinearSettings {
  readonly steps: number;
  readonly clipNorm: number;
  readonly learningRate: number;
  readonly momentum: number;
  /** What sums are divided by: a public constant, not the number of examples. */
  readonly expected: number;
}

/** The declaration that a run folder keeps: no bias, for the encoding has a constant. */
export const LINEAR_MODEL = {
  layers: [{ kind: 'dense', out: 1, bias: false, init: 'zeros' }],
  loss: 'binaryCrossEntropy',
};

/** What training costs, with what was released before it. */
export function trainingEvent(
  { steps }: Pick<LinearSettings, 'steps'>,
  { noiseMultiplier, before = [] }: { noiseMultiplier: number; before?: readonly DpEvent[] },
): DpEvent {
  return composed([...before, selfComposed(gaussian({ noiseMultiplier }), steps)]);
}

/** The least noise at which everything fits the budget. */
export function calibrateTraining(
  settings: Pick<LinearSettings, 'steps'>,
  { epsilon, delta, before = [] }: { epsilon: number; delta: number; before?: readonly DpEvent[] },
): number {
  return calibrateNoiseMultiplier({
    epsilon,
    delta,
    relation: 'add-or-remove-one',
    accountant: 'pld',
    event: (noiseMultiplier) => trainingEvent(settings, { noiseMultiplier, before }),
  });
}

/** A linear classifier over so many numbers. */
export function createLinear(width: number) {
  const plan = compilePlan(
    model([dense({ out: 1, bias: false, init: 'zeros' })], { input: [width], loss: 'binaryCrossEntropy' }),
  );
  const engine = createEngine(plan);
  return {
    plan,
    /** Trains; without a noise multiplier nothing is clipped or noised, and NOTHING IS PRIVATE. The later half is averaged. */
    train(
      dataset: Dataset,
      { steps, clipNorm, learningRate, momentum, expected }: LinearSettings,
      { noiseMultiplier, rng }: { noiseMultiplier: number | undefined; rng: Rng },
    ): Float32Array {
      const parameters = new Float32Array(plan.parameterCount);
      const average = new Float64Array(plan.parameterCount);
      const optimizer = createOptimizer({ kind: 'momentum', learningRate, momentum }, plan.parameterCount);
      const noise =
        noiseMultiplier === undefined
          ? undefined
          : createGaussian({
              l2Sensitivity: computeClippedSumSensitivity({ clipNorm, plan }),
              dimension: plan.parameterCount,
              noiseMultiplier,
            });
      const indices = Uint32Array.from({ length: dataset.size }, (_, i) => i);
      const half = Math.floor(steps / 2);
      for (let step = 0; step < steps; step += 1) {
        const clip = noise === undefined ? Infinity : clipNorm;
        const { sum } = engine.clippedSum({ parameters, dataset, indices, clipNorm: clip });
        noise?.releaseInto(sum, rng);
        optimizer.step(
          parameters,
          sum.map((value) => value / expected),
        );
        if (step < half) continue;
        for (let j = 0; j < parameters.length; j += 1) {
          average[j] = (average[j] as number) + (parameters[j] as number) / (steps - half);
        }
      }
      return Float32Array.from(average);
    },
    /** Probabilities of both classes for every example. */
    probabilities(parameters: Float32Array, dataset: Dataset): Float32Array {
      const logits = engine.predict({ parameters, dataset });
      return Float32Array.from({ length: 2 * logits.length }, (_, i) => {
        const one = 1 / (1 + Math.exp(-(logits[i >> 1] as number)));
        return i % 2 === 1 ? one : 1 - one;
      });
    },
    /** Exact figures: for public data alone. */
    measure(parameters: Float32Array, dataset: Dataset): { accuracy: number; auc: number } {
      return {
        accuracy: engine.evaluate({ parameters, dataset }).accuracy,
        auc: computeAuc(engine.predict({ parameters, dataset }), (i) => dataset.labels[i] === 1),
      };
    },
  };
}

/** Mean and standard deviation of several runs. */
export function spreadOf(values: readonly number[]): { mean: number; stddev: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, stddev: values.length < 2 ? 0 : Math.sqrt(square / (values.length - 1)) };
}
