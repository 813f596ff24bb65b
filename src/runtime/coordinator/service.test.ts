import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  OPERATOR,
  smallTask,
  startParticipant,
  startService,
  type TestParticipant,
  type TestService,
  until,
  URL_OF_SERVICE,
} from '../../../test/harness/service.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../foundations/random/index.ts';
import { signRequest } from '../../federation/wire/index.ts';
import { verifyLedger } from '../../privacy/accounting/index.ts';

let test: TestService;
beforeAll(async () => {
  test = await startService();
}, 60_000);
afterAll(() => test.close());

const operator = { authorization: `Bearer ${OPERATOR}` };

async function problemOf(response: Response): Promise<{ type: string; status: number }> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as { type: string; status: number };
}

async function joinAll(
  taskId: string,
  names: readonly string[],
  options: (name: string) => Partial<Parameters<typeof startParticipant>[1]> = () => ({}),
): Promise<TestParticipant[]> {
  return Promise.all(
    names.map(async (name) => {
      const { token } = await test.service.invite(taskId);
      return startParticipant(name, { taskId, token, fetch: test.fetch, ...options(name) });
    }),
  );
}

describe('a served task', () => {
  it('trains with participants over HTTP, charges both ledgers alike, and ends', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 3 }));
    const { id } = task.status();
    const participants = await joinAll(id, ['a', 'b', 'c', 'd']);
    await Promise.all(participants.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 3 });
    expect(
      test.reports.filter(({ outcome }) => outcome === 'committed').map(({ contributors }) => contributors),
    ).toEqual([4, 4, 4]);
    for (const { ledgerStore, events } of participants) {
      const { charges } = verifyLedger(await ledgerStore.read());
      expect(charges.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      expect(events.at(-1)).toEqual({ kind: 'ended', state: 'finished' });
    }
    expect((await test.objects.list(`tasks/${id}/attempts/`)).length).toBe(0);
    const model = await test.fetch(`${URL_OF_SERVICE}/v1/tasks/${id}/model`, { headers: operator });
    expect((await model.arrayBuffer()).byteLength).toBeGreaterThan(14 * 4);
  });

  it.each([0, 1, 2, 3])('is not held up by a participant that is gone after %i answers', async (answers) => {
    const task = await test.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 250 }));
    const { id } = task.status();
    let sent = 0;
    const participants = await joinAll(id, ['a', 'b', 'c', 'gone'], (name) =>
      name !== 'gone'
        ? {}
        : {
            fetch: (input, init) => {
              if ((input as URL).pathname.endsWith('/messages') && (sent += 1) > answers) return new Promise(() => {});
              return test.fetch(input, init);
            },
          },
    );
    await Promise.all(participants.slice(0, 3).map(({ finished }) => finished));
    expect(task.status().state).toBe('finished');
    participants[3]?.leave();
  });

  it('says after a restart what it said before of accuracy and dropouts', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 2, stageTimeoutMs: 250 }));
    const { id } = task.status();
    let isGone = false;
    const participants = await joinAll(id, ['a', 'b', 'c', 'gone'], (name) =>
      name !== 'gone'
        ? {}
        : {
            fetch: (input, init) => {
              isGone ||= (input as URL).pathname.endsWith('/messages');
              return isGone ? new Promise(() => {}) : test.fetch(input, init);
            },
          },
    );
    await Promise.all(participants.slice(0, 3).map(({ finished }) => finished));
    participants[3]?.leave();
    const { dropouts } = task.status();
    expect(dropouts).toBeGreaterThan(0);
    const { db } = test.database;
    const row = await db
      .selectFrom('metrics')
      .select(['attempt', 'report'])
      .where('task_id', '=', id)
      .orderBy('attempt')
      .executeTakeFirstOrThrow();
    await db
      .updateTable('metrics')
      .set({ report: JSON.stringify({ ...(JSON.parse(row.report) as object), accuracy: 0.75 }) })
      .where('task_id', '=', id)
      .where('attempt', '=', row.attempt)
      .execute();
    const again = await startService({ database: test.database, objects: test.objects });
    try {
      const status = again.service.tasks().map((each) => each.status());
      expect(status.find((each) => each.id === id)).toMatchObject({
        state: 'finished',
        round: 2,
        accuracy: 0.75,
        dropouts,
      });
    } finally {
      await again.close();
    }
  });

  it('recognises a participant that comes back by its key, without a second invitation', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 1 }));
    const { id } = task.status();
    const keySeed = readEntropy(32);
    const { token } = await test.service.invite(id);
    const first = startParticipant('a', { taskId: id, token, fetch: test.fetch, keySeed });
    await until(() => first.events.some(({ kind }) => kind === 'joined'));
    first.leave();
    await first.finished;
    const again = startParticipant('a', { taskId: id, token: '', fetch: test.fetch, keySeed });
    const others = await joinAll(id, ['b', 'c', 'd']);
    await Promise.all([again, ...others].map(({ finished }) => finished));
    expect(task.status().state).toBe('finished');
  });

  it('is refused by a participant whose policy it does not meet, before any data is touched', async () => {
    const task = await test.service.createTask(smallTask());
    const { id } = task.status();
    const { token } = await test.service.invite(id);
    const strict = startParticipant('s', {
      taskId: id,
      token,
      fetch: test.fetch,
      policy: { maxEpsilon: 1, trust: ['nobody'] },
    });
    await expect(strict.finished).rejects.toMatchObject({
      code: 'client/policy-refused',
      details: { field: 'maxEpsilon' },
    });
    expect(verifyLedger(await strict.ledgerStore.read()).charges).toEqual([]);
  });

  it('opens no round, and charges none, with somebody whose policy or data ended the way in', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 250 }));
    const { id } = task.status();
    const keySeed = readEntropy(32);
    const { token } = await test.service.invite(id);
    const before = test.reports.length;
    const way = { taskId: id, token, fetch: test.fetch, keySeed };
    const strict = startParticipant('d', { ...way, policy: { maxEpsilon: 1, trust: ['nobody'] } });
    await expect(strict.finished).rejects.toMatchObject({ code: 'client/policy-refused' });
    const torn = startParticipant('d', { ...way, dataset: () => Promise.reject(new Error('torn')) });
    await expect(torn.finished).rejects.toThrow('torn');
    const others = await joinAll(id, ['a', 'b', 'c']);
    await until(() => others.every(({ events }) => events.some(({ kind }) => kind === 'joined')));
    expect(task.status().participants).toBe(3);
    const again = startParticipant('d', { ...way, token: '' });
    await Promise.all([again, ...others].map(({ finished }) => finished));
    expect(test.reports.slice(before).map(({ outcome }) => outcome)).toEqual(['committed']);
  });
});

