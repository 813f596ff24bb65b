/**
 * Gradient inversion: the examples behind an update, read off the first dense layer. Its weight gradients are the examples times
 * the gradients of its outputs, its bias gradients those alone: divided by each other, a neuron that one example alone moved gives
 * that example exactly, and one that many moved their weighted mean. [PAHWM18] §3, [GBDM20]
 *
 * @module
 */

import type { Plan, PlanTensor } from '../learning/models/index.ts';
import { RedteamError } from './errors.ts';

/** The first dense layer of a model, which sees the examples themselves. */
export interface FirstLayer {
  /** Numbers an example consists of, and neurons that see them. */
  readonly inputs: number;
  readonly neurons: number;
  /** Where its weights `[inputs][neurons]` and biases begin in the flat vector. */
  readonly weightOffset: number;
  readonly biasOffset: number;
}

/**
 * Finds the layer that can be inverted.
 * @throws {RedteamError} `redteam/unsupported-model` when the first trained layer is not dense with biases. That this attack does
 * not fit says nothing about others, which search for examples with such a gradient.
 */
export function findFirstLayer({ steps, inputWidth }: Pick<Plan, 'steps' | 'inputWidth'>): FirstLayer {
  const first = steps.find(({ declaration }) => declaration.kind !== 'flatten');
  const tensorOf = (role: string): PlanTensor | undefined =>
    first?.tensors.find(({ name, frozen }) => name.endsWith(`.${role}`) && !frozen);
  const [weight, bias] = [tensorOf('weight'), tensorOf('bias')];
  if (first?.declaration.kind !== 'dense' || weight === undefined || bias === undefined) {
    throw new RedteamError(
      'redteam/unsupported-model',
      `only a dense first layer with weights and biases that are trained can be inverted by division, the model begins with ` +
        `${first?.declaration.kind ?? 'nothing'}; other attacks may still read its gradients`,
    );
  }
  return { inputs: inputWidth, neurons: bias.size, weightOffset: weight.offset, biasOffset: bias.offset };
}

/**
 * Divides: one guess a neuron.
 * @param update - a gradient or a sum of gradients, in any scale, the sign of it too.
 * @returns guesses of `inputs` numbers; none for neurons whose bias has no gradient.
 */
export function invertFirstLayer(update: ArrayLike<number>, layer: FirstLayer): Float64Array[] {
  const { inputs, neurons, weightOffset, biasOffset } = layer;
  return Array.from({ length: neurons }, (_, neuron) => neuron).flatMap((neuron) => {
    const pull = update[biasOffset + neuron] as number;
    if (pull === 0) return [];
    return [
      Float64Array.from({ length: inputs }, (_, i) => (update[weightOffset + i * neurons + neuron] as number) / pull),
    ];
  });
}

/** How like two lists of numbers are, whatever their offset and scale: the correlation, 0 where one is constant. */
export function computeLikeness(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  let [meanA, meanB] = [0, 0];
  for (let i = 0; i < n; i += 1) {
    meanA += (a[i] as number) / n;
    meanB += (b[i] as number) / n;
  }
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    const [x, y] = [(a[i] as number) - meanA, (b[i] as number) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

/** What an update gives away. Plain data. */
export interface InversionOutcome {
  /** Share of the update's examples that some neuron gives with a likeness of at least {@link RECOVERED}. */
  readonly recovered: number;
  /** Mean over the update's examples of the best likeness of a guess. */
  readonly likeness: number;
  /** The same two for examples that are **not** in the update: what chance and the look of all examples explain. */
  readonly control: { readonly recovered: number; readonly likeness: number };
}

/** Likeness from which an example counts as read. */
export const RECOVERED = 0.99;

/**
 * Measures what an update gives away.
 * @param options - `examples` in the update, and `others` that are not, as the layer sees them.
 */
export function measureInversion(
  update: ArrayLike<number>,
  {
    layer,
    examples,
    others,
  }: {
    readonly layer: FirstLayer;
    readonly examples: readonly ArrayLike<number>[];
    readonly others: readonly ArrayLike<number>[];
  },
): InversionOutcome {
  const guesses = invertFirstLayer(update, layer);
  const best = (example: ArrayLike<number>): number =>
    guesses.reduce((most, guess) => Math.max(most, computeLikeness(guess, example)), 0);
  const summarize = (all: readonly ArrayLike<number>[]): { recovered: number; likeness: number } => {
    const found = all.map(best);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value / values.length, 0);
    return { recovered: mean(found.map((likeness) => (likeness >= RECOVERED ? 1 : 0))), likeness: mean(found) };
  };
  return { ...summarize(examples), control: summarize(others) };
}
