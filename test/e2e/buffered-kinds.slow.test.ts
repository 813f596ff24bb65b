/** Buffered rounds of a served task, with everything that they go with: each trains, and is charged as it was counted. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { derivePlan } from '../../src/cli/derive-plan.ts';
import { createMemoryLedgerStore, verifyLedger } from '../../src/privacy/accounting/index.ts';
import type { AssistantServer } from '../../src/runtime/assistant-server/index.ts';
import { createLedgerTable, type OpenDatabase, openDatabase } from '../../src/runtime/storage/database/index.ts';
import { auditRun } from '../../src/trust/log/index.ts';
import { pinAssistants, startAssistant } from '../harness/assistants.ts';
import { bufferedTask } from '../harness/buffered.ts';
import { OPERATOR, startParticipant, startService, type TestService, URL_OF_SERVICE } from '../harness/service.ts';

const ROUNDS = 5;
const logSeed = new Uint8Array(32).fill(9);
let database: OpenDatabase;
let test: TestService;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
  test = await startService({ database, logSeed });
}, 60_000);
afterAll(async () => {
  await test.close();
  await database.close();
});
const listening: AssistantServer[] = [];
afterEach(async () => {
  await Promise.all(listening.splice(0).map((server) => server.close()));
});

/** Trains a task of six participants and checks what it leaves. @returns what the audit finds wrong. */
async function train(text: string): Promise<readonly unknown[]> {
  const before = test.reports.length;
  const task = await test.service.createTask(text);
  const { id } = task.status();
  const all = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => {
      const { token } = await test.service.invite(id);
      return startParticipant(name, {
        token,
        taskId: id,
        fetch: test.fetch,
        policy: { trust: ['nobody', 'local', 'coordinator', 'off'] },
        ledgerStore: createMemoryLedgerStore(),
      });
    }),
  );
  await Promise.all(all.map(({ finished }) => finished));
  expect(task.status()).toMatchObject({ state: 'finished', round: ROUNDS });
  const reports = test.reports.slice(before);
  expect(reports.map(({ outcome, round }) => [outcome, round])).toEqual(
    Array.from({ length: ROUNDS }, (_, i) => ['committed', i + 1]),
  );
  expect(reports.every(({ staleness }) => staleness !== undefined)).toBe(true);
  const rows = await database.db.selectFrom('attempts').select('cohort').where('task_id', '=', id).execute();
  const counts = new Map<string, number>();
  for (const who of rows.flatMap(({ cohort }) => JSON.parse(cohort) as string[]))
    counts.set(who, (counts.get(who) ?? 0) + 1);
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(3 * ROUNDS);
  if (task.run.plan.event !== undefined) {
    const { charges } = verifyLedger(await createLedgerTable(database.db, id).read());
    expect(charges).toHaveLength(Math.max(...counts.values()));
    for (const { events, ledgerStore } of all) {
      const [who = ''] = events.flatMap((event) => (event.kind === 'joined' ? [event.participant] : []));
      expect(verifyLedger(await ledgerStore.read()).charges).toHaveLength(counts.get(who) ?? 0);
    }
  }
  const report = await auditRun(
    {
      list: () => Promise.resolve(undefined),
      async read(name) {
        const headers = { authorization: `Bearer ${OPERATOR}` };
        const response = await test.fetch(`${URL_OF_SERVICE}/v1/tasks/${id}/${name}`, { headers });
        return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
      },
    },
    { derivePlan },
  );
  return report.problems;
}

/** A task with another privacy section, and more under `training`. */
function taskOf(name: string, { privacy, training = [] }: { privacy?: string; training?: readonly string[] }): string {
  const text = bufferedTask({ name: name.replaceAll(/[^a-z]+/gi, '-').slice(0, 60), rounds: ROUNDS });
  const more = training.map((line) => `  ${line}\n`).join('');
  const [head = '', rest = ''] = text.split('privacy:\n');
  const section = privacy ?? rest.slice(0, rest.indexOf('service:'));
  return `${head}${more}privacy:\n${section}${rest.slice(rest.indexOf('service:'))}`;
}

const client = '  privacyUnit: client\n';
const total = '  maxParticipations: 8\n  epsilon: 10\n  delta: 1.0e-5\n';
const clear = (combine = 'sum'): string =>
  `  aggregation: { kind: clear, combine: { kind: ${combine} }, stageTimeoutMs: 4000 }\n`;
const masks = (more = ''): string => `  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 4000${more} }\n`;
const local = (aggregation: string): string =>
  `${client}  trust: local\n${aggregation}  maxParticipations: 8\n  epsilonPerRound: 1\n  deltaPerRound: 1.0e-6\n`;
const central = (aggregation: string): string => `${client}  trust: coordinator\n${aggregation}${total}`;
const nobody = (aggregation: string): string => `${client}  trust: nobody\n  maxCorrupt: 1\n${aggregation}${total}`;

describe('buffered rounds go with', () => {
  it.each<[string, Parameters<typeof taskOf>[1]]>([
    ['keys of the whole task', { privacy: nobody(masks(', setup: task')) }],
    ['trust local in the clear', { privacy: local(clear()) }],
    ['trust local under masks', { privacy: local(masks()) }],
    ['trust coordinator in the clear', { privacy: central(clear()) }],
    ['trust coordinator under masks', { privacy: central(masks()) }],
    ['a bound on every contribution', { privacy: central(clear('normBound')) }],
    ['a median of local contributions', { privacy: local(clear('median')) }],
    ['a median without privacy', { privacy: `  trust: off\n${clear('median')}` }],
    [
      'the largest coordinates alone',
      { privacy: central(clear()), training: ['compression: { kind: topK, share: 0.5 }'] },
    ],
    ['quantization', { training: ['compression: { kind: quantization, bits: 8 }'] }],
    ['private weights', { training: ['weights: { kind: private, maxExamples: 40 }'] }],
    ['adaptive strategies', { training: ['strategy: { kind: fedAdam }'] }],
  ])('%s', async (name, parts) => expect(await train(taskOf(name, parts))).toEqual([]), 60_000);

  it.each(['shares', 'homomorphic'] as const)(
    'a sum by %s',
    async (kind) => {
      const text = taskOf(kind, {});
      const names = kind === 'shares' ? ['north', 'south'] : ['holder'];
      const assisted = await pinAssistants({ name: kind, text, stageTimeoutMs: 8000 }, { kind, names });
      for (const name of names) listening.push(await startAssistant(assisted, name));
      expect(await train(assisted.text)).toEqual([]);
    },
    90_000,
  );
});
