import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

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

// On the run that the example on images has left: whichever command trained it, what asks it is the same.
describe('sotto evaluate and predict', () => {
  const run = join(folder, 'images', 'run');

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

  it('charge noise inside the sum of participants too', () => {
    const ledger = join(folder, 'federated-ledger');
    const ask = (...more: readonly string[]) =>
      sotto('evaluate', run, '--participants', '3', '--aggregation', 'shares', '--epsilon', '0.9', ...more);
    expect(ask().stderr).toMatch(/--epsilon needs --ledger/);
    const first = ask('--ledger', ledger, '--budget', '1', '--json');
    expect(JSON.parse(first.stdout)).toMatchObject({ protection: { kind: 'federated', epsilon: 0.9, budget: 1 } });
    expect(ask('--ledger', ledger).status).toBe(30);
  });

  it('measure rows of a table, in groups that the model knows, and name what is wrong with one', () => {
    const tabular = join(folder, 'tabular', 'invented');
    const rows = join(tabular, 'test.csv');
    const ask = (...more: readonly string[]) =>
      sotto('evaluate', join(tabular, 'run'), '--rows', rows, '--label', 'salary-class', ...more);
    const { stdout } = ask('--group-by', 'sex', '--json');
    const report = JSON.parse(stdout) as {
      groupNames: string[];
      metrics: { examples: { value: number }; auc: { value: number }; gaps: { equalizedOdds: number } };
    };
    expect(report.groupNames).toEqual(['Male', 'Female']);
    expect(report.metrics.examples.value).toBe(1333);
    expect(report.metrics.auc.value).toBeGreaterThan(0.75);
    expect(report.metrics.gaps.equalizedOdds).toBeGreaterThan(0);
    expect(readFileSync(join(tabular, 'run', 'evaluation', 'report.html'), 'utf8')).toMatch(/false positive rate/);
    expect(sotto('evaluate', join(tabular, 'run'), '--rows', rows).stderr).toMatch(/--rows needs --label/);
    expect(ask('--group-by', 'race').stderr).toMatch(/declares no values for it/);
    const broken = join(folder, 'broken.csv');
    writeFileSync(broken, readFileSync(rows, 'utf8').replace('<=50K', 'SECRET'));
    const refused = sotto('evaluate', join(tabular, 'run'), '--rows', broken, '--label', 'salary-class');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/broken\.csv, line \d+, column salary-class: must be one of <=50K, >50K/);
    expect(refused.stderr).not.toMatch(/SECRET/);
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
    const verified = sotto('verify', run, '--json');
    expect(verified.status).toBe(0);
    // Salts of answers are the askers': those of the run are as they were logged.
    const { notCovered } = JSON.parse(verified.stdout) as { notCovered: { file: string }[] };
    expect(notCovered.map(({ file }) => file)).not.toContain('private/salts.json');
    const quiet = sotto('predict', run, image, '--json', '--no-record');
    expect(JSON.parse(quiet.stdout)).not.toHaveProperty('record');
  });

  it('ask about one thing at a time, and say what the model takes', () => {
    expect(sotto('predict', run).status).toBe(2);
    expect(sotto('predict', run, 'a.png', '--text', 'a').status).toBe(2);
    expect(sotto('predict', run, '--text', 'a').stderr).toMatch(/not a text/);
    const { status, stderr } = sotto('predict', run, 'README.md');
    expect(status).toBe(2);
    expect(stderr).toMatch(/not a PNG file/);
  });
});
