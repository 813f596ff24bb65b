/**
 * The participant's half of the strategies: one local step, and what a participant keeps between rounds. FedProx pulls a
 * step back to the model that was offered [LSZ20]; SCAFFOLD corrects it by the difference of two controls [KKMR20].
 *
 * @module
 */

import type { LocalTraining, StrategyConfig } from './schema.ts';

/** What a local step is made from. */
export interface LocalStep {
  /** Mean gradient of the batch at `parameters`. */
  readonly gradient: Float64Array;
  /** The offered model: where the update starts from. */
  readonly anchor: Float64Array | Float32Array;
  /** SCAFFOLD: c − c_i. */
  readonly correction?: Float64Array;
}

/** Takes one local step in place: y ← y − η(g + μ(y − x) + c − c_i). */
export function localStepInto(
  parameters: Float32Array | Float64Array,
  { gradient, anchor, correction }: LocalStep,
  { learningRate, mu = 0 }: { readonly learningRate: number; readonly mu?: number },
): void {
  for (let i = 0; i < parameters.length; i += 1) {
    const at = parameters[i] as number;
    const pull = mu === 0 ? 0 : mu * (at - (anchor[i] as number));
    const shift = correction === undefined ? 0 : (correction[i] as number);
    parameters[i] = at - learningRate * ((gradient[i] as number) + pull + shift);
  }
}

/** μ of a strategy; 0 but for FedProx. */
export function proximalOf(strategy: StrategyConfig): number {
  return strategy.kind === 'fedProx' ? strategy.mu : 0;
}

/**
 * Computes how a participant's control changes in a round, option II of [KKMR20]: c_i⁺ − c_i = −c + (x − y)/(Kη).
 * @param update - y − x after `steps` local steps.
 * @returns zeros when no step was taken.
 */
export function computeControlDelta(
  update: Float64Array,
  {
    control,
    steps,
    learningRate,
  }: { readonly control: Float64Array; readonly steps: number } & Pick<LocalTraining, 'learningRate'>,
): Float64Array {
  const delta = new Float64Array(update.length);
  if (steps === 0) return delta;
  for (let i = 0; i < update.length; i += 1) {
    delta[i] = -(control[i] as number) - (update[i] as number) / (steps * learningRate);
  }
  return delta;
}
