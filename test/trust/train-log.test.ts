/**
 * A run of one party tells a story that holds: every step charged before it ran, whatever interrupted it; and one that
 * was not charged, or began with another model, is found.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { folderFiles } from '../../src/cli/run-files.ts';
import { derivePlan } from '../../src/cli/derive-plan.ts';
import { createSigningKey, fromHex, sha256, toHex } from '../../src/foundations/crypto/index.ts';
import { createRunFolder, openRunFolder } from '../../src/runtime/storage/index.ts';
import { parseTrainingFile, type TrainingFile } from '../../src/runtime/task/index.ts';
import { openAnswerRecorder, trainTask, type TrainSummary } from '../../src/runtime/training/index.ts';
import { createPrivacyCard } from '../../src/trust/card/index.ts';
import { readLineage } from '../../src/trust/lineage/index.ts';
import {
  type AuditReport,
  auditRun,
  commitTo,
  createMemoryTileStore,
  encodeLeaf,
  formatVerifierKey,
  type LogLeaf,
  openLog,
  readRun,
  type RunFiles,
} from '../../src/trust/log/index.ts';
import { writePart } from './small-run.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-train-log-'));
  mkdirSync(join(base, 'data'));
  writePart(join(base, 'data'), 'train', 200);
  writePart(join(base, 'data'), 't10k', 40);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

function taskOf(training: object = {}, privacy: object = {}): TrainingFile {
  const text = stringify({
    task: 'bars',
    data: { kind: 'idx', folder: join(base, 'data'), test: 'public' },
    model: {
      layers: [{ kind: 'flatten' }, { kind: 'dense', out: 2, init: 'zeros' }],
      loss: 'softmaxCrossEntropy',
    },
    training: {
      rounds: 25,
      samplingRate: 0.2,
      clipNorm: 1,
      expectedBatchSize: 40,
      optimizer: { kind: 'sgd', learningRate: 1 },
      evaluateEvery: 5,
      ...training,
    },
    privacy: { privacyUnit: 'example', trust: 'coordinator', epsilon: 4, delta: 1e-5, ...privacy },
  });
  return parseTrainingFile(text, { path: 'bars.yaml' });
}

async function train(name: string, task: TrainingFile, { stopAfter = Infinity } = {}): Promise<TrainSummary> {
  const stop = new AbortController();
  const path = join(base, name);
  return trainTask({
    task,
    baseFolder: base,
    folder: () => (stopAfter === 0 ? openRunFolder(path) : createRunFolder(path)),
    resolved: stringify(task),
    workers: 1,
    signal: stop.signal,
    events: { onReport: ({ round }) => void (round >= stopAfter && stopAfter > 0 && stop.abort()) },
  });
}

const audit = (name: string): Promise<AuditReport> => auditRun(folderFiles(join(base, name)), { derivePlan });

/** The leaves of a run, changed and signed anew under another key: what an operator who lies can make. */
async function resigned(name: string, change: (leaves: readonly LogLeaf[]) => readonly LogLeaf[]): Promise<RunFiles> {
  const { leaves } = await readRun(folderFiles(join(base, name)), { derivePlan });
  const store = createMemoryTileStore();
  const log = await openLog({ store, origin: 'liar', key: createSigningKey(new Uint8Array(32).fill(7)) });
  await log.append(change(leaves).map(encodeLeaf));
  const key = new TextEncoder().encode(`${formatVerifierKey(log.verifier)}\n`);
  return {
    list: () => Promise.resolve(undefined),
    read: async (file) =>
      file === 'log.vkey' ? key : file.startsWith('log/') ? store.read(file.slice('log/'.length)) : undefined,
  };
}

describe('the log of a run of one party', () => {
  it('holds, and amounts to what the summary says', async () => {
    const summary = await train('whole', taskOf());
    const run = await readRun(folderFiles(join(base, 'whole')), { derivePlan });
    expect(run.report).toMatchObject({ ok: true, problems: [], notCovered: [], rounds: 25, attempts: 25 });
    expect(run.report.epsilon).toBe(summary.epsilon);
    expect(createPrivacyCard(run)).toMatchObject({ mode: 'single-party', examples: 200, rounds: 25 });
    const rounds = readLineage(run).activities.filter(({ kind }) => kind === 'round');
    expect(rounds.length).toBeGreaterThan(2);
    expect(rounds.every(({ charge }) => charge !== null)).toBe(true);
  });

  it('takes up answers of its model, and tells them in the lineage without what was asked', async () => {
    await train('answering', taskOf({ rounds: 5 }));
    const folder = openRunFolder(join(base, 'answering'));
    const request = new TextEncoder().encode('somebody’s data');
    const clock = (): Date => new Date();
    const recorder = await openAnswerRecorder(folder, { task: 'bars', clock });
    const receipt = await recorder.record(request, { purpose: 'triage', reservation: null });
    await expect(
      openAnswerRecorder(folder, { task: 'bars', clock, modelDigest: '0'.repeat(64) }),
    ).rejects.toMatchObject({ code: 'storage/not-found' });
    folder.close();
    expect(commitTo(toHex(sha256(request)), fromHex(receipt.salt))).toBe(receipt.request);
    const run = await readRun(folderFiles(join(base, 'answering')), { derivePlan });
    expect(run.report).toMatchObject({ ok: true, problems: [] });
    expect(run.report.notCovered).toEqual([]);
    expect(run.leaves.at(-1)).toMatchObject({ kind: 'answer', request: receipt.request, purpose: 'triage' });
    expect(readLineage(run).activities.at(-1)).toMatchObject({ kind: 'answer' });
  });

  it('holds for a run that was stopped and taken up again', async () => {
    await train('halves', taskOf(), { stopAfter: 10 });
    const { rounds } = await train('halves', taskOf(), { stopAfter: 0 });
    expect(rounds).toBe(25);
    expect(await audit('halves')).toMatchObject({ ok: true, problems: [], rounds: 25 });
  });

  it('holds for noise that is charged whole, and for a baseline without privacy', async () => {
    await train('matrix', taskOf({ noise: { kind: 'matrix', strategy: 'banded', groups: 4, bands: 4 } }));
    expect(await audit('matrix')).toMatchObject({ ok: true, problems: [], isPrivate: true });
    await train('off', {
      ...taskOf(),
      privacy: { trust: 'off' },
    });
    expect(await audit('off')).toMatchObject({ ok: true, problems: [], isPrivate: false, epsilon: null });
  });

  it('is refused where steps were not charged, or began with another model', async () => {
    const uncharged = await resigned('whole', (leaves) =>
      leaves.map((leaf) =>
        leaf.kind === 'ledger' && leaf.record.kind === 'reserve'
          ? { ...leaf, record: { ...leaf.record, event: { type: 'NoOp' } } }
          : leaf,
      ),
    );
    const codes = async (files: RunFiles): Promise<readonly string[]> =>
      (await auditRun(files, { derivePlan })).problems.map(({ code }) => code);
    expect(await codes(uncharged)).toContain('verify/attempt-uncharged');
    const chain = await resigned('whole', (leaves) =>
      leaves.filter((leaf) => leaf.kind !== 'steps' || leaf.first !== 1),
    );
    expect(await codes(chain)).toContain('verify/story-broken');
    const swapped = await resigned('whole', (leaves) =>
      leaves.map((leaf) => (leaf.kind === 'steps' ? { ...leaf, startDigest: '0'.repeat(64) } : leaf)),
    );
    expect(await codes(swapped)).toContain('verify/model-chain-broken');
  });
});
