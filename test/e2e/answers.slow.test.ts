import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sotto-answers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function node(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--conditions=source', ...args], { cwd: root, encoding: 'utf8' });
}
const sotto = (...args: readonly string[]) => node('bin/sotto.mjs', ...args);

describe('the examples, in short', () => {
  it('go from mails to a private answer', () => {
    const out = join(folder, 'text');
    const { status, stdout } = node('scripts/example.ts', 'text', '--short', '--out', out);
    expect(status).toBe(0);
    expect(stdout).toMatch(/mode dp-trained-model, charge ε = 0/);
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as { epsilon: number; found: number };
    expect(result.epsilon).toBeLessThanOrEqual(3);
    expect(result.found).toBeGreaterThan(1000);
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    expect(page).toMatch(/<svg/);
    expect(page).not.toMatch(/<script|src=/);
  });

  it('answer typed texts from the run they leave', () => {
    const run = join(folder, 'text', 'run');
    const asked = sotto('predict', run, '--text', 'Win free money now! Click here', '--json');
    expect(asked.status).toBe(0);
    expect(JSON.parse(asked.stdout)).toMatchObject({ mode: 'dp-trained-model', charge: 0 });
    expect(sotto('predict', run, '--rows', 'package.json').stderr).toMatch(/takes texts/);
  });

  it('go from a table to ten-anonymous rows and a private model', () => {
    const out = join(folder, 'tabular');
    const { status } = node('scripts/example.ts', 'tabular', '--short', '--out', out);
    expect(status).toBe(0);
    const [invented] = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as {
      promise: { epsilon: number };
      anonymization: { risks: { after: { prosecutor: { highest: number } } } };
      dropped: { column: string }[];
    }[];
    expect(invented?.promise.epsilon).toBeLessThanOrEqual(1);
    expect(invented?.anonymization.risks.after.prosecutor.highest).toBeLessThanOrEqual(0.1);
    expect(invented?.dropped.map(({ column }) => column)).toContain('e-mail');
    expect(readFileSync(join(out, 'report.html'), 'utf8')).not.toMatch(/<script|src=/);
    const rows = join(out, 'invented', 'test.csv');
    const asked = sotto('predict', join(out, 'invented', 'run'), '--rows', rows, '--json');
    expect((JSON.parse(asked.stdout) as { answers: unknown[] }).answers).toHaveLength(1333);
  });

  it('go from digits to a private answer', () => {
    const { status, stdout } = node('scripts/example.ts', 'images', '--short', '--out', join(folder, 'images'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/mode +dp-trained-model/);
  });
});

describe('sotto evaluate and predict', () => {
  const run = join(folder, 'run');
  beforeAll(() => {
    const { status } = sotto('run', 'examples/digits/mlp.yaml', '--rounds', '5', '--quiet', '--out', run);
    if (status !== 0) throw new Error(`sotto run ended with ${status}`);
  }, 120_000);

  it('charge private test data until its budget is spent', () => {
    const ask = () =>
      sotto('evaluate', run, '--private', '--epsilon', '0.9', '--budget', '1', '--ledger', join(folder, 'l'), '--json');
    const first = ask();
    expect(first.status).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ protection: { kind: 'private', epsilon: 0.9, budget: 1 } });
    const second = ask();
    expect(second.status).toBe(30);
    expect(second.stderr).toMatch(/nothing was run/);
  });

  it('refuse private data without a ledger, ε without privacy, and groups that do not fit', () => {
    expect(sotto('evaluate', run, '--private', '--epsilon', '1').stderr).toMatch(/--ledger/);
    expect(sotto('evaluate', run, '--epsilon', '1').status).toBe(2);
    writeFileSync(join(folder, 'groups'), 'a\nb\n');
    expect(sotto('evaluate', run, '--groups', join(folder, 'groups')).stderr).toMatch(/2 groups for 10000 examples/);
  });

  it('leave a leaf of every answer, which verifies and ends the lineage', () => {
    const image = join(folder, 'images', 'digit.png');
    const { stdout } = sotto('predict', run, image, '--json');
    const { record } = JSON.parse(stdout) as { record: { request: string; logSize: number } };
    expect(sotto('lineage', run).stdout).toContain(`answer/${record.request.slice(0, 16)}`);
    expect(sotto('verify', run).status).toBe(0);
    const quiet = sotto('predict', run, image, '--json', '--no-record');
    expect(JSON.parse(quiet.stdout)).not.toHaveProperty('record');
  });

  it('ask about one thing at a time', () => {
    expect(sotto('predict', run).status).toBe(2);
    expect(sotto('predict', run, 'a.png', '--text', 'a').status).toBe(2);
    expect(sotto('predict', run, '--text', 'a').stderr).toMatch(/not a text/);
  });

  it('refuse what is no image', () => {
    const { status, stderr } = sotto('predict', run, 'README.md');
    expect(status).toBe(2);
    expect(stderr).toMatch(/not a PNG file/);
  });
});
