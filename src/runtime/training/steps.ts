/**
 * The steps that a plan of one party takes: private ones with noise of their own or correlated noise, or plain ones where
 * the task says `trust: off`.
 *
 * @module
 */

import { createDpFtrl, createDpSgd, type DpSgd, type DpSgdOptions } from '../../learning/models/index.ts';
import { createPlainSteps } from './plain-steps.ts';
import { correlatedCost, type TrainingPlan } from './plan-training.ts';

/** Creates the steps of a plan. */
export function createSteps(
  { task, noise }: Pick<TrainingPlan, 'task' | 'noise'>,
  { engine, optimizer }: Pick<DpSgdOptions, 'engine' | 'optimizer'>,
): Pick<DpSgd, 'step'> {
  const { training } = task;
  if (noise === undefined) return createPlainSteps({ ...training, engine, optimizer });
  const { noiseMultiplier } = noise;
  const cost = correlatedCost(task);
  return cost === undefined
    ? createDpSgd({ ...training, engine, optimizer, noiseMultiplier })
    : createDpFtrl({ engine, optimizer, ...cost, expectedBatchSize: training.expectedBatchSize, noiseMultiplier });
}
