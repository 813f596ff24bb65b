/**
 * What a training by one party is made of before anything is charged or written: data, features, plan and starting point,
 * with everything that does not fit refused.
 *
 * @module
 */

import { createDataset, type Dataset } from '../../learning/data/index.ts';
import { assertAugmentation, assertFits, assertLabelsFit } from '../../learning/models/index.ts';
import { readFileOf } from '../storage/index.ts';
import { TaskError, type TrainingFile } from '../task/index.ts';
import { prepareFeatures, type TaskFeatures } from './features.ts';
import { planTraining, type TrainingPlan } from './plan-training.ts';
import { readTaskData } from './read-task-data.ts';
import { type StartingPoint, startTask } from './start-model.ts';

/** What a training is made of. */
export interface PreparedTraining {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly features: TaskFeatures;
  /** Shape of what the model is given, features computed. */
  readonly input: readonly number[];
  readonly plan: TrainingPlan;
  readonly start: StartingPoint;
}

/**
 * Reads the data of a task and plans it.
 * @param options - `baseFolder` that the paths of the task start from; `onStep` is told what begins.
 * @throws {TaskError} `task/data` and typed errors of the readers and the model for everything that does not fit.
 */
export async function prepareTraining(
  task: TrainingFile,
  {
    baseFolder,
    workers,
    onStep,
  }: { readonly baseFolder: string; readonly workers: number; readonly onStep?: (step: string) => void },
): Promise<PreparedTraining> {
  onStep?.('reading data');
  const train = await readTaskData(task, { part: 'train', baseFolder });
  const test = await readTaskData(task, { part: 'test', baseFolder });
  onStep?.('planning');
  const readFile = (path: string): Uint8Array => readFileOf(path, 'model');
  const features = prepareFeatures(task, { inputShape: train.inputShape, workers, readFile });
  assertAlike(train, test);
  const input = await features.outputShape(test.subset([0]));
  const plan = planTraining(task, { input, normalization: features.event });
  const { layers } = plan;
  const width = input.reduce((product, extent) => product * extent, 1);
  const blank = createDataset({ inputs: new Float32Array(width), inputShape: input, labels: new Uint8Array(1) });
  assertFits(layers, blank, { labels: false });
  assertAugmentation(layers, task.training.augmentation);
  for (const dataset of [train, test]) assertLabelsFit(layers, dataset);
  const start = startTask(layers, { taskName: task.task, start: task.model.start, readFile });
  return { train, test, features, input, plan, start };
}

function assertAlike(train: Dataset, test: Dataset): void {
  if (train.inputShape.join() !== test.inputShape.join()) {
    throw new TaskError(
      'task/data',
      `training examples have shape ${train.inputShape.join(' × ')}, test examples ${test.inputShape.join(' × ')}`,
    );
  }
  if (train.size === 0 || test.size === 0) throw new TaskError('task/data', 'the data has no examples');
}
