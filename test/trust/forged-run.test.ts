/**
 * Runs of buffered rounds whose holder lies, in folders that are sound in every hash and signature: what is not true of
 * memberships and charges is found all the same.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { derivePlan } from '../../src/cli/derive-plan.ts';
import { folderFiles } from '../../src/cli/run-files.ts';
import { countsMemberships, createParticipations } from '../../src/federation/rounds/index.ts';
import { createRunFolder } from '../../src/runtime/storage/index.ts';
import { formatTaskFile, parseTaskFile } from '../../src/runtime/task/index.ts';
import {
  createModelState,
  LEDGER_NAME,
  openRunLog,
  openTaskLedger,
  planRun,
  recordRelease,
  recordStart,
} from '../../src/runtime/training/index.ts';
import { type AuditOptions, type AuditReport, auditRun } from '../../src/trust/log/index.ts';
import { bufferedTask } from '../harness/buffered.ts';
import { runSotto } from '../e2e/sotto.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-forged-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** What a cohort is, and what the holder of the run says of it. */
interface Told {
  readonly cohort: readonly string[];
  /** As many as there are, when left out. */
  readonly memberships?: number;
  /** As it must be, when left out. */
  readonly isCharged?: boolean;
}

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const [FIRST, SECOND] = [IDS.slice(0, 3), IDS.slice(3)];

/** Makes a run folder of attempts that follow one another, told as they are given. */
async function forge(
  attempts: readonly Told[],
  { text = bufferedTask(), ids = IDS }: { readonly text?: string; readonly ids?: readonly string[] } = {},
): Promise<string> {
  const task = parseTaskFile(text, { path: 'task.yaml' });
  const run = planRun(task, { inputShape: [6] });
  const { plan } = run;
  const path = join(mkdtempSync(join(base, 'run-')), 'run');
  const folder = createRunFolder(path);
  folder.write('task.resolved.yaml', formatTaskFile(task));
  const log = await openRunLog(folder, { task: task.task, clock: () => new Date() });
  const ledger = await openTaskLedger(
    { task, plan },
    { store: () => log.watch(folder.ledger(LEDGER_NAME), LEDGER_NAME) },
  );
  if (ledger === undefined || plan.event === undefined) throw new TypeError(text);
  const state = createModelState({ plan, layers: run.layers, optimizer: task.training.optimizer });
  const [terms] = ledger.terms;
  await recordStart(log, { run, mode: 'federated', state, terms, folder, data: {}, inputShape: [6] });
  const counted = createParticipations({ ids });
  for (const [i, { cohort, memberships, isCharged }] of attempts.entries()) {
    const attempt = i + 1;
    const isDue = isCharged ?? (!countsMemberships(plan) || counted.isCharged(cohort));
    const event = plan.event;
    const charge = isDue ? await ledger.reserve({ event, purpose: 'training', round: attempt, attempt }) : undefined;
    const most = counted.add(cohort);
    const told = memberships ?? (countsMemberships(plan) ? most : undefined);
    const { parameters } = state;
    const says = told === undefined ? {} : { memberships: told };
    await log.openRound({ attempt, round: attempt, cohort, parameters, ...says });
    const checkpoint = state.checkpoint();
    const ending = { attempt, round: attempt, contributors: cohort.length, dropouts: 0, parameters, checkpoint };
    log.closeRound({ ...ending, outcome: 'committed' });
    if (charge !== undefined) await ledger.commit(charge);
    folder.write('checkpoint.safetensors', checkpoint);
  }
  folder.write('model.safetensors', state.export({ task: task.task, rounds: '0' }));
  const cohortOf = (attempt: number): readonly string[] => attempts[attempt - 1]?.cohort ?? [];
  await recordRelease(log, { folder, state, ids, cohortOf });
  folder.close();
  return path;
}

const audit = (path: string, options: AuditOptions = {}): Promise<AuditReport> =>
  auditRun(folderFiles(path), { derivePlan, ...options });
/** What an auditor finds who was given no receipt. */
async function auditWithoutReceipts(path: string, receipts: AuditOptions['receipts'] = []): Promise<AuditReport> {
  const files = folderFiles(path);
  const listed = (await files.list())?.filter((name) => !name.startsWith('receipts/'));
  return auditRun({ list: () => Promise.resolve(listed), read: (name) => files.read(name) }, { derivePlan, receipts });
}
const receiptOf = (path: string, who: string): Uint8Array => readFileSync(join(path, 'receipts', `${who}.json`));

