/**
 * The data that a task file names: an IDX data set, or files of the kinds that a participant brings (tables, pictures, texts),
 * read for the model of the task.
 *
 * @module
 */

import { resolve } from 'node:path';

import type { Dataset } from '../../learning/data/index.ts';
import { compilePlan, model, type Plan } from '../../learning/models/index.ts';
import { type DataPart, loadTaskData, readParticipantData, type WantedData } from '../storage/index.ts';
import { TaskError, type TaskFile, type TrainingFile } from '../task/index.ts';
import { prepareFeatures } from './features.ts';

/** What of a task decides how its data is read. */
type DataTask = Pick<TaskFile, 'data' | 'model' | 'features'> | Pick<TrainingFile, 'data' | 'model' | 'features'>;

/** What a model takes: the shape of an example, its classes, its tokens. */
export function wantedOf(
  declared: Pick<TaskFile['model'], 'layers' | 'loss'>,
  { inputShape, layers }: { readonly inputShape: readonly number[]; readonly layers: Pick<Plan, 'outputWidth'> },
): WantedData {
  const [first] = declared.layers;
  const binary = declared.loss === 'binaryCrossEntropy';
  return {
    inputShape,
    outputs: binary ? Math.max(2, layers.outputWidth) : layers.outputWidth,
    classifies: binary || declared.loss === 'softmaxCrossEntropy',
    tokens:
      first?.kind === 'embeddingBag'
        ? { vocabulary: first.vocabulary, ...(first.padding === undefined ? {} : { padding: first.padding }) }
        : null,
  };
}

/**
 * Reads one part of a task's data.
 * @param options - `part` to read; `baseFolder` that a relative path starts from.
 * @throws `StorageError` when a file or package is missing, `DataError` when a file does not fit the task, {@link TaskError}
 * `task/file` when the task does not say what it takes.
 */
export async function readTaskData(
  task: DataTask,
  { part, baseFolder }: { part: DataPart; baseFolder: string },
): Promise<Dataset> {
  const { data } = task;
  if (data.kind === 'idx') return loadTaskData(data, { part, baseFolder });
  const { input: inputShape, layers: declared, loss } = task.model;
  if (inputShape === undefined) throw new TaskError('task/file', 'model.input is missing: data of kind files needs it');
  const input = shapeSeen(task, inputShape);
  const layers = compilePlan(model(declared, { input, loss }));
  return readParticipantData(resolve(baseFolder, part === 'train' ? data.train : data.heldOut), {
    wanted: wantedOf(task.model, { inputShape, layers }),
    ...(data.label === undefined ? {} : { label: data.label }),
    ...(data.invert === undefined ? {} : { invert: data.invert }),
  });
}

/** Shape of what the layers see of an example. */
function shapeSeen(task: DataTask, inputShape: readonly number[]): readonly number[] {
  const readFile = (): never => {
    throw new TypeError('shapes need no file');
  };
  const { shape } = prepareFeatures(task as TrainingFile, { inputShape, workers: 1, readFile });
  if (shape !== undefined) return shape;
  throw new TaskError('task/file', 'data of kind files does not go with features of kind onnx: use data of kind idx');
}
