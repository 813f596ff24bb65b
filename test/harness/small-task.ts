/**
 * A small task and its data, for tests that need neither a service nor a page.
 *
 * @module
 */

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { createDataset, type Dataset } from '../../src/learning/data/index.ts';

/** A small task: two classes of points, four participants. */
export function smallTask({
  rounds = 2,
  participants = 4,
  threshold = 3,
  stageTimeoutMs = 400,
  name = 'points',
  features = 6,
}: {
  rounds?: number;
  participants?: number;
  threshold?: number;
  stageTimeoutMs?: number;
  name?: string;
  features?: number;
} = {}): string {
  return `
task: ${name}
participants: ${participants}
data: { kind: idx, folder: none, test: public }
partition: { kind: iid }
model: { input: [${features}], layers: [{ kind: dense, out: 2 }], loss: softmaxCrossEntropy }
training:
  rounds: ${rounds}
  spareRounds: 6
  samplingRate: 0.5
  expectedBatchSize: 50
  optimizer: { kind: sgd, learningRate: 0.5 }
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: ${threshold}, stageTimeoutMs: ${stageTimeoutMs} }
  maxCorrupt: 1
  epsilon: 8
  delta: 1.0e-5
service: { startThreshold: ${participants}, roundWindowMs: 0 }
`;
}

/** Points of two classes. */
export function smallDataset(seed: string, size = 40, features = 6): Dataset {
  const rng = createSeededRng(seed);
  const inputs = new Float32Array(size * features);
  const labels = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) {
    labels[i] = i % 2;
    for (let j = 0; j < features; j += 1) inputs[i * features + j] = rng.uint32() / 2 ** 32 + (j < 3 ? i % 2 : 0);
  }
  return createDataset({ inputs, inputShape: [features], labels, classes: 2 });
}
