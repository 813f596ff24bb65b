/**
 * Served tasks whose sums are formed by parties beside the coordinator, each behind an address of its own: they train, go
 * on after a restart, and open nothing twice.
 */
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { encodeRequest, sealShares } from '../../src/federation/assistants/index.ts';
import { sharedSumOf } from '../../src/federation/rounds/index.ts';
import { participantIdOf } from '../../src/federation/wire/index.ts';
import { createSigningKey, fromHex } from '../../src/foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../src/foundations/random/index.ts';
import { decodeParts } from '../../src/federation/assistants/index.ts';
import type { AssistantServer } from '../../src/runtime/assistant-server/index.ts';
import { type AssistedTask, assistedText, pinAssistants, startAssistant } from '../harness/assistants.ts';
import { startParticipant, startService, type TestParticipant, type TestService } from '../harness/service.ts';

let test: TestService;
const listening: AssistantServer[] = [];
beforeAll(async () => {
  test = await startService();
}, 60_000);
afterEach(async () => {
  await Promise.all(listening.splice(0).map((server) => server.close()));
});
afterAll(() => test.close());

async function start(...told: Parameters<typeof startAssistant>): Promise<AssistantServer> {
  const server = await startAssistant(...told);
  listening.push(server);
  return server;
}

async function joinAll(
  taskId: string,
  seeds = Array.from({ length: 3 }, () => readEntropy(32)),
): Promise<TestParticipant[]> {
  return Promise.all(
    seeds.map(async (keySeed, i) => {
      const { token } = await test.service.invite(taskId);
      return startParticipant(`participant ${i}`, { taskId, token, fetch: test.fetch, keySeed, policy });
    }),
  );
}
const policy = { trust: ['nobody' as const], maxEpsilon: 10 };

describe('a served task by aggregation servers', () => {
  it('trains, and goes on when a server has started again', async () => {
    const assisted = await pinAssistants(
      { name: 'by-shares', rounds: 3 },
      { kind: 'shares', names: ['north', 'south'] },
    );
    // One server has a roster of its own, the other takes the coordinator's word.
    const seeds = Array.from({ length: 3 }, () => readEntropy(32));
    const keys = seeds.map((seed) => createSigningKey(seed).publicKey);
    const roster = new Map(keys.map((key) => [participantIdOf(key), key]));
    const [north] = await Promise.all([start(assisted, 'north'), start(assisted, 'south', roster)]);
    const task = await test.service.createTask(assisted.text);
    const all = await joinAll(task.status().id, seeds);
    await expect.poll(() => task.status().round, { timeout: 10_000 }).toBeGreaterThan(0);
    await north?.close();
    await start(assisted, 'north');
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 3 });
    for (const { events } of all)
      expect(events.filter((event) => event.kind === 'round' && event.outcome === 'committed').length).toBe(3);
    const answered = readFileSync(join(assisted.home, 'south.answered'), 'utf8').trim().split('\n');
    expect(answered.length).toBeGreaterThanOrEqual(3);
  });

  it('gives no sum when a server does not know a contributor', async () => {
    const assisted = await pinAssistants({ name: 'invented' }, { kind: 'shares', names: ['north', 'south'] });
    const seeds = Array.from({ length: 3 }, () => readEntropy(32));
    const keys = seeds.slice(1).map((seed) => createSigningKey(seed).publicKey);
    await start(assisted, 'north');
    await start(assisted, 'south', new Map(keys.map((key) => [participantIdOf(key), key])));
    const task = await test.service.createTask(assisted.text);
    const before = test.reports.length;
    const all = await joinAll(task.status().id, seeds);
    // A task that was stopped before may still say how its last attempt ended.
    const reasons = () => test.reports.slice(before).map(({ reason }) => reason ?? '');
    await expect
      .poll(reasons, { timeout: 10_000 })
      .toContainEqual(expect.stringMatching(/south refused: p-[0-9a-f]{16}: not on the roster/));
    await task.stop();
    await Promise.all(all.map(({ finished }) => finished));
    expect(test.reports.slice(before).map(({ outcome }) => outcome)).not.toContain('committed');
  });

  it('is refused without addresses and keys, and says what to do', async () => {
    const unpinned = assistedText({ name: 'unpinned' }, 'kind: shares, servers: [{ name: north }, { name: south }]');
    await expect(test.service.createTask(unpinned)).rejects.toThrow(
      /north.*sotto party assist TASK --name NAME --print-key/,
    );
    const { text } = await pinAssistants({ name: 'nowhere' }, { kind: 'shares', names: ['north', 'south'] });
    await expect(test.service.createTask(text.replaceAll(/, url: '[^']*'/g, ''))).rejects.toThrow(/address of north/);
  });

  it('is left by a participant whose policy believes other servers', async () => {
    const assisted = await pinAssistants({ name: 'strangers' }, { kind: 'shares', names: ['north', 'south'] });
    const task = await test.service.createTask(assisted.text);
    const { token } = await test.service.invite(task.status().id);
    const one = startParticipant('careful', {
      taskId: task.status().id,
      token,
      fetch: test.fetch,
      policy: { ...policy, allowedAssistants: ['00'.repeat(32)] },
    });
    await expect(one.finished).rejects.toMatchObject({ details: { field: 'allowedAssistants' } });
    await task.stop();
  });
});

