import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { createDpSgd } from '../learning/models/index.ts';
import { createRunFolder } from '../runtime/storage/index.ts';
import { parseTrainingFile } from '../runtime/task/index.ts';
import { rehearseTraining, trainTask } from '../runtime/training/index.ts';
import { runCommand } from '../../test/harness/command.ts';
import { writePart } from '../../test/trust/small-run.ts';
import { createRedteamCommand } from './redteam.ts';
import { runAudit } from './redteam/audit.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-redteam-'));
const data = join(folder, 'data');
const page = join(folder, 'report.html');

function write(name: string, privacy: object, training: object = {}): string {
  const path = join(folder, name);
  const task = {
    task: 'bars',
    data: { kind: 'idx', folder: data, test: 'public' },
    model: {
      layers: [{ kind: 'flatten' }, { kind: 'dense', out: 32 }, { kind: 'relu' }, { kind: 'dense', out: 2 }],
      loss: 'softmaxCrossEntropy',
    },
    training: {
      rounds: 6,
      samplingRate: 0.5,
      expectedBatchSize: 100,
      optimizer: { kind: 'sgd', learningRate: 0.5 },
      evaluateEvery: 6,
      ...training,
    },
    privacy,
  };
  writeFileSync(path, stringify(task));
  return path;
}

