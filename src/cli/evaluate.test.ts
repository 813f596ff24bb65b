import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { compilePlan, dense, encodeModelFile, model } from '../learning/models/index.ts';
import { createRunFolder } from '../runtime/storage/index.ts';
import { openAnsweringModel } from './answering.ts';
import { createEvaluateCommand } from './evaluate.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const encoding = {
  kind: 'row',
  columns: [{ kind: 'category', name: 'color', values: ['red', 'blue'] }],
  constant: 0,
};

/** A run that predicts 3 for red and 5 for blue. */
function writeRegression(name: string): string {
  const layers = [dense({ out: 1, bias: false })];
  const plan = compilePlan(model(layers, { input: [3], loss: 'squaredError' }));
  const run = createRunFolder(join(folder, name));
  run.write(
    'task.resolved.yaml',
    JSON.stringify({ task: 'prices', model: { layers, loss: 'squaredError', input: [3] } }),
  );
  run.write('encoding.json', JSON.stringify({ encoding }));
  run.write('summary.json', JSON.stringify({ epsilon: null, delta: null, privacyUnit: null, relation: null }));
  run.write('model.safetensors', encodeModelFile(plan, { parameters: Float32Array.from([3, 5, 0]) }));
  run.close();
  return join(folder, name);
}

const evaluate = (...args: readonly string[]): Promise<unknown> =>
  createEvaluateCommand().parseAsync(args, { from: 'user' });

interface Report {
  readonly protection: { readonly kind: string; readonly noiseStddev?: number };
  readonly groupNames: readonly string[];
  readonly metrics: {
    readonly meanAbsoluteError: { value: number; interval: [number, number] };
    readonly rootMeanSquaredError: { value: number };
    readonly rSquared: { value: number };
    readonly groups: readonly { examples: { value: number }; meanAbsoluteError: { value: number } }[];
    readonly errorGap: number;
  };
}
const reportOf = (out: string): Report => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report;

describe('a regression', () => {
  const run = writeRegression('prices');
  const rows = join(folder, 'rows.csv');
  // Errors: red 0, 1, 2; blue 1 and 1.
  writeFileSync(rows, 'color,price\nred,3\nred,4\nred,1\nblue,6\nblue,4\n');
  const data = ['--rows', rows, '--label', 'price'];

  it('is measured exactly on public rows, in groups', async () => {
    const out = join(folder, 'public');
    await evaluate(run, ...data, '--group-by', 'color', '--out', out);
    const { metrics, protection, groupNames } = reportOf(out);
    expect(protection.kind).toBe('public');
    expect(groupNames).toEqual(['red', 'blue']);
    expect(metrics.meanAbsoluteError.value).toBeCloseTo(1, 6);
    expect(metrics.rootMeanSquaredError.value).toBeCloseTo(Math.sqrt(7 / 5), 6);
    // Targets 3, 4, 1, 6, 4 spread by 13.2 around their mean.
    expect(metrics.rSquared.value).toBeCloseTo(1 - 7 / 13.2, 6);
    expect(metrics.groups.map(({ examples, meanAbsoluteError }) => [examples.value, meanAbsoluteError.value])).toEqual([
      [3, expect.closeTo(1, 6)],
      [2, expect.closeTo(1, 6)],
    ]);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    expect(page).toMatch(/mean absolute error/);
    expect(page).toMatch(/<td>blue<\/td>/);
  });

  it('is measured privately within bounds that are declared, and charged', async () => {
    const out = join(folder, 'private');
    const ledger = join(folder, 'ledger');
    const private_ = ['--private', '--epsilon', '8', '--budget', '9', '--ledger', ledger, '--out', out];
    await expect(evaluate(run, ...data, ...private_)).rejects.toThrow(/--target-min must be a number, known without/);
    const many = join(folder, 'many.csv');
    writeFileSync(many, `color,price\n${'red,3\nred,4\nred,1\nblue,6\nblue,4\n'.repeat(400)}`);
    const bounds = ['--error-bound', '4', '--target-min', '0', '--target-max', '10'];
    await evaluate(run, '--rows', many, '--label', 'price', ...private_, ...bounds);
    const { metrics, protection } = reportOf(out);
    expect(protection.kind).toBe('private');
    expect(protection.noiseStddev).toBeGreaterThan(0);
    expect(Math.abs(metrics.meanAbsoluteError.value - 1)).toBeLessThan(0.05);
    expect(readFileSync(ledger, 'utf8').trim().split('\n')).toHaveLength(3);
  });

  it('answers nobody as a classifier', () => {
    expect(() => openAnsweringModel(run)).toThrow(/no classifier but a regression: sotto evaluate measures it/);
  });

  it('names the row whose label is none', async () => {
    const broken = join(folder, 'broken.csv');
    writeFileSync(broken, 'color,price\nred,3\nred,SECRET\n');
    const refused = evaluate(run, '--rows', broken, '--label', 'price', '--out', join(folder, 'x'));
    await expect(refused).rejects.toThrow(/broken\.csv, line 3, column price: must be a number/);
    await expect(evaluate(run, ...data, '--group-by', 'shape')).rejects.toThrow(/declares no values for it/);
    await expect(evaluate(run, '--label', 'price')).rejects.toThrow(/name columns of --rows/);
  });
});
