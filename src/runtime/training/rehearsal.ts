/**
 * A run's steps without the run: nothing is charged, logged or written. For whoever attacks a training to measure it; what
 * comes out is never released.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { createSchedule, type DpSgdOptions, type GradientSource, type Optimizer } from '../../learning/models/index.ts';
import type { TrainingPlan } from './plan-training.ts';
import { createSteps } from './steps.ts';
import { createTrainState } from './train-state.ts';

/** How a plan is rehearsed. */
export interface RehearsalOptions {
  readonly engine: GradientSource;
  readonly dataset: Dataset;
  /** Parameters that training starts from; not changed. */
  readonly start: Float32Array;
  /** Stands between the steps and the optimizer. */
  readonly watch?: (optimizer: Optimizer) => Optimizer;
  /** Other steps than the plan's: for tests of what an attack finds in wrong ones. */
  readonly steps?: (options: Pick<DpSgdOptions, 'engine' | 'optimizer'>) => ReturnType<typeof createSteps>;
  readonly onStep?: (step: number) => void;
}

/**
 * Takes all the steps of a plan, those of `sotto train`, in memory.
 * @returns what the run would have released: the parameters, averaged where the plan says so.
 */
export async function rehearseTraining(
  plan: TrainingPlan,
  { engine, dataset, start, watch = (optimizer) => optimizer, steps: create, onStep }: RehearsalOptions,
  rng: Rng,
): Promise<Float32Array> {
  const { rounds, schedule: declared } = plan.task.training;
  const state = createTrainState(plan, { start, checkpoint: undefined });
  const parts = { engine, optimizer: watch(state.optimizer) };
  const steps = create === undefined ? createSteps(plan, parts) : create(parts);
  const schedule = createSchedule(declared, { totalSteps: rounds });
  while (state.round < rounds) {
    const request = { parameters: state.parameters, dataset, learningRateFactor: schedule(state.round) };
    await steps.step(request, rng);
    state.stepped();
    onStep?.(state.round);
  }
  return state.current().slice();
}
