/** `sotto fit` as a user runs it: from a table to answers, and what it says when something is wrong. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { runSotto } from './sotto.ts';

let base: string;
const at = (name: string): string => join(base, name);
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-fit-cli-'));
  const lines = Array.from(
    { length: 400 },
    (_, i) => `${(i % 40) / 40};${((7 * i) % 40) / 40};${i % 40 < 20 ? 'no' : 'yes'}`,
  );
  writeFileSync(at('table.csv'), `x;y;label\n${lines.join('\n')}\n`);
  writeFileSync(at('public.csv'), `x;y;label\n${lines.slice(0, 100).join('\n')}\n`);
  const recipe = {
    fit: 'halves',
    model: { kind: 'decision-tree', depth: 2 },
    table: { separator: ';' },
    features: { x: { lower: 0, upper: 1 }, y: { lower: 0, upper: 1 } },
    target: { label: { values: ['no', 'yes'] } },
    privacy: { epsilon: 4, delta: 1e-6, account: { ledger: 'table.ledger.jsonl', dataset: 'table', epsilon: 5 } },
  };
  writeFileSync(at('recipe.yaml'), stringify(recipe));
  writeFileSync(at('bounds.yaml'), stringify({ ...recipe, features: { x: { lower: 0 } } }));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('sotto fit', () => {
  it('fits, verifies and answers; a second fit on the spent account is refused with code 30', async () => {
    const args = ['fit', at('recipe.yaml'), '--data', at('table.csv')];
    const fitted = await runSotto(...args, '--test', at('public.csv'), '--out', at('run'), '--json');
    expect(fitted.stderr).toMatch(/fitting/);
    expect(fitted.code).toBe(0);
    const summary = JSON.parse(fitted.stdout) as { epsilon: number; folder: string };
    expect(summary.folder).toBe(at('run'));
    expect(JSON.parse(readFileSync(at('run/summary.json'), 'utf8'))).toMatchObject({ epsilon: summary.epsilon });

    const verified = await runSotto('verify', at('run'), '--json');
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, epsilon: summary.epsilon });

    const answered = await runSotto('predict', at('run'), '--rows', at('table.csv'), '--separator', ';', '--json');
    const { answers, charge } = JSON.parse(answered.stdout) as { answers: { class: string }[]; charge: number };
    expect(charge).toBe(0);
    expect(answers.length).toBe(400);
    expect(answers.filter(({ class: own }, i) => own === (i % 40 < 20 ? 'no' : 'yes')).length).toBeGreaterThan(300);
    expect((await runSotto('verify', at('run'))).code).toBe(0);

    const second = await runSotto(...args, '--out', at('second'));
    expect(second.code).toBe(30);
    expect(second.stderr).toMatch(/"table" to epsilon .* of 5/);
  });

  it('says what is wrong and what to do, with code 2', async () => {
    const refused = async (why: RegExp, ...args: string[]): Promise<void> => {
      const { code, stderr } = await runSotto(...args);
      expect(stderr).toMatch(why);
      expect(code).toBe(2);
    };
    await refused(/features\.x: needs lower and upper.*Next: /, 'fit', at('bounds.yaml'), '--data', at('table.csv'));
    await refused(/does not exist/, 'fit', at('recipe.yaml'), '--data', at('none.csv'), '--out', at('none'));
    await refused(/--data/, 'fit', at('recipe.yaml'));
    const itself = ['--data', at('table.csv'), '--test', at('table.csv'), '--out', at('none')];
    await refused(/sensitive table itself/, 'fit', at('recipe.yaml'), ...itself);
    await refused(/--rows/, 'predict', at('run'), '--text', 'hello');
  });
});