describe('memberships that are counted as they are', () => {
  it('verify, and cost what the most frequent member has', async () => {
    const path = await forge([{ cohort: FIRST }, { cohort: SECOND }, { cohort: ['a', 'd', 'e'] }]);
    const report = await audit(path);
    expect(report.problems).toEqual([]);
    // Two memberships, and an opening record: of three cohorts two were charged.
    expect(report).toMatchObject({ ok: true, rounds: 3, receipts: 6, ledgerRecords: 5 });
    // Nor does it matter that somebody is never called.
    const once = await audit(await forge([{ cohort: FIRST }]));
    expect(once.problems).toEqual([]);
    expect(report.epsilon).toBeGreaterThan(once.epsilon ?? 0);
  });
});

describe('memberships that the log leaves out', () => {
  // The second time that `a` is called is told as if it were the first, and not paid for.
  const lie = [{ cohort: FIRST }, { cohort: ['a', 'd', 'e'], memberships: 1, isCharged: false }];

  it('are found by the receipt of whoever was left out, and by nobody else', async () => {
    const path = await forge(lie);
    const { ok, problems } = await audit(path);
    expect(ok).toBe(false);
    expect(problems).toEqual([
      {
        code: 'verify/attempt-uncharged',
        file: 'receipts/a.json',
        detail: 'of a 2 memberships are proven at attempt 2, where the log counted 1',
      },
    ]);
    // The log alone holds: six memberships of six participants could be one of each.
    expect((await auditWithoutReceipts(path)).problems).toEqual([]);
    // One receipt that somebody took home is enough, and that of another says nothing.
    const others = await auditWithoutReceipts(path, [{ file: 'd.json', bytes: receiptOf(path, 'd') }]);
    expect(others.problems).toEqual([]);
    const found = await auditWithoutReceipts(path, [{ file: 'home/a.json', bytes: receiptOf(path, 'a') }]);
    expect(found.problems).toMatchObject([{ code: 'verify/attempt-uncharged', file: 'home/a.json' }]);
    expect(found.covered).not.toContain('home/a.json');
  });

  it('are found by sotto verify --receipt and by sotto log --check', async () => {
    const path = await forge(lie);
    const receipt = join(base, 'a.log-receipt.json');
    writeFileSync(receipt, receiptOf(path, 'a'));
    rmSync(join(path, 'receipts'), { recursive: true });
    expect((await runSotto('verify', path)).code).toBe(0);
    const { code, stdout } = await runSotto('verify', path, '--receipt', receipt);
    expect(code).toBe(1);
    expect(stdout).toMatch(/of a 2 memberships are proven at attempt 2, where the log counted 1/);
    const checked = await runSotto('log', '--check', receipt, '--key', join(path, 'log.vkey'));
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain('2 memberships are proven');
  });

  it('are found by the log alone once somebody must have more of them', async () => {
    const path = await forge([...lie, { cohort: ['b', 'c', 'f'], memberships: 1, isCharged: false }]);
    const { problems } = await auditWithoutReceipts(path);
    expect(problems).toMatchObject([
      { detail: expect.stringContaining('9 memberships of 6 participants are 2 of somebody, and 1 were counted') },
    ]);
  });

  it('do not hide in a task whose every attempt is charged', async () => {
    // The same task with one cohort after another, everybody in each.
    const text = bufferedTask({ participants: 3 })
      .replace('  buffered: { concurrency: 2 }\n', '')
      .replace(/ {2}maxParticipations.*\n/, '');
    const honest = await forge([{ cohort: FIRST }, { cohort: FIRST }], { text, ids: FIRST });
    expect((await audit(honest)).problems).toEqual([]);
    const path = await forge([{ cohort: FIRST, memberships: 1 }], { text, ids: FIRST });
    expect((await audit(path)).problems).toEqual([
      {
        code: 'verify/attempt-uncharged',
        file: 'task.resolved.yaml',
        detail: 'attempt 1 counts memberships, and every attempt of the task is charged',
      },
    ]);
  });
});
