/** Simulated tasks of buffered rounds: where late sums lead, what they cost, and that their runs verify. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { derivePlan } from '../../src/cli/derive-plan.ts';
import { startRunPage } from '../../src/cli/run-page.ts';
import { folderFiles } from '../../src/cli/run-files.ts';
import { createContributionEncoder, type TaskPlan, type UpdatePlan } from '../../src/federation/rounds/index.ts';
import { createSeededRng, type Rng } from '../../src/foundations/random/index.ts';
import { auditRun } from '../../src/trust/log/index.ts';
import { createParticipant } from '../../src/runtime/client/index.ts';
import { createRunFolder, openRunFolder } from '../../src/runtime/storage/index.ts';
import { parseTaskFile } from '../../src/runtime/task/index.ts';
import { createModelState, openRunLog, planRun } from '../../src/runtime/training/index.ts';
import { readRun } from '../../src/runtime/view/index.ts';
import { openCohorts } from '../../src/runtime/simulation/cohorts.ts';
import { drawStragglers } from '../../src/runtime/simulation/faults.ts';
import type { Hosts } from '../../src/runtime/simulation/hosts.ts';
import { runTask } from '../../src/runtime/simulation/run-task.ts';
import { type AttemptReport, simulateTask } from '../../src/runtime/simulation/simulate-task.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-buffered-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const data = join(base, 'data');
mkdirSync(data);

/** Writes the two IDX files of a part: pictures of 4 × 4 with the upper or the lower half bright. */
function writeHalves(part: 'train' | 't10k', count: number): void {
  const rng = createSeededRng(part);
  const images = new Uint8Array(16 + count * 16);
  for (const [i, value] of [0x0803, count, 4, 4].entries()) new DataView(images.buffer).setUint32(4 * i, value);
  const labels = new Uint8Array(8 + count);
  for (const [i, value] of [0x0801, count].entries()) new DataView(labels.buffer).setUint32(4 * i, value);
  for (let i = 0; i < count; i += 1) {
    labels[8 + i] = i % 2;
    for (let k = 0; k < 16; k += 1)
      images[16 + i * 16 + k] = (k < 8 === (i % 2 === 0) ? 120 : 20) + (rng.uint32() % 100);
  }
  writeFileSync(join(data, `${part}-images-idx3-ubyte`), images);
  writeFileSync(join(data, `${part}-labels-idx1-ubyte`), labels);
}
writeHalves('train', 480);
writeHalves('t10k', 100);

const PARTICIPANTS = 12;

function taskOf(privacy: string, { rounds = 24, training = '', simulation = '' } = {}): string {
  return `
task: bars
participants: ${PARTICIPANTS}
data: { kind: idx, folder: ${data}, test: public }
partition: { kind: iid, seed: 1 }
model:
  layers: [{ kind: flatten }, { kind: dense, out: 2, init: zeros }]
  loss: softmaxCrossEntropy
training:
  rounds: ${rounds}
  spareRounds: 6
  clipNorm: 1
  cohortSize: 4
  buffered: { concurrency: 3 }
  local: { epochs: 1, batchSize: 10, learningRate: 0.3 }
  evaluateEvery: 1
${training}
privacy:
  ${privacy}
simulation:
  stragglers: { share: 0.25, slowdown: 8 }
${simulation}
`;
}

const off = 'trust: off\n  aggregation: { kind: clear }';

