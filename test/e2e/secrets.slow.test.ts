/**
 * The same task with one line changed: trained by shares and under encryption, and its model then asked on shares and on
 * ciphertexts, by commands alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runSotto } from './sotto.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-secrets-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const LIMIT_MS = 240_000;

/** Trains the digits with another aggregation. @returns the run folder and what was printed. */
async function train(
  example: string,
  aggregation: string,
  { rounds, change = (text) => text }: { rounds: number; change?: (text: string) => string },
): Promise<{ folder: string; printed: string }> {
  const original = readFileSync(new URL(`../../examples/digits/${example}.yaml`, import.meta.url), 'utf8');
  const changed = change(original).replace(/aggregation: \{.*\}/, `aggregation: { ${aggregation} }`);
  const path = join(base, `${example}.yaml`);
  writeFileSync(path, changed);
  const folder = join(base, example);
  const { code, stdout, stderr } = await runSotto('run', path, '--rounds', `${rounds}`, '--out', folder, '--no-page');
  expect(code, stderr).toBe(0);
  return { folder, printed: stdout };
}

async function report(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runSotto(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('the digits with one line changed', () => {
  it(
    'are learned by shares, with the price beside that of masks, and the model answers on shares and on ciphertexts',
    async () => {
      const { folder, printed } = await train('task', 'kind: shares, threshold: 15', { rounds: 2 });
      expect(printed).toMatch(/assistants +server-1 and server-2: any one of them alone sees uniform bits/);
      expect(printed).toMatch(/price +\d+ kB a participant and round, pairwise masks would take \d+ kB/);
      expect(printed).toMatch(/thread seconds: [^)]*sealed shares \d/);
      const shares = await report('mpc', 'predict', folder, '--images', '40', '--batch', '40', '--parties', '3');
      expect(shares).toMatchObject({ images: 40, agreement: 1, layers: ['dense'], batches: 1 });
      expect(shares.trust).toMatch(/no two pooling their shares; correlated randomness dealt by dealer/);
      const ciphertexts = await report('homomorphic', 'predict', folder, '--images', '5');
      expect(ciphertexts).toMatchObject({ images: 5, agreement: 1 });
    },
    LIMIT_MS,
  );

  it(
    'are learned under BFV, by a network with a hidden layer that answers on shares as in the clear',
    async () => {
      const { folder, printed } = await train('mlp', 'kind: homomorphic, threshold: 15', {
        rounds: 3,
        change: (text) => text.replace('kind: tanh', 'kind: relu'),
      });
      expect(printed).toMatch(/assistants +key-holder: it must not collude with the coordinator/);
      expect(printed).toMatch(/price +\d+ kB a participant and round, pairwise masks would take \d+ kB/);
      expect(printed).toMatch(/thread seconds: [^)]*encryption \d/);
      const shares = await report('mpc', 'predict', folder, '--images', '500', '--batch', '100');
      expect(shares).toMatchObject({ images: 500, layers: ['dense', 'relu', 'dense'], batches: 5 });
      expect(shares.agreement).toBeGreaterThanOrEqual(0.998);
      expect(shares.bytesPerImage).toBeLessThan(13_000);
      const refused = await runSotto('mpc', 'predict', folder, '--images', '10001');
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('10000 examples') as string });
    },
    LIMIT_MS,
  );
});