describe('the interface', () => {
  it('lets an anonymous caller create, read and stop nothing', async () => {
    const task = await test.service.createTask(smallTask());
    const { id } = task.status();
    const calls: [string, string][] = [
      ['GET', '/v1/tasks'],
      ['POST', '/v1/tasks'],
      ['GET', `/v1/tasks/${id}`],
      ['POST', `/v1/tasks/${id}/stop`],
      ['POST', `/v1/tasks/${id}/pause`],
      ['POST', `/v1/tasks/${id}/tokens`],
      ['GET', `/v1/tasks/${id}/model`],
      ['GET', `/v1/tasks/${id}/metrics`],
      ['GET', `/v1/tasks/${id}/mail`],
      ['POST', `/v1/tasks/${id}/messages`],
      ['GET', '/metrics'],
      ['POST', '/v1/shutdown'],
    ];
    for (const [method, path] of calls) {
      for (const authorization of ['', 'Bearer wrong-wrong', 'Sotto-Ed25519 nonsense']) {
        const body =
          method === 'POST'
            ? { body: 'x', headers: { authorization, 'content-type': 'application/yaml' } }
            : { headers: { authorization } };
        const response = await test.fetch(`${URL_OF_SERVICE}${path}`, { method, ...body });
        expect(response.status, `${method} ${path} ${authorization}`).toBe(401);
        await problemOf(response);
      }
    }
    expect(task.status().state).toBe('running');
  });

  it('shows what an invitation is to without spending it, and nothing to anybody else', async () => {
    const { id } = (await test.service.createTask(smallTask({ rounds: 1 }))).status();
    const { token } = await test.service.invite(id);
    const look = (headers: Record<string, string>) =>
      test.fetch(`${URL_OF_SERVICE}/v1/tasks/${id}/invitation`, { headers });
    for (let i = 0; i < 2; i += 1) {
      const shown = (await (await look({ 'sotto-invitation': token })).json()) as Record<string, unknown>;
      expect(Object.keys(shown).toSorted()).toEqual(['inputShape', 'planDigest', 'protocolVersion', 'task']);
    }
    const forged = await look({ 'sotto-invitation': '0'.repeat(32) });
    expect(await problemOf(forged)).toMatchObject({ type: 'coordinator/token-refused' });
    expect((await look({})).ok).toBe(false);
  });

  it('refuses an invitation that was used, and a request that was sent before', async () => {
    const task = await test.service.createTask(smallTask());
    const { id } = task.status();
    const { token } = await test.service.invite(id);
    const path = `/v1/tasks/${id}/participants`;
    const joinAs = (seed: Uint8Array): RequestInit => {
      const body = new TextEncoder().encode(JSON.stringify({ label: '<b>x</b>', token, protocolVersions: [1] }));
      const authorization = signRequest(
        { method: 'POST', path, body },
        { key: createSigningKey(seed), timeMs: Date.now() },
        createSystemRng(),
      );
      return { method: 'POST', body, headers: { authorization, 'content-type': 'application/json' } };
    };
    const first = joinAs(readEntropy(32));
    expect((await test.fetch(`${URL_OF_SERVICE}${path}`, first)).status).toBe(200);
    expect(await problemOf(await test.fetch(`${URL_OF_SERVICE}${path}`, first))).toMatchObject({
      type: 'coordinator/stale-request',
    });
    expect(await problemOf(await test.fetch(`${URL_OF_SERVICE}${path}`, joinAs(readEntropy(32))))).toMatchObject({
      type: 'coordinator/token-refused',
    });
  });

  it('refuses a request from another time, and one whose body was changed', async () => {
    const task = await test.service.createTask(smallTask());
    const { id } = task.status();
    const path = `/v1/tasks/${id}/messages`;
    const key = createSigningKey(readEntropy(32));
    const { token } = await test.service.invite(id);
    await test.service.registry.enrol(id, { identityKey: key.publicKey, label: 'm', token });
    const body = Uint8Array.of(1, 2, 3);
    const sign = (timeMs: number): string =>
      signRequest({ method: 'POST', path, body }, { key, timeMs }, createSystemRng());
    const late = await test.fetch(`${URL_OF_SERVICE}${path}`, {
      method: 'POST',
      body,
      headers: { authorization: sign(Date.now() - 3_600_000) },
    });
    expect(await problemOf(late)).toMatchObject({ type: 'coordinator/stale-request' });
    const changed = await test.fetch(`${URL_OF_SERVICE}${path}`, {
      method: 'POST',
      body: Uint8Array.of(1, 2, 4),
      headers: { authorization: sign(Date.now()) },
    });
    expect(await problemOf(changed)).toMatchObject({ type: 'wire/signature-refused' });
  });

  it('answers a task file that is wrong with its problems, and creates nothing', async () => {
    const before = test.service.tasks().length;
    const response = await test.fetch(`${URL_OF_SERVICE}/v1/tasks`, {
      method: 'POST',
      body: smallTask().replace('epsilon: 8', 'epsilon: -8'),
      headers: { ...operator, 'content-type': 'application/yaml' },
    });
    const problem = (await response.json()) as { type: string; detail: string };
    expect(problem).toMatchObject({ type: 'task/file' });
    expect(problem.detail).toMatch(/privacy\.epsilon/);
    expect(test.service.tasks().length).toBe(before);
  });

  it('sends whoever asks for mail away for a while once it is put down, and ends who waits', async () => {
    const own = await startService();
    const task = await own.service.createTask(smallTask());
    const patient = task.mail('p-nobody', 0, { timeoutMs: 60_000 });
    await task.close();
    expect(await patient).toEqual([]);
    await expect(task.mail('p-nobody', 0, { timeoutMs: 0 })).rejects.toMatchObject({
      code: 'coordinator/unavailable',
      retryable: true,
    });
    await own.close();
  });

  it('describes itself, and isolates every page of its origin', async () => {
    const response = await test.fetch(`${URL_OF_SERVICE}/openapi.json`);
    const document = (await response.json()) as { openapi: string; paths: Record<string, unknown> };
    expect(document.openapi).toBe('3.1.0');
    for (const path of [
      '',
      '/mail',
      '/events',
      '/messages',
      '/attestation',
      '/leave',
      '/model',
      '/metrics',
      '/participants',
    ]) {
      expect(Object.keys(document.paths)).toContain(`/v1/tasks/{task}${path}`);
    }
    for (const header of [
      'cross-origin-opener-policy',
      'cross-origin-embedder-policy',
      'cross-origin-resource-policy',
      'content-security-policy',
    ]) {
      expect(response.headers.get(header), header).not.toBeNull();
    }
  });
});