/** Runs a task whose participants send vectors made up here, and returns what they sent, by attempt. */
async function simulateWith(text: string) {
  const run = planRun(parseTaskFile(text, { path: 'task.yaml' }), { inputShape: [1, 4, 4] });
  const { update, ...plan } = run.plan;
  const ids = Array.from({ length: PARTICIPANTS }, (_, i) => `p${i}`);
  const sent = new Map<number, { base: number; vectors: Int32Array[] }>();
  const participants = new Map(
    ids.map((id) => [
      id,
      createParticipant({
        id,
        taskId: run.taskId,
        plan: run.plan,
        rng: ({ attempt }) => createSeededRng(`${id}/${attempt}`),
        contributor: {
          seconds: { gradients: 0, noise: 0 },
          nonFinite: 0,
          ownModel: (shared: Float32Array) => shared,
          contribute(_offered: Float32Array, rng: Rng, { attempt }: { attempt: number; round: number }) {
            const values = Float64Array.from({ length: plan.dimension }, () => rng.uint32() / 2 ** 32 / 20);
            const vector = createContributionEncoder({ ...plan, update: update as UpdatePlan }, { attempt }).encode(
              values,
              rng,
            );
            sent.get(attempt)?.vectors.push(vector.slice());
            return vector;
          },
        } as never,
      }),
    ]),
  );
  const hosts: Hosts = {
    deliver: async (to, bytes) => ({ replies: (await participants.get(to)?.receive(bytes)) ?? [] }),
    evaluate: () => Promise.resolve({ accuracy: 0, loss: 0 }),
    seconds: () => ({ gradients: 0, noise: 0, protocol: 0, evaluation: 0, setup: 0 }),
  };
  const folder = createRunFolder(mkdtempSync(join(base, 'run-')) + '/run');
  const log = await openRunLog(folder, { task: 'bars', clock: () => new Date(0) });
  const state = createModelState({ plan: run.plan, layers: run.layers, optimizer: undefined });
  const reports: AttemptReport[] = [];
  const cohorts = openCohorts({ plan: run.plan, ids, folder, log });
  await simulateTask({
    run,
    ids,
    state,
    hosts,
    assistants: undefined,
    ledger: undefined,
    chargedBefore: 0,
    cohorts,
    log,
    folder,
    faults: (attempt) => createSeededRng(`faults/${attempt}`),
    coordinatorRng: (attempt) => createSeededRng(`coordinator/${attempt}`),
    signal: new AbortController().signal,
    onAttempt: (report) => reports.push(report),
    onOpen: ({ attempt, round }) => sent.set(attempt, { base: round - 1, vectors: [] }),
  });
  folder.close();
  return { plan: run.plan, state, reports, sent, cohorts };
}

/** Where a model of zeros comes to, step by step, with a weight for every lateness. */
function follow(
  { quantizationScale, clipNorm, dimension }: TaskPlan,
  { reports, sent }: Pick<Awaited<ReturnType<typeof simulateWith>>, 'reports' | 'sent'>,
  weightOf: (staleness: number) => number,
): Float64Array {
  const model = new Float64Array(dimension);
  for (const [version, { attempt }] of reports.entries()) {
    const { base: offered, vectors } = sent.get(attempt) as { base: number; vectors: Int32Array[] };
    const factor = (weightOf(version - offered) * clipNorm) / quantizationScale / vectors.length;
    for (const vector of vectors) for (let i = 0; i < dimension; i += 1) model[i]! += factor * (vector[i] as number);
  }
  return model;
}

