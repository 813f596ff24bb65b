import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { runSotto } from './sotto.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-train-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A federation's task on the pixels: it serves one party too. */
const task = 'examples/digits/mlp.yaml';

describe('sotto train', () => {
  it('trains a federation’s task by one party, and its model can be shown and written in another format', async () => {
    const out = join(base, 'run');
    const { code, stdout } = await runSotto('train', task, '--rounds', '4', '--json', '--out', out, '--export', 'onnx');
    expect(code).toBe(0);
    const summary = JSON.parse(stdout) as { accuracy: number; epsilon: number; model: { parameters: number } };
    expect(summary).toMatchObject({ mode: 'single-party', ended: 'rounds-done', rounds: 4, delta: 1e-5 });
    expect(summary.accuracy).toBeGreaterThan(0.3);
    expect(summary.epsilon).toBeLessThanOrEqual(3);
    expect(readdirSync(out).toSorted()).toEqual([
      'checkpoint.safetensors',
      'ledger.jsonl',
      'log',
      'log.vkey',
      'metrics.jsonl',
      'model.onnx',
      'model.safetensors',
      'private',
      'summary.json',
      'task.resolved.yaml',
    ]);
    const verified = await runSotto('verify', out, '--json');
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      epsilon: summary.epsilon,
      problems: [],
      rounds: 4,
      notCovered: [],
    });
    const card = await runSotto('card', out, '--json');
    expect(JSON.parse(card.stdout)).toMatchObject({ mode: 'single-party', rounds: 4, guarantee: { charges: 1 } });
    const shown = await runSotto('model', 'show', out, '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ trained: summary.model.parameters, frozen: 0 });
    const copy = join(base, 'copy.safetensors');
    expect((await runSotto('model', 'export', join(out, 'model.onnx'), copy)).code).toBe(0);
    const again = await runSotto('model', 'export', out, copy);
    expect([again.code, again.stderr.includes('nothing was overwritten')]).toEqual([2, true]);
  });

  it('refuses what is wrong in one line, before anything is made', async () => {
    const out = join(base, 'refused');
    const refused = async (args: readonly string[], pattern: RegExp): Promise<void> => {
      const { code, stderr } = await runSotto(...args);
      expect(stderr).toMatch(pattern);
      expect([code, existsSync(out)]).toEqual([2, false]);
    };
    await refused(['train', task, '--seed', 'a', '--out', out], /noise that follows from a seed protects nobody/);
    await refused(['train', '--resume', base, '--rounds', '3'], /leave out --rounds/);
    await refused(['train', '--out', out], /name a task file/);
    const broken = join(base, 'broken.onnx');
    writeFileSync(broken, new Uint8Array([8, 255, 255]));
    await refused(['model', 'show', broken], /./);
    await refused(['model', 'export', broken, join(base, 'x.pt')], /must end in \.safetensors or \.onnx/);
  });
});
