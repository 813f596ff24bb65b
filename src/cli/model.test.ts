import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { compilePlan, dense, encodeModelFile, model } from '../learning/models/index.ts';
import { createRunFolder } from '../runtime/storage/index.ts';
import { decodeModel } from '../runtime/training/index.ts';
import { createModelCommand } from './model.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('exports the model of a federation, whose file leaves it to the task beside it to say what it is', async () => {
  const layers = [dense({ out: 1 })];
  const plan = compilePlan(model(layers, { input: [3], loss: 'squaredError' }));
  const parameters = Float32Array.from([3, 5, 0, 7]);
  const run = createRunFolder(join(folder, 'run'));
  const declared = { layers, loss: 'squaredError', input: [3] };
  run.write('task.resolved.yaml', JSON.stringify({ task: 'prices', model: declared }));
  run.write('model.safetensors', encodeModelFile(plan, { parameters }));
  run.close();
  for (const format of ['onnx', 'safetensors']) {
    const file = join(folder, `model.${format}`);
    await createModelCommand().parseAsync(['export', join(folder, 'run'), file, '--json'], { from: 'user' });
    expect(decodeModel(readFileSync(file), file).parameters).toEqual(parameters);
  }
});
