/** A small private run with everything a run folder has, on data made up here. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createRunFolder, type Vault } from '../../src/runtime/storage/index.ts';
import { runTask } from '../../src/runtime/simulation/index.ts';
import { parseTaskFile } from '../../src/runtime/task/index.ts';

const SIZE = 4;

/** Writes the two IDX files of a part: noisy bars, horizontal or vertical. */
export function writePart(folder: string, part: 'train' | 't10k', count: number): void {
  const images = new Uint8Array(16 + count * SIZE * SIZE);
  new DataView(images.buffer).setUint32(0, 0x0803);
  for (const [i, value] of [count, SIZE, SIZE].entries()) new DataView(images.buffer).setUint32(4 + 4 * i, value);
  const labels = new Uint8Array(8 + count);
  new DataView(labels.buffer).setUint32(0, 0x0801);
  new DataView(labels.buffer).setUint32(4, count);
  for (let i = 0; i < count; i += 1) {
    const label = i % 2;
    labels[8 + i] = label;
    for (let k = 0; k < SIZE * SIZE; k += 1) {
      const on = (label === 0 ? Math.floor(k / SIZE) : k % SIZE) === (i >> 1) % SIZE;
      images[16 + i * SIZE * SIZE + k] = on ? 200 + (i % 50) : (i * k) % 40;
    }
  }
  writeFileSync(join(folder, `${part}-images-idx3-ubyte`), images);
  writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), labels);
}

const TASK = `
task: bars
participants: 4
data: { kind: idx, folder: DATA, test: public }
partition: { kind: iid, seed: 1 }
model:
  layers:
    - { kind: flatten }
    - { kind: dense, out: 2, init: zeros }
  loss: softmaxCrossEntropy
training:
  rounds: 3
  spareRounds: 1
  samplingRate: 0.5
  clipNorm: 1
  expectedBatchSize: 100
  optimizer: { kind: sgd, learningRate: 1 }
  evaluateEvery: 1
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 10000 }
  maxCorrupt: 1
  epsilon: 8
  delta: 1.0e-5
simulation:
  dropoutRate: 0
`;

/** Runs the task into `folder/run`, sealed if there is a vault. */
export async function makeSmallRun(folder: string, { vault }: { readonly vault?: Vault } = {}): Promise<string> {
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  writePart(data, 'train', 200);
  writePart(data, 't10k', 40);
  const task = parseTaskFile(TASK.replace('DATA', data), { path: 'bars.yaml' });
  const path = join(folder, 'run');
  await runTask({
    task,
    taskFolder: folder,
    folder: () => createRunFolder(path, { vault }),
    workers: 1,
    signal: new AbortController().signal,
  });
  return path;
}
