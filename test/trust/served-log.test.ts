/** The log of a served task: everything a round does is in it, a restart goes on with it, and participants prove theirs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keepLogReceipt } from '../../src/cli/log-receipt.ts';
import { derivePlan } from '../../src/cli/derive-plan.ts';
import { signRequest } from '../../src/federation/wire/index.ts';
import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../src/foundations/random/index.ts';
import { openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import {
  auditRun,
  createLogReader,
  decodeLeaf,
  parseLogProof,
  parseReceipt,
  parseVerifierKey,
  type RunFiles,
  verifyLogProof,
  verifyReceipt,
} from '../../src/trust/log/index.ts';
import {
  OPERATOR,
  smallTask,
  startParticipant,
  startService,
  type TestService,
  until,
  URL_OF_SERVICE,
} from '../harness/service.ts';

const logSeed = new Uint8Array(32).fill(3);
const objects = createMemoryObjectStore();
let database: OpenDatabase;
let test: TestService;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
  test = await startService({ database, objects, logSeed });
}, 60_000);
afterAll(async () => {
  await test.close();
  await database.close();
});

const filesOf = (
  task: string,
  headers: Record<string, string> = { authorization: `Bearer ${OPERATOR}` },
): RunFiles => ({
  list: () => Promise.resolve(undefined),
  async read(name) {
    const response = await test.fetch(`${URL_OF_SERVICE}/v1/tasks/${task}/${name}`, { headers });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  },
});

async function readAll(task: string): Promise<{ entries: readonly string[]; size: number }> {
  const note = new TextDecoder().decode(await filesOf(task).read('log/checkpoint'));
  const size = Number(note.split('\n')[1]);
  const reader = createLogReader({ read: (path) => filesOf(task).read(`log/${path}`) }, size);
  const entries: string[] = [];
  for await (const entry of reader.entries(0, size)) entries.push(new TextDecoder().decode(entry));
  return { entries, size };
}

async function train(
  taskId: string,
  names: readonly string[],
  seeds: ReadonlyMap<string, Uint8Array>,
): Promise<() => Promise<void>> {
  const participants = await Promise.all(
    names.map(async (name) => {
      const { token } = await test.service.invite(taskId);
      return startParticipant(name, { taskId, token, fetch: test.fetch, keySeed: seeds.get(name) as Uint8Array });
    }),
  );
  return async () => {
    for (const each of participants) each.leave();
    await Promise.all(participants.map(({ finished }) => finished.catch(() => {})));
  };
}

describe('the log of a served task', () => {
  it('tells its whole story over a restart, and verifies from the address alone', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 4 }));
    const { id } = task.status();
    const names = ['a', 'b', 'c', 'd'];
    const seeds = new Map(names.map((name) => [name, readEntropy(32)]));
    const leave = await train(id, names, seeds);
    await until(() => task.status().round >= 2);
    await leave();
    await test.service.close();
    test = await startService({ database, objects, logSeed });
    const again = await train(id, names, seeds);
    await until(() => test.service.task(id).status().state === 'finished');
    await again();
    await test.service.close(); // What the last round still writes is written.

    const report = await auditRun(filesOf(id), { derivePlan });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ ok: true, rounds: 4, delta: 1e-5 });
    expect(report.epsilon).toBeCloseTo(test.service.task(id).status().epsilon ?? 0, 9);
    expect(report.attempts).toBeGreaterThanOrEqual(4);
    expect(report.notes.join()).toContain('the key came with the run');
    const leaves = new TextDecoder().decode(await filesOf(id).read(`log/tile/entries/000.p/${report.leaves}`));
    for (const kind of ['administrative', 'resumed', 'release', 'round-closed', 'evaluation']) {
      expect(leaves).toContain(`"kind":"${kind}"`);
    }
    expect(leaves).not.toMatch(/"p-[0-9a-f]{16}"|operator/);
    test = await startService({ database, objects, logSeed });
  }, 60_000);

  it('is closed to strangers, and gives a participant the proofs of its own rounds', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 2 }));
    const { id } = task.status();
    const names = ['a', 'b', 'c', 'd'];
    const seeds = new Map(names.map((name) => [name, readEntropy(32)]));
    const leave = await train(id, names, seeds);
    await until(() => task.status().state === 'finished');
    expect(await filesOf(id, {}).read('log/checkpoint')).toBeUndefined();
    const mallory = { subject: 'mallory' };
    const asked = { action: 'model.download', resource: { kind: 'task', id } } as const;
    await expect(test.service.record.access.assert(mallory, asked)).rejects.toMatchObject({ code: 'access/denied' });
    const { entries, size } = await readAll(id);
    expect(entries.at(-1)).toContain('"action":"model.download"');
    expect(entries.at(-1)).toContain('"decision":"denied"');
    expect(entries.join()).not.toContain('mallory');
    expect(size).toBe(entries.length);
    const key = createSigningKey(seeds.get('b') as Uint8Array);
    const path = `/v1/tasks/${id}/receipt`;
    const authorization = signRequest(
      { method: 'GET', path, body: new Uint8Array() },
      { key, timeMs: Date.now() },
      createSystemRng(),
    );
    const response = await test.fetch(`${URL_OF_SERVICE}${path}`, { headers: { authorization } });
    const receipt = parseReceipt(new Uint8Array(await response.arrayBuffer()));
    const vkey = new TextDecoder().decode(await filesOf(id).read('log.vkey')).trim();
    const { rounds } = verifyReceipt(receipt, { verifiers: [parseVerifierKey(vkey)] });
    expect(rounds.map(({ round }) => round)).toEqual([1, 2]);
    const home = mkdtempSync(join(tmpdir(), 'sotto-home-'));
    const kept = { receipt: join(home, 'receipt.json'), logKey: join(home, 'log.vkey') };
    const known = rounds.map(({ attempt, modelDigest }) => ({ attempt, modelDigest }));
    const taken = { url: URL_OF_SERVICE, taskId: id, key, files: kept, known, fetch: test.fetch };
    expect(await keepLogReceipt(taken)).toContain('2 rounds proven');
    // What a participant did and was offered is held against what the log says of it.
    const more = [...known, { attempt: 9 }];
    expect(await keepLogReceipt({ ...taken, known: more })).toMatch(/NOT TRUE: attempt 9 took place, and the receipt/);
    const other = known.with(1, { attempt: known[1]?.attempt ?? 0, modelDigest: '0'.repeat(64) });
    expect(await keepLogReceipt({ ...taken, known: other })).toMatch(/NOT TRUE: attempt \d was offered another model/);
    writeFileSync(kept.logKey, readFileSync(kept.logKey, 'utf8').replace(/\/points-/, '/others-'));
    expect(await keepLogReceipt(taken)).toContain('id is not that of its key');
    rmSync(home, { recursive: true });
    await leave();
  }, 60_000);

  it('has a log of the installation beside it: every decision and act, by commitment, for auditors alone', async () => {
    const files: RunFiles = {
      list: () => Promise.resolve(undefined),
      async read(name) {
        const headers = { authorization: `Bearer ${OPERATOR}` };
        const response = await test.fetch(`${URL_OF_SERVICE}/v1/${name}`, { headers });
        return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
      },
    };
    const { access } = test.service.record;
    await access.bootstrap('local:olga', ['owner']);
    const olga = { subject: 'local:olga' };
    await access.grant(olga, { subject: 'local:oskar', role: 'operator', scope: { kind: 'everything' } });
    const { id } = (await test.service.createTask(smallTask(), 'local:oskar')).status();
    const digest = 'ab'.repeat(32);
    const release = await access.propose({ subject: 'local:oskar' }, { model: id, digest });
    await access.approve(olga, { release: release.id, digest });
    await expect(access.authenticate('sotto_0123456789abcdef_nonsense')).rejects.toMatchObject({
      code: 'access/token-invalid',
    });
    const report = await auditRun(files, { derivePlan });
    expect([report.ok, report.problems, report.task, report.epsilon]).toEqual([true, [], null, null]);
    const reader = createLogReader({ read: (path) => files.read(`log/${path}`) }, report.leaves);
    const told: string[] = [];
    for await (const entry of reader.entries(0, report.leaves)) {
      const text = new TextDecoder().decode(entry);
      expect(text).not.toMatch(/olga|oskar|local:/);
      const leaf = JSON.parse(text) as Record<string, string>;
      told.push([leaf['kind'], leaf['action'], leaf['decision'] ?? leaf['detail'], leaf['reason'] ?? ''].join(' '));
    }
    expect(told[0]).toMatch(/^installation/);
    for (const line of [
      'access access.grant allowed granted',
      'access model.propose allowed granted',
      'access model.release allowed granted',
      'access token.issue denied token-invalid',
      'administrative create  ',
    ]) {
      expect([line, told.includes(line)]).toEqual([line, true]);
    }
    // The decision about the model stands in the log of its task too.
    const { entries } = await readAll(id);
    expect(entries.join()).toContain('"action":"model.release"');
    // What a crash kept from the log is caught up with, once.
    await database.db
      .insertInto('audit_events')
      .values({
        at: new Date(),
        actor: 'local:olga',
        action: 'grant',
        subject: 'local:eve',
        detail: 'viewer over everything',
      })
      .execute();
    await test.service.close();
    test = await startService({ database, objects, logSeed });
    const after = await auditRun(files, { derivePlan });
    expect(after).toMatchObject({ ok: true, problems: [] });
    await test.service.close();
    test = await startService({ database, objects, logSeed });
    const all = createLogReader({ read: (path) => files.read(`log/${path}`) }, after.leaves);
    let granted = 0;
    for await (const entry of all.entries(0, after.leaves)) {
      if (new TextDecoder().decode(entry).includes('"detail":"viewer over everything"')) granted += 1;
    }
    expect(granted).toBe(1);
    const stranger = await test.fetch(`${URL_OF_SERVICE}/v1/log/checkpoint`);
    expect(stranger.status).toBe(401);
  }, 60_000);

  it('erases a participant: its receipt says so, nothing links to it, and the others’ proofs still hold', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 2 }));
    const { id } = task.status();
    const names = ['a', 'b', 'c', 'd'];
    const seeds = new Map(names.map((name) => [name, readEntropy(32)]));
    const leave = await train(id, names, seeds);
    await until(() => task.status().state === 'finished');
    await leave();
    const { db } = database;
    const people = await db.selectFrom('participants').select(['id', 'label']).where('task_id', '=', id).execute();
    const gone = people.find(({ label }) => label === 'a')?.id ?? '';
    const stays = people.find(({ label }) => label === 'b')?.id ?? '';
    await expect(test.service.erase(id, 'p-nobody', 'local:olga')).rejects.toMatchObject({
      code: 'coordinator/unknown-participant',
    });
    const receipt = await test.service.erase(id, gone, 'local:olga');
    const vkey = new TextDecoder().decode(await filesOf(id).read('log.vkey')).trim();
    const verifiers = [parseVerifierKey(vkey)];
    const proof = parseLogProof(receipt);
    verifyLogProof(proof, proof.extra ?? new Uint8Array(), { verifiers });
    const leaf = decodeLeaf(proof.extra ?? new Uint8Array());
    expect(leaf).toMatchObject({ kind: 'erasure', method: 'crypto-shredding' });
    expect(JSON.stringify(leaf)).not.toContain(gone);
    for (const table of ['attempts', 'participants'] as const) {
      expect(JSON.stringify(await db.selectFrom(table).selectAll().execute())).not.toContain(gone);
    }
    const salts = await objects.list(`tasks/${id}/private/salts/`);
    const kept = await Promise.all(salts.map((key) => objects.get(key)));
    expect(kept.filter(({ length }) => length !== 32)).toHaveLength(1);
    await expect(test.service.receipt(id, gone)).rejects.toMatchObject({ code: 'storage/not-found' });
    await expect(test.service.erase(id, gone, 'local:olga')).rejects.toMatchObject({
      code: 'coordinator/unknown-participant',
    });
    const other = await test.service.receipt(id, stays);
    expect(verifyReceipt(parseReceipt(other ?? new Uint8Array()), { verifiers }).rounds).toHaveLength(2);
    expect(await auditRun(filesOf(id), { derivePlan })).toMatchObject({ ok: true, problems: [] });
    // What was erased does not come back with its key.
    const again = startParticipant('a', {
      taskId: id,
      token: 'used',
      fetch: test.fetch,
      keySeed: seeds.get('a') as Uint8Array,
    });
    await expect(again.finished).rejects.toThrow();
  }, 60_000);
});
