/**
 * From a task file to everything a run derives from it: the layers with their flat parameter vector, and the plan of
 * its rounds.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import { planTask, type TaskPlan } from '../../federation/rounds/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import {
  compilePlan,
  computeClippedSumSensitivity,
  createFeatureExtractor,
  model,
  type Plan,
} from '../../learning/models/index.ts';
import type { TaskFile } from '../task/index.ts';
import { createPersonalLayers, type PersonalLayers } from './personal.ts';

/** What a run derives from its task file. */
export interface RunPlan {
  readonly task: TaskFile;
  readonly layers: Plan;
  /** Turns examples into what the model sees: features where the task asks for them. */
  readonly prepare: (dataset: Dataset) => Dataset;
  readonly plan: TaskPlan;
  /** Present where participants keep layers to themselves. */
  readonly personal: PersonalLayers | undefined;
  /** Names the task in messages and masks. */
  readonly taskId: string;
}

/**
 * Derives the plans of a task.
 * @throws when the model does not fit the data's shape or no parameters satisfy the task.
 */
export function planRun(task: TaskFile, { inputShape }: Pick<Dataset, 'inputShape'>): RunPlan {
  const features = task.features === undefined ? undefined : createFeatureExtractor(task.features, inputShape);
  const input = features?.outputShape ?? task.model.input ?? inputShape;
  const layers = compilePlan(model(task.model.layers, { input, loss: task.model.loss }));
  const prepare = (dataset: Dataset): Dataset => features?.extract(dataset) ?? dataset;
  const { optimizer: _optimizer, evaluateEvery: _evaluateEvery, ...rounds } = task.training;
  const names = rounds.personal;
  const personal = names === undefined ? undefined : createPersonalLayers(layers, { names, taskName: task.task });
  const plan = planTask(
    { name: task.task, participants: task.participants, privacy: task.privacy, rounds },
    {
      dimension: personal?.sharedCount ?? layers.parameterCount,
      clippedSumSensitivity: computeClippedSumSensitivity({ clipNorm: rounds.clipNorm, plan: layers }),
    },
  );
  return { task, layers, plan, prepare, personal, taskId: `${task.task}@${toHex(plan.digest.subarray(0, 8))}` };
}
