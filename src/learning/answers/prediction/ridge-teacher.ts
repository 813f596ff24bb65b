/**
 * A teacher for private votes: a linear classifier by ridge regression, solved exactly through the examples' inner products,
 * which is fast when a teacher has far fewer examples than an example has features. Not private by itself.
 *
 * @module
 */

import { assertPositive } from '../../../foundations/numerics/index.ts';
import type { Dataset } from '../../data/index.ts';
import { AnswersError } from '../errors.ts';

/** A linear classifier. */
export interface RidgeTeacher {
  /** Returns the label with the highest score for every example of a data set of the same width. */
  vote(examples: Dataset): Uint8Array;
}

/**
 * Trains a teacher on all examples of a data set.
 * @param options - `ridge`: penalty on the weights, as a share of an example's mean squared norm.
 * @throws {AnswersError} `answers/input` when the data set has no classes or no examples.
 * @see [HTF09] §3.4.1, and §18.3.5 for the dual form
 */
export function createRidgeTeacher(examples: Dataset, { ridge = 0.1 }: { readonly ridge?: number } = {}): RidgeTeacher {
  assertPositive(ridge, 'ridge');
  const { size, classes, inputWidth: width } = examples;
  if (size === 0 || classes < 2 || classes > 256)
    throw new AnswersError('answers/input', 'a teacher needs examples, of 2 to 256 classes');
  const rows = floatsOf(examples);
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      // A constant feature beside the others stands for the bias.
      gram[i * size + j] = 1 + dot(rows, i * width, rows, j * width, width);
      gram[j * size + i] = gram[i * size + j] as number;
    }
  }
  let trace = 0;
  for (let i = 0; i < size; i += 1) trace += gram[i * (size + 1)] as number;
  for (let i = 0; i < size; i += 1) gram[i * (size + 1)] = (gram[i * (size + 1)] as number) + (ridge * trace) / size;
  const targets = new Float64Array(size * classes);
  for (let i = 0; i < size; i += 1) targets[i * classes + (examples.labels[i] as number)] = 1;
  solveInPlace(gram, targets, { size, columns: classes });
  const weights = new Float32Array(classes * width);
  const bias = new Float64Array(classes);
  for (let i = 0; i < size; i += 1) {
    for (let label = 0; label < classes; label += 1) {
      const factor = targets[i * classes + label] as number;
      bias[label] = (bias[label] as number) + factor;
      for (let k = 0; k < width; k += 1) {
        const at = label * width + k;
        weights[at] = (weights[at] as number) + factor * (rows[i * width + k] as number);
      }
    }
  }
  return {
    vote(asked) {
      if (asked.inputWidth !== width) {
        throw new AnswersError('answers/input', `the teacher takes ${width} features, got ${asked.inputWidth}`);
      }
      const questions = floatsOf(asked);
      return Uint8Array.from({ length: asked.size }, (_, question) => {
        let best = 0;
        let bestScore = -Infinity;
        for (let label = 0; label < classes; label += 1) {
          const score = (bias[label] as number) + dot(weights, label * width, questions, question * width, width);
          if (score > bestScore) [best, bestScore] = [label, score];
        }
        return best;
      });
    },
  };
}

function floatsOf({ inputs, inputScale, inputOffset }: Dataset): Float32Array {
  const floats = new Float32Array(inputs.length);
  for (let i = 0; i < floats.length; i += 1) floats[i] = (inputs[i] as number) * inputScale + inputOffset;
  return floats;
}

/** Four sums side by side, so that an addition need not wait for the one before. */
function dot(a: Float32Array, i: number, b: Float32Array, j: number, width: number): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < width; k += 4) {
    s += (a[i + k] as number) * (b[j + k] as number);
    t += (a[i + k + 1] as number) * (b[j + k + 1] as number);
    u += (a[i + k + 2] as number) * (b[j + k + 2] as number);
    v += (a[i + k + 3] as number) * (b[j + k + 3] as number);
  }
  for (; k < width; k += 1) s += (a[i + k] as number) * (b[j + k] as number);
  return s + t + u + v;
}

/** Solves a symmetric positive definite system by Cholesky's decomposition; the solution replaces `targets`. */
function solveInPlace(
  matrix: Float64Array,
  targets: Float64Array,
  { size, columns }: { readonly size: number; readonly columns: number },
): void {
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[i * size + j] as number;
      for (let k = 0; k < j; k += 1) sum -= (matrix[i * size + k] as number) * (matrix[j * size + k] as number);
      matrix[i * size + j] = i === j ? Math.sqrt(sum) : sum / (matrix[j * (size + 1)] as number);
    }
  }
  for (let c = 0; c < columns; c += 1) {
    for (let i = 0; i < size; i += 1) {
      let sum = targets[i * columns + c] as number;
      for (let k = 0; k < i; k += 1) sum -= (matrix[i * size + k] as number) * (targets[k * columns + c] as number);
      targets[i * columns + c] = sum / (matrix[i * (size + 1)] as number);
    }
    for (let i = size - 1; i >= 0; i -= 1) {
      let sum = targets[i * columns + c] as number;
      for (let k = i + 1; k < size; k += 1)
        sum -= (matrix[k * size + i] as number) * (targets[k * columns + c] as number);
      targets[i * columns + c] = sum / (matrix[i * (size + 1)] as number);
    }
  }
}
