import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { createRunFolder } from '../storage/index.ts';
import { parseTaskFile } from '../task/index.ts';
import { runTask } from './run-task.ts';
import type { StageWork } from './simulate-round.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-run-task-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const PARTICIPANTS = 30;

/** Rows of two classes that their first number tells apart. */
function writeRows(name: string, count: number): string {
  const rows = Array.from({ length: count }, (_, i) => `${i % 2},${(i % 7) / 7},${i % 2 === 0 ? 'no' : 'yes'}`);
  const path = join(base, name);
  writeFileSync(path, `a,b,label\n${rows.join('\n')}\n`);
  return path;
}

describe('a simulated task', () => {
  it('tells inside a round, stage by stage, how many participants are done, and before it how many are ready', async () => {
    const task = parseTaskFile(
      `
task: rows
participants: ${PARTICIPANTS}
data: { kind: files, train: ${writeRows('train.csv', 120)}, heldOut: ${writeRows('test.csv', 20)}, test: public }
partition: { kind: iid, seed: 1 }
model: { input: [2], layers: [{ kind: dense, out: 2, init: zeros }], loss: softmaxCrossEntropy }
training:
  rounds: 2
  samplingRate: 0.5
  expectedBatchSize: 60
  optimizer: { kind: sgd, learningRate: 0.1 }
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: 20 }
  maxCorrupt: 1
  epsilon: 8
  delta: 1.0e-3
simulation: { seed: work, dropoutRate: 0.1 }
`,
      { path: 'rows.yaml' },
    );
    const started: string[] = [];
    const work: StageWork[] = [];
    const summary = await runTask({
      task,
      taskFolder: base,
      folder: () => createRunFolder(join(base, 'run')),
      workers: 2,
      signal: new AbortController().signal,
      events: {
        onStarted: (count, of) => started.push(`${count} of ${of}`),
        onWork: (each) => work.push(each),
      },
    });
    expect(summary.ended).toBe('rounds-done');
    expect(summary.dropouts).toBeGreaterThan(0);
    expect(started.at(-1)).toBe(`${PARTICIPANTS} of ${PARTICIPANTS}`);
    const first = work.filter(({ round }) => round === 1);
    expect([...new Set(first.map(({ stage }) => stage))]).toEqual([
      'advertiseKeys',
      'shareKeys',
      'maskedInput',
      'unmask',
    ]);
    // Whoever went silent is done with: a stage is over when all who were asked in it are.
    for (const stage of ['advertiseKeys', 'shareKeys', 'maskedInput']) {
      const steps = first.filter((each) => each.stage === stage);
      expect(steps.map(({ done }) => done)).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
      expect(steps.at(-1)?.done, stage).toBe(steps.at(-1)?.asked);
    }
    expect(work.some(({ round }) => round === 2)).toBe(true);
  });

  it.each([
    ['ordinary', 'samplingRate: 0.5, expectedBatchSize: 60, optimizer: { kind: sgd, learningRate: 0.1 }', 'example'],
    [
      'buffered',
      'cohortSize: 4, buffered: { concurrency: 2 }, local: { epochs: 1, batchSize: 5, learningRate: 0.1 }',
      'client',
    ],
  ])(
    'holds %s rounds against a malicious coordinator, by identities of an authority that is not the coordinator',
    async (name, training, privacyUnit) => {
      const task = parseTaskFile(
        `
task: ${name}
participants: 8
data: { kind: files, train: ${writeRows(`${name}.csv`, 80)}, heldOut: ${writeRows(`${name}-test.csv`, 20)}, test: public }
partition: { kind: iid, seed: 1 }
model: { input: [2], layers: [{ kind: dense, out: 2, init: zeros }], loss: softmaxCrossEntropy }
training: { rounds: 3, ${training} }
privacy:
  privacyUnit: ${privacyUnit}
  trust: nobody
  aggregation: { kind: secagg, adversary: malicious-coordinator }
  maxCorrupt: 1
  ${privacyUnit === 'client' ? 'maxParticipations: 4' : ''}
  epsilon: 8
  delta: 1.0e-3
simulation: { seed: ${name} }
`,
        { path: `${name}.yaml` },
      );
      const refusals: unknown[] = [];
      const summary = await runTask({
        task,
        taskFolder: base,
        folder: () => createRunFolder(join(base, name)),
        workers: 2,
        signal: new AbortController().signal,
        events: { onAttempt: (report) => refusals.push(report.refusals) },
      });
      expect(summary).toMatchObject({ ended: 'rounds-done', rounds: 3, attempts: 3 });
      expect(refusals).toEqual([undefined, undefined, undefined]);
    },
  );
});
