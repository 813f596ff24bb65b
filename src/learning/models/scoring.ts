/**
 * Losses of the rows in an engine's memory, and how many of them were predicted right.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './sites.ts';

/** Computes the loss of the first `count` rows and, if asked, the gradient by the outputs. */
export function computeLosses(
  { loss, outputWidth }: Plan,
  { kernels, logits, labels, losses, logitGradient }: Workshop,
  { count, gradient }: { count: number; gradient: boolean },
): void {
  const target = gradient ? logitGradient : 0;
  switch (loss) {
    case 'softmaxCrossEntropy':
      kernels.softmaxCrossEntropy(logits, labels, target, losses, count, outputWidth);
      return;
    case 'binaryCrossEntropy':
      kernels.binaryCrossEntropy(logits, labels, target, losses, count, outputWidth);
      return;
    case 'squaredError':
      kernels.squaredError(logits, labels, target, losses, count, outputWidth);
      return;
    default:
      if (loss.kind !== 'huber') assertNever(loss.kind, 'loss');
      kernels.huber(logits, labels, target, losses, count, outputWidth, loss.threshold);
  }
}

/** Rows whose losses are added one after the other; beyond, piece after piece. */
export const EVALUATION_ROWS = 1024;

/** A sum of losses and a count of right predictions. */
export interface Score {
  loss: number;
  correct: number;
}

/** Adds the losses of the first `count` rows and counts the right predictions (none for a regression). */
export function scoreRows(plan: Plan, shop: Workshop, { count, into }: { count: number; into: Score }): void {
  for (let row = 0; row < count; row += 1) {
    into.loss += shop.memory.f64[shop.losses / 8 + row] as number;
    if (isRight(plan, shop, row)) into.correct += 1;
  }
}

/** Whether the largest output is that of the label, or every output on its target's side of one half. */
function isRight({ loss, outputWidth }: Plan, { memory, logits, labels }: Workshop, row: number): boolean {
  const at = logits / 4 + row * outputWidth;
  const outputs = memory.f32.subarray(at, at + outputWidth);
  if (loss === 'softmaxCrossEntropy') {
    let best = 0;
    for (let j = 1; j < outputWidth; j += 1) {
      if ((outputs[j] as number) > (outputs[best] as number)) best = j;
    }
    return best === memory.i32[labels / 4 + row];
  }
  if (loss !== 'binaryCrossEntropy') return false;
  const from = labels / 4 + row * outputWidth;
  return outputs.every((output, j) => output > 0 === (memory.f32[from + j] as number) > 0.5);
}