const coordinator = { trust: 'coordinator', privacyUnit: 'example', epsilon: 1, delta: 1e-9 };
let private_ = '';
let open = '';
let conv = '';
beforeAll(() => {
  mkdirSync(data);
  writePart(data, 'train', 240);
  writePart(data, 't10k', 120);
  private_ = write('private.yaml', coordinator);
  open = write('open.yaml', { trust: 'off' }, { optimizer: { kind: 'adam', learningRate: 0.05 } });
  conv = join(folder, 'conv.yaml');
  const text = readFileSync(private_, 'utf8').replace(
    '- kind: flatten',
    '- { kind: conv2d, out: 2, kernel: 2 }\n    - kind: flatten',
  );
  writeFileSync(conv, text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const redteam = (...args: readonly string[]) =>
  runCommand(createRedteamCommand(), [...args, '--quiet', '--workers', '1']);

interface Audit {
  readonly claimed: number | null;
  readonly epsilonLower: number;
  readonly refuted: boolean;
}

describe('sotto redteam audit', () => {
  it('does not refute a correct run, leaves nothing behind but its report, and says what it cannot say', async () => {
    const before = readdirSync(folder).toSorted();
    const args = ['audit', private_, '--canaries', '300', '--confidence', '0.999999', '--report', page] as const;
    const { code, out } = await redteam(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/bars: not refuted: claimed ε = 1, this run shows ε ≥/);
    expect(out).toMatch(/kept +no model, no ledger entry, no run/);
    expect(readdirSync(folder).toSorted()).toEqual([...before, 'report.html'].toSorted());
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/<svg/);
    expect(html).toMatch(/prefers-color-scheme:dark/);
    expect(html).toMatch(/A lower bound is no proof of privacy/);
    expect(html).not.toMatch(/<script/);
  });

  it('ends with 1 where less noise was added than the plan has', async () => {
    const options = {
      canaries: '300',
      canary: 'gradient',
      confidence: '0.999999',
      quiet: true,
      workers: '1',
      json: true,
    } as const;
    const faulty: typeof rehearseTraining = (plan, given, rng) => {
      const noiseMultiplier = (plan.noise?.noiseMultiplier ?? 0) / 100;
      const steps = (parts: Parameters<NonNullable<typeof given.steps>>[0]) =>
        createDpSgd({ ...plan.task.training, ...parts, noiseMultiplier });
      return rehearseTraining(plan, { ...given, steps }, rng);
    };
    const command = createRedteamCommand();
    command.commands[0]?.action(() => runAudit(private_, options, faulty));
    const { code, out } = await runCommand(command, ['audit', private_]);
    const found = JSON.parse(out) as Audit;
    expect([code, found.refuted]).toEqual([1, true]);
    expect(found.epsilonLower).toBeGreaterThan(found.claimed as number);
  });

  it('shows much of a run without privacy, in every step and in the finished model', async () => {
    const white = await redteam('audit', open, '--canaries', '300', '--json');
    expect(JSON.parse(white.out) as Audit).toMatchObject({ claimed: null, refuted: false, delta: 1e-5 });
    expect((JSON.parse(white.out) as Audit).epsilonLower).toBeGreaterThan(1);
    for (const kind of ['mislabelled', 'scrambled']) {
      const black = await redteam('audit', open, '--canaries', '60', '--canary', kind, '--rounds', '80');
      expect(black.out).toMatch(/bars: NOT PRIVATE: nothing is claimed; this run shows ε ≥/);
      expect(black.code).toBe(0);
    }
  });

  it('refuses what does not fit, in one line', async () => {
    const refused = async (args: readonly string[], pattern: RegExp): Promise<void> => {
      const { code, out } = await redteam(...args);
      expect([code, pattern.test(out)], out).toEqual([2, true]);
    };
    await refused(['audit', private_, '--canaries', '3'], /--canaries must be/);
    await refused(['audit', open, '--canaries', '5000'], /a parameter of its own: the model has 610, got 5000/);
    await refused(['audit', open, '--canary', 'mislabelled', '--canaries', '200'], /take fewer canaries/);
    await refused(['audit', private_, '--delta', '1e-5'], /claims its ε at its own delta/);
    await refused(['audit', private_, '--confidence', '1'], /--confidence must be/);
    await refused(['invert', conv], /the model begins with conv2d/);
    await refused(['invert', open, '--batches', '500'], /need 2532 examples, the data has 240/);
    await refused(['members', folder], /is not a run folder/);
  });
});

describe('sotto redteam members', () => {
  it('measures thresholds and shadow models on a finished run, beside what its ε allows', async () => {
    const run = join(folder, 'run');
    const resolved = readFileSync(private_, 'utf8');
    await trainTask({
      task: parseTrainingFile(resolved, { path: private_ }),
      baseFolder: folder,
      folder: () => createRunFolder(run),
      resolved,
      workers: 1,
      signal: new AbortController().signal,
    });
    const ledger = readFileSync(join(run, 'ledger.jsonl'), 'utf8');
    const { code, out } = await redteam('members', run, '--shadows', '2', '--json', '--report', page);
    expect(code).toBe(0);
    const found = JSON.parse(out) as {
      attacks: { name: string; all: { auc: number; members: number }; classes: unknown[] }[];
    };
    expect(found.attacks.map(({ name }) => name)).toEqual(['loss', 'entropy', 'calibrated']);
    expect(found.attacks.map(({ all, classes }) => [all.members, classes.length])).toEqual(
      Array.from({ length: 3 }, () => [240, 2]),
    );
    expect(readFileSync(page, 'utf8')).toMatch(/Membership inference against bars/);
    const plain = await redteam('members', run, '--members', data, '--others', data, '--most', '100');
    expect(plain.out).toMatch(/allowed by the ε of the model/);
    expect(plain.out).toMatch(/measured on 100 members and 100 others/);
    // The attack has charged nothing.
    expect(readFileSync(join(run, 'ledger.jsonl'), 'utf8')).toBe(ledger);
  });
});

describe('sotto redteam invert', () => {
  it('reads an update in the clear and clipped, and nothing under masks', async () => {
    const { code, out } = await redteam('invert', private_, '--batches', '1,4', '--draws', '3', '--json');
    expect(code).toBe(0);
    const { findings } = JSON.parse(out) as {
      findings: { batch: number; view: string; recovered: number; uniformity?: number }[];
    };
    const of = (view: string, batch: number) => findings.find((each) => each.view === view && each.batch === batch);
    expect(of('clear', 1)?.recovered).toBe(1);
    expect(of('clipped', 1)?.recovered).toBe(1);
    expect(of('masked', 1)?.recovered).toBe(0);
    expect(of('masked', 4)?.recovered).toBe(0);
    expect(of('masked', 4)?.uniformity).toBeGreaterThan(1e-6);
    expect(of('clear', 4)?.recovered).toBeLessThanOrEqual(1);
    const text = await redteam('invert', private_, '--batches', '1', '--draws', '1');
    expect(text.out).toMatch(/of updates in the clear up to 100 % of the examples are read, under masks 0 %/);
  });
});
