/**
 * The rule that ends a run early: asked privately, on examples that are held out for it, and charged before the first step.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import type { ParallelEngine } from '../../learning/models/index.ts';
import type { SparseVectorSession } from '../../privacy/mechanisms/index.ts';
import { type Books, charge } from './charges.ts';
import type { TrainingPlan } from './plan-training.ts';
import type { TrainState } from './train-state.ts';

/** A rule that ends training. */
export interface Stop {
  readonly every: number;
  isReached(): Promise<boolean>;
}

/** Charges the rule's questions, all of them at once, and opens it. A resumed run does not ask: its one session is over. */
export async function openStop(
  { task, noise }: TrainingPlan,
  {
    engine,
    state,
    heldOut,
    rng,
    ...books
  }: Books & { engine: ParallelEngine; state: TrainState; heldOut: Dataset; rng: Rng },
): Promise<Stop | undefined> {
  const { earlyStop } = task.training;
  if (earlyStop === undefined || noise?.earlyStop === undefined) return undefined;
  await charge(books, noise.earlyStop.event(), 'early-stop');
  const session: SparseVectorSession = noise.earlyStop.open(0, rng.fork('early-stop'));
  return {
    every: earlyStop.every,
    async isReached() {
      const { correct } = await engine.evaluate({ parameters: state.current(), dataset: heldOut });
      // One example more or less moves this by at most one, whatever the number of held-out examples.
      return session.isAbove(correct - earlyStop.accuracyAbove * heldOut.size);
    },
  };
}

/** Parts a share of the examples from the rest, by their places: nobody's place depends on who else is there. */
export function holdOut(dataset: Dataset, share: number | undefined): { kept: Dataset; heldOut: Dataset | undefined } {
  if (share === undefined) return { kept: dataset, heldOut: undefined };
  const every = Math.round(1 / share);
  const places = Uint32Array.from({ length: dataset.size }, (_, i) => i);
  return {
    kept: dataset.subset(places.filter((place) => place % every !== 0)),
    heldOut: dataset.subset(places.filter((place) => place % every === 0)),
  };
}
