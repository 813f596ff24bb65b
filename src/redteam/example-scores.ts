/**
 * What a model says of an example, in one number: its loss, its uncertainty, how sure it is of the right class.
 *
 * @module
 */

import { assertNever } from '../foundations/numerics/index.ts';
import type { Dataset } from '../learning/data/index.ts';
import type { LossDeclaration } from '../learning/models/index.ts';

/** Outputs of a model with what was right. */
export interface Answers {
  /** Loss that the model was trained with: says what the outputs are. */
  readonly loss: LossDeclaration;
  /** As the engine predicts them (logits), `outputWidth` an example. */
  readonly outputs: ArrayLike<number>;
  readonly outputWidth: number;
  readonly labels: Dataset['labels'];
}

/** Computes the loss of each example. */
export function computeExampleLosses({ loss, outputs, outputWidth, labels }: Answers): Float64Array {
  const size = outputs.length / outputWidth;
  return Float64Array.from({ length: size }, (_, row) => {
    const at = row * outputWidth;
    if (loss === 'softmaxCrossEntropy') {
      return logSumOfRow(outputs, at, outputWidth) - (outputs[at + (labels[row] as number)] as number);
    }
    let total = 0;
    for (let j = 0; j < outputWidth; j += 1) {
      const output = outputs[at + j] as number;
      total += lossOf(loss, output, labels[at + j] as number);
    }
    return total;
  });
}

/** Computes the entropy of each example's predicted distribution: of classes alone. */
export function computeExampleEntropies({ loss, outputs, outputWidth }: Answers): Float64Array {
  const size = outputs.length / outputWidth;
  return Float64Array.from({ length: size }, (_, row) => {
    const at = row * outputWidth;
    let entropy = 0;
    if (loss === 'softmaxCrossEntropy') {
      const total = logSumOfRow(outputs, at, outputWidth);
      for (let j = 0; j < outputWidth; j += 1) {
        const log = (outputs[at + j] as number) - total;
        entropy -= Math.exp(log) * log;
      }
      return entropy;
    }
    for (let j = 0; j < outputWidth; j += 1) {
      const logit = outputs[at + j] as number;
      // p log(1 + e^-z) + (1 − p) log(1 + e^z), p = 1/(1 + e^-z).
      const [yes, no] = [softplus(-logit), softplus(logit)];
      entropy += Math.exp(-yes) * yes + Math.exp(-no) * no;
    }
    return entropy;
  });
}

/** Turns losses −log p of the right class into log(p / (1 − p)): near to normal over retrained models [CCNSTT22] §IV. */
export function confidencesOf(losses: Float64Array): Float64Array {
  return losses.map((loss) => {
    const clamped = Math.min(40, Math.max(1e-12, loss));
    return -clamped - Math.log(-Math.expm1(-clamped));
  });
}

function lossOf(loss: Exclude<LossDeclaration, 'softmaxCrossEntropy'>, output: number, label: number): number {
  switch (loss) {
    case 'binaryCrossEntropy':
      return softplus(output) - label * output;
    case 'squaredError':
      return (output - label) ** 2;
    default: {
      if (loss.kind !== 'huber') assertNever(loss.kind, 'loss');
      const error = Math.abs(output - label);
      return error <= loss.threshold ? error ** 2 / 2 : loss.threshold * (error - loss.threshold / 2);
    }
  }
}

const softplus = (x: number): number => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));

function logSumOfRow(outputs: ArrayLike<number>, at: number, width: number): number {
  let top = -Infinity;
  for (let j = 0; j < width; j += 1) top = Math.max(top, outputs[at + j] as number);
  let sum = 0;
  for (let j = 0; j < width; j += 1) sum += Math.exp((outputs[at + j] as number) - top);
  return top + Math.log(sum);
}
