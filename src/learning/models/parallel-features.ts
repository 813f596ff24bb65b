/**
 * Features on several cores: images are sent to workers in pieces, and the features come back into one shared array.
 *
 * @module
 */

import { createWorkerPool } from '../../foundations/kernels/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import type { EngineAnswer, EngineRequest } from './engine-protocol.ts';
import { engineWorker, fieldsOf } from './parallel.ts';
import { createFeatureExtractor, type FeaturesConfig } from './scattering.ts';

/** Images of one message. */
const PIECE = 1024;

/**
 * Extracts the features of images as `createFeatureExtractor(config, …).extract` does, bit for bit, on `workers` cores.
 * @returns features in shared memory wherever the platform has it, ready for a parallel engine.
 * @throws {RangeError} when a setting or the shape does not fit.
 */
export async function extractFeatures(
  config: FeaturesConfig,
  images: Dataset,
  { workers }: { workers: number },
): Promise<Dataset> {
  const { outputShape } = createFeatureExtractor({ ...config, center: 'none' }, images.inputShape);
  const width = outputShape.reduce((product, extent) => product * extent, 1);
  const wide = config.bits === 16;
  const sizeBytes = images.size * width * (wide ? 2 : 1);
  const memory =
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(sizeBytes) : new SharedArrayBuffer(sizeBytes);
  const inputs = wide ? new Uint16Array(memory) : new Uint8Array(memory);
  const pool = createWorkerPool<EngineRequest, EngineAnswer>(engineWorker, { size: workers });
  let scale = { inputScale: 1, inputOffset: 0 };
  let next = 0;
  // One piece at a time is under way for a worker, so that the images are copied in pieces too.
  const work = async (): Promise<void> => {
    for (let from = next; from < images.size; from = next) {
      const count = Math.min(PIECE, images.size - from);
      next = from + count;
      const piece = images.subset(Uint32Array.from({ length: count }, (_, i) => from + i));
      const answer = await pool.run({ kind: 'features', config, fields: fieldsOf(piece) });
      if (answer.kind !== 'features') throw new TypeError('a worker gave an answer of the wrong kind');
      const { fields } = answer;
      inputs.set(fields.inputs as Uint8Array, from * width);
      scale = { inputScale: fields.inputScale ?? 1, inputOffset: fields.inputOffset ?? 0 };
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    await pool.close();
  }
  const { labels, labelWidth, classes } = images;
  return createDataset({ inputs, inputShape: outputShape, labels, labelWidth, classes, ...scale });
}