describe('cohorts that are open at once', () => {
  it('move the model by their mean, less the later they are', async () => {
    const { plan, state, reports, sent } = await simulateWith(taskOf(off, { rounds: 12 }));
    expect(reports.map(({ round }) => round)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    const lateness = reports.map(({ attempt }, version) => version - (sent.get(attempt)?.base ?? 0));
    expect(reports.map(({ staleness }) => staleness)).toEqual(lateness);
    expect(Math.max(...lateness)).toBeGreaterThan(2);
    const distance = (model: Float64Array): number =>
      Math.hypot(...state.parameters.map((value, i) => value - (model[i] as number)));
    expect(distance(follow(plan, { reports, sent }, (s) => 1 / Math.sqrt(1 + s)))).toBeLessThan(1e-6);
    // The same steps with any other weight end elsewhere: none at all, one too late, another exponent.
    for (const wrong of [() => 1, (s: number) => 1 / Math.sqrt(2 + s), (s: number) => 1 / (1 + s)]) {
      expect(distance(follow(plan, { reports, sent }, wrong))).toBeGreaterThan(1e-2);
    }
  });

  it('never share a member, and stay in bounds', async () => {
    const { reports, cohorts } = await simulateWith(taskOf(off));
    const spans = reports.map(({ virtualEndMs = 0, virtualMs }) => [virtualEndMs - virtualMs, virtualEndMs] as const);
    for (const [i, [from]] of spans.entries()) {
      const beside = reports.filter((_, j) => {
        const [start, end] = spans[j] as readonly [number, number];
        return j !== i && start <= from + 1 && end > from + 1;
      });
      const others = new Set(beside.flatMap(({ attempt }) => cohorts.of(attempt)));
      expect(cohorts.of(reports[i]?.attempt ?? 0).filter((who) => others.has(who))).toEqual([]);
      expect(spans.filter(([start, end]) => start <= from + 1 && end > from + 1).length).toBeLessThanOrEqual(3);
    }
    // Slow cohorts are passed: one after another the same task takes far longer.
    const ordered = await simulateWith(taskOf(off).replace(/ {2}buffered.*\n/, ''));
    const total = ordered.reports.reduce((sum, { virtualMs }) => sum + virtualMs, 0);
    expect(ordered.reports).toHaveLength(spans.length);
    expect(Math.max(...spans.map(([, end]) => end))).toBeLessThan(0.7 * total);
  });

  it('begin with whoever has heard of the end of its last one, while a slow member of it has not', async () => {
    // Of twelve ten are asked: a new cohort needs three of the one that has ended.
    const text = taskOf(off).replace('cohortSize: 4', 'cohortSize: 5').replace('concurrency: 3', 'concurrency: 2');
    const { reports, cohorts } = await simulateWith(text);
    const participants = Array.from({ length: PARTICIPANTS }, (_, i) => `p${i}`);
    const slowdown = drawStragglers(
      { participants, stragglers: { share: 0.25, slowdown: 8 } },
      createSeededRng('faults/0'),
    );
    // No message reaches a slow one in less than 8 · 20 ms.
    const early = reports.filter((next) => {
      const from = (next.virtualEndMs ?? 0) - next.virtualMs;
      return reports.some(({ attempt, virtualEndMs = 0 }) => {
        const ended = cohorts.of(attempt);
        const isSoon = virtualEndMs < from - 1 && from < virtualEndMs + 8 * 20 - 1;
        const isShared = cohorts.of(next.attempt).some((who) => ended.includes(who));
        return isSoon && isShared && ended.some((who) => slowdown(who) > 1);
      });
    });
    expect(early).not.toEqual([]);
  });

  const nobody = `privacyUnit: client
  trust: nobody
  aggregation: { kind: secagg, threshold: 3, dropoutFraction: 0.25, stageTimeoutMs: 30000 }
  maxCorrupt: 1
  maxParticipations: 12
  epsilon: 100
  delta: 1.0e-3`;
  const modes: readonly (readonly [string, string, number])[] = [
    ['nobody', nobody, 0.8],
    ['off', off, 0.95],
    [
      'local',
      nobody
        .replace('nobody', 'local')
        .replace(/ {2}maxCorrupt.*\n/, '')
        .replace(/epsilon.*\n.*/, 'epsilonPerRound: 300\n  deltaPerRound: 1.0e-3'),
      0.8,
    ],
    ['coordinator', nobody.replace('nobody', 'coordinator').replace(/ {2}maxCorrupt.*\n/, ''), 0.8],
    ['nobody, keys of a task', nobody.replace('kind: secagg', 'kind: secagg, setup: task'), 0.8],
    ['nobody, by shares', nobody.replace(/aggregation.*\n/, 'aggregation: { kind: shares }\n'), 0.8],
  ];
  it.each(modes)(
    'learn under trust %s, charged by memberships, in a run that verifies',
    async (name, privacy, least) => {
      const path = join(base, name.replaceAll(/\W/g, '-'));
      const text = taskOf(privacy, { simulation: '  dropoutRate: 0.02' });
      const reports: AttemptReport[] = [];
      const summary = await runTask({
        task: parseTaskFile(text, { path: 'task.yaml' }),
        taskFolder: base,
        folder: () => createRunFolder(path),
        workers: 1,
        signal: new AbortController().signal,
        events: { onAttempt: (report) => reports.push(report) },
      });
      expect(summary.rounds).toBe(24);
      expect(Math.max(...reports.map(({ staleness = 0 }) => staleness))).toBeGreaterThan(0);
      expect(Math.max(...reports.map(({ accuracy = 0 }) => accuracy))).toBeGreaterThan(least);
      const report = await auditRun(folderFiles(path), { derivePlan });
      expect(report.problems).toEqual([]);
      expect(report).toMatchObject({ ok: true, rounds: 24, receipts: PARTICIPANTS });
      // What people see of the folder is who was in which attempt, and not everybody in all of them.
      const shown = (await readRun(path).tracker('bars')).view();
      const cohorts = membershipsIn(path);
      const marked = shown.participants.map(({ id, history }) => [id, history.replaceAll('-', '').length]);
      expect(Object.fromEntries(marked)).toEqual(Object.fromEntries(cohorts));
      expect(shown.history.map(({ staleness }) => staleness)).toEqual(reports.map(({ staleness }) => staleness));
      if (name === 'off') return;
      expect(report.epsilon).toBe(summary.epsilon);
      const most = Math.max(...cohorts.values());
      // An opening record, and a reservation with its end for every membership that somebody reached first.
      expect(report.ledgerRecords).toBe(1 + 2 * most);
      expect(most).toBeLessThan(reports.length);
      expect(most).toBeLessThanOrEqual(12);
    },
  );
});

describe('a run that ended with cohorts open', () => {
  it('goes on with new ones, keeps their charges, and counts their members', async () => {
    const path = join(base, 'interrupted');
    const privacy = `privacyUnit: client
  trust: coordinator
  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 30000 }
  maxParticipations: 14
  epsilon: 100
  delta: 1.0e-3`;
    const task = parseTaskFile(taskOf(privacy, { rounds: 12 }), { path: 'task.yaml' });
    const common = { task, taskFolder: base, workers: 1, signal: new AbortController().signal };
    let ended = 0;
    const onAttempt = (): void => {
      ended += 1;
      if (ended === 5) throw new Error('the process dies here');
    };
    const first = runTask({ ...common, folder: () => createRunFolder(path), events: { onAttempt } });
    await expect(first).rejects.toThrow('dies here');
    const before = membershipsIn(path);
    const summary = await runTask({ ...common, folder: () => openRunFolder(path) });
    expect(summary).toMatchObject({ rounds: 12, ended: 'rounds-done' });
    // Of what was open nothing is repeated under its number, and none of its memberships is forgotten.
    expect(summary.attempts).toBeGreaterThan(12);
    const counts = membershipsIn(path);
    for (const [who, count] of before) expect(counts.get(who)).toBeGreaterThanOrEqual(count);
    const report = await auditRun(folderFiles(path), { derivePlan });
    expect(report.problems).toEqual([]);
    expect(report.attempts).toBe(summary.attempts);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(14);
    // The clock of the network goes on where the process died, and does not begin again.
    const ends = metricsIn(path).map(({ virtualEndMs = 0 }) => virtualEndMs);
    expect(ends).toHaveLength(12);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  });
});

describe('the page of a run that is under way', () => {
  it('knows everybody who may be asked, and not the members of one cohort alone', async () => {
    const task = parseTaskFile(taskOf(off), { path: 'task.yaml' });
    const page = await startRunPage({ task, port: 0 });
    page.events.onPlan?.(planRun(task, { inputShape: [1, 4, 4] }));
    const heads = (await (await fetch(`${page.url}api/tasks`)).json()) as readonly { readonly present: number }[];
    expect(heads.map(({ present }) => present)).toEqual([PARTICIPANTS]);
    await page.end();
  });
});

describe('a run with a seed', () => {
  it('is the same to the bit, whatever the number of workers', async () => {
    const text = taskOf(off, { rounds: 8, simulation: '  seed: again' });
    const task = parseTaskFile(text, { path: 'task.yaml' });
    const ran = await Promise.all(
      [1, 3].map(async (workers) => {
        const path = join(base, `seeded-${workers}`);
        const common = { task, taskFolder: base, signal: new AbortController().signal };
        await runTask({ ...common, workers, folder: () => createRunFolder(path) });
        // Workers add up their shares of the loss, so that its last bits depend on how many there are.
        const lines = metricsIn(path).map(({ seconds: _seconds, loss = 0, ...line }) => [line, loss.toFixed(12)]);
        return { lines, model: readFileSync(join(path, 'model.safetensors')).toString('hex') };
      }),
    );
    expect(JSON.stringify(ran[0]?.lines)).toMatch(/"staleness":[1-9]/);
    expect(ran[0]).toEqual(ran[1]);
  });
});

/** The lines of metrics of a run. */
function metricsIn(path: string): readonly AttemptReport[] {
  const lines = readFileSync(join(path, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as AttemptReport);
}

/** Memberships by participant, from the cohorts that the run wrote down. */
function membershipsIn(path: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(join(path, 'private', 'cohorts.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    for (const who of (JSON.parse(line) as { cohort: string[] }).cohort) counts.set(who, (counts.get(who) ?? 0) + 1);
  }
  return counts;
}