describe('an aggregation server behind an address', () => {
  const identities = new Map(
    Array.from({ length: 4 }, () => createSigningKey(readEntropy(32))).map((key) => [
      participantIdOf(key.publicKey),
      key,
    ]),
  );
  const people = [...identities.keys()];
  const roster = new Map([...identities].map(([id, { publicKey }]) => [id, publicKey]));
  let assisted: AssistedTask;
  let requestOf: (attempt: number, who: readonly string[]) => Uint8Array;
  beforeAll(async () => {
    // Any port: a connection that is kept to a former server would be taken for the new one's.
    assisted = {
      ...(await pinAssistants({ name: 'direct' }, { kind: 'shares', names: ['north', 'south'] })),
      ports: {},
    };
    const { plan, taskId } = assisted.run;
    const { aggregation } = plan;
    const servers = aggregation.kind === 'shares' ? aggregation.servers : [];
    const sum = sharedSumOf(plan, {
      publicKeys: Object.fromEntries(servers.map(({ name, publicKey }) => [name, fromHex(publicKey ?? '')])),
    });
    requestOf = (attempt, who) => {
      const address = { taskId, round: 1, attempt };
      const contributions = who.map((from): readonly [string, Uint8Array] => {
        const identity = identities.get(from) as ReturnType<typeof createSigningKey>;
        const ones = new Int32Array(plan.entries).fill(1);
        const message = sealShares(ones, { sum, address, from, identity }, createSystemRng());
        return [from, decodeParts(message, 2)[0] as Uint8Array];
      });
      const claim = new Uint8Array();
      return encodeRequest({ assistant: 'north', ...address, planDigest: plan.digest, contributions, claim });
    };
  });
  const post = async (url: string, body: Uint8Array) => {
    const response = await fetch(`${url}/assist`, { method: 'POST', body: body.slice() });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, bytes, type: response.headers.get('content-type') };
  };

  it('answers the same request again after a restart, and no other one for the attempt', async () => {
    const request = requestOf(7, people);
    const before = await start(assisted, 'north', roster);
    const first = await post(before.url, request);
    expect(first.status).toBe(200);
    await before.close();
    const after = await start(assisted, 'north', roster);
    expect((await post(after.url, request)).bytes).toEqual(first.bytes);
    const smaller = await post(after.url, requestOf(7, people.slice(0, 3)));
    expect(smaller).toMatchObject({ status: 409, type: 'application/problem+json' });
    expect(JSON.parse(new TextDecoder().decode(smaller.bytes))).toMatchObject({ type: 'assistants/already-answered' });
  });

  it('refuses too few, and bytes that are nothing, with a problem document', async () => {
    const { url } = await start(assisted, 'north', roster);
    expect((await post(url, requestOf(8, people.slice(0, 2)))).status).toBe(422);
    expect((await post(url, Uint8Array.of(1, 2, 3))).status).toBe(400);
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    // None of it counts as the answer of the attempt.
    expect((await post(url, requestOf(8, people))).status).toBe(200);
  });

  it('does not start without its memory, drops a line that a crash has cut, and keeps its key to its owner', async () => {
    const own = await pinAssistants({ name: 'memory' }, { kind: 'shares', names: ['north', 'south'] });
    const memory = join(own.home, 'north.answered');
    expect(statSync(join(own.home, 'north.key')).mode & 0o077).toBe(0);
    appendFileSync(memory, '["cut');
    const server = await start(own, 'north');
    await server.close();
    expect(readFileSync(memory, 'utf8')).toBe('');
    rmSync(memory);
    await expect(startAssistant(own, 'north')).rejects.toMatchObject({ code: 'storage/not-found' });
  });
});

describe('a served task under encryption', () => {
  it('trains with a key holder that has its own roster, and goes on after its restart', async () => {
    const assisted = await pinAssistants({ name: 'encrypted', rounds: 2 }, { kind: 'homomorphic', names: ['holder'] });
    const seeds = Array.from({ length: 3 }, () => readEntropy(32));
    const keys = seeds.map((seed) => createSigningKey(seed).publicKey);
    const roster = new Map(keys.map((key) => [participantIdOf(key), key]));
    expect(statSync(join(assisted.home, 'holder.key')).mode & 0o077).toBe(0);
    const before = await start(assisted, 'holder', roster);
    const task = await test.service.createTask(assisted.text);
    await before.close();
    await start(assisted, 'holder', roster);
    const all = await joinAll(task.status().id, seeds);
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 2 });
  });

  it('gives no sum when somebody is not on the holder’s roster', async () => {
    const assisted = await pinAssistants({ name: 'made-up' }, { kind: 'homomorphic', names: ['holder'] });
    const seeds = Array.from({ length: 3 }, () => readEntropy(32));
    const keys = seeds.slice(1).map((seed) => createSigningKey(seed).publicKey);
    await start(assisted, 'holder', new Map(keys.map((key) => [participantIdOf(key), key])));
    const task = await test.service.createTask(assisted.text);
    const before = test.reports.length;
    const all = await joinAll(task.status().id, seeds);
    // A task that was stopped before may still say how its last attempt ended.
    const reasons = () => test.reports.slice(before).map(({ reason }) => reason ?? '');
    await expect
      .poll(reasons, { timeout: 10_000 })
      .toContainEqual(expect.stringMatching(/holder refused: p-[0-9a-f]{16}: not on the roster/));
    await task.stop();
    await Promise.all(all.map(({ finished }) => finished));
    expect(test.reports.slice(before).map(({ outcome }) => outcome)).not.toContain('committed');
  });

  it('is refused while its key holder is not there', async () => {
    const { text } = await pinAssistants({ name: 'absent' }, { kind: 'homomorphic', names: ['holder'] });
    await expect(test.service.createTask(text)).rejects.toMatchObject({ code: 'coordinator/assistant-unreachable' });
  });
});
