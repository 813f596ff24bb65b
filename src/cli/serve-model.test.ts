import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { compilePlan, dense, encodeModelFile, model } from '../learning/models/index.ts';
import { createRunFolder } from '../runtime/storage/index.ts';
import { createAnswerApp } from './answer-app.ts';
import { openService } from './serve-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-serve-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const layers = [dense({ out: 2, bias: false })];
const plan = compilePlan(model(layers, { input: [3], loss: 'softmaxCrossEntropy' }));
const encoding = {
  kind: 'row',
  columns: [{ kind: 'category', name: 'color', values: ['red', 'blue'] }],
  constant: 0,
};

/** A run whose model says "yes" to red. */
function writeRun(name: string, promise: object | null): string {
  const path = join(folder, name);
  const run = createRunFolder(path);
  const declared = { layers, loss: 'softmaxCrossEntropy', input: [3] };
  run.write('task.resolved.yaml', JSON.stringify({ task: 'colors', model: declared }));
  run.write('encoding.json', JSON.stringify({ classes: ['no', 'yes'], encoding }));
  run.write(
    'summary.json',
    JSON.stringify(promise ?? { epsilon: null, delta: null, privacyUnit: null, relation: null }),
  );
  const yes = plan.parameters[0]?.shape[0] === 3 ? [-2, 2, 2, -2, 0, 0] : [-2, 2, 0, 2, -2, 0];
  run.write('model.safetensors', encodeModelFile(plan, { parameters: Float32Array.from(yes) }));
  run.close();
  return path;
}

const defaults = {
  callers: '',
  host: '',
  port: '0',
  quota: '5',
  rate: '100',
  windowSeconds: '60',
  top: '2',
  digits: '2',
  delta: '1e-5',
  known: new Map(),
};
const promise = { epsilon: 1, delta: 1e-5, privacyUnit: 'example', relation: 'add-or-remove-one' };
const red = { row: { color: 'red' } };

describe('what is served', () => {
  it('follows from how the model was trained, by honest names', async () => {
    const open = async (run: string, options = {}) => (await openService(run, { ...defaults, ...options })).service;
    const dp = writeRun('dp', promise);
    const plain = writeRun('plain', null);
    expect((await open(dp)).mode).toBe('dp-trained-model');
    const service = await open(plain);
    expect(service.mode).toBe('not-private');
    expect(service.promise).toMatch(/^NONE/);
    const noisy = await open(plain, { obfuscate: '0.1' });
    expect(noisy.mode).toBe('obfuscation-only');
    expect(noisy.promise).toMatch(/^NONE/);
    await expect(open(dp, { obfuscate: '0.1' })).rejects.toThrow(/needs no noise/);
    const scores = await service.scores(red);
    expect(scores[1]).toBeGreaterThan(0.9);
    await expect(async () => service.scores({ text: 'red' })).rejects.toThrow(/takes rows/);
  });

  it('counts answers over restarts', async () => {
    const run = writeRun('quota', promise);
    for (let i = 0; i < 3; i += 1) {
      const { service, close } = await openService(run, defaults);
      const ask = (): Promise<unknown> => service.desk.answer('ada', () => service.scores(red));
      if (i < 2) {
        await ask();
        await ask();
      } else {
        await ask();
        await expect(ask()).rejects.toMatchObject({ code: 'answers/quota' });
      }
      close();
    }
    const lines = readFileSync(join(run, 'answers.jsonl'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(6);
    expect(lines.join('')).not.toMatch(/color|"red"/);
  });

  it('charges votes of several teachers until their budget is spent', async () => {
    const teachers = [0, 1, 2, 3].map((i) => writeRun(`teacher-${i}`, null));
    const [first = '', ...others] = teachers;
    const { service } = await openService(first, {
      ...defaults,
      quota: '1000',
      teachers: others,
      threshold: '1',
      checkStddev: '2',
      answerStddev: '2',
      budget: '20',
      ledger: join(folder, 'votes.jsonl'),
    });
    expect(service.mode).toBe('private-votes');
    const before = readFileSync(join(folder, 'votes.jsonl'), 'utf8');
    await expect(async () => service.scores({ row: { color: 'green' } })).rejects.toThrow(/none of its values/);
    expect(readFileSync(join(folder, 'votes.jsonl'), 'utf8')).toBe(before);
    const app = createAnswerApp({ ...service, callerOf: () => 'ada' });
    const statuses: number[] = [];
    const codes = new Set<string>();
    while (statuses.length < 200 && !codes.has('accounting/budget-exceeded')) {
      const response = await app.request('/v1/answers', {
        method: 'POST',
        body: JSON.stringify(red),
        headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
      });
      statuses.push(response.status);
      codes.add(String(((await response.json()) as { type?: string }).type));
    }
    // What the votes were is kept beside the ledger, for its holder alone, and one step of it at least a charge.
    const record = join(folder, 'votes.jsonl.votes');
    expect(statSync(record).mode & 0o077).toBe(0);
    const steps = readFileSync(record, 'utf8').trim().split('\n');
    expect(steps.length).toBeGreaterThanOrEqual(
      readFileSync(join(folder, 'votes.jsonl'), 'utf8').split('"commit"').length - 1,
    );
    rmSync(record);
    await expect(
      openService(first, {
        ...defaults,
        teachers: others,
        threshold: '1',
        checkStddev: '2',
        answerStddev: '2',
        budget: '20',
        ledger: join(folder, 'votes.jsonl'),
      }),
    ).rejects.toThrow(/remembers 0 steps/);
    expect(codes.has('accounting/budget-exceeded')).toBe(true);
    expect(statuses).toContain(200);
    expect(statuses.at(-1)).toBe(403);
  });
});
