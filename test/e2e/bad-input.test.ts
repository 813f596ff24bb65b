/**
 * What a coordinator makes of bad input: every refusal is a problem document with a stable code, nothing is half written,
 * and the round of the others goes on.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createSigningKey, type SigningKey } from '../../src/foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../src/foundations/random/index.ts';
import { encodeMessage, signRequest } from '../../src/federation/wire/index.ts';
import { createTransport } from '../../src/runtime/client/index.ts';
import { openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import {
  OPERATOR,
  smallTask,
  startParticipant,
  startService,
  type TestService,
  URL_OF_SERVICE,
} from '../harness/service.ts';

const CODE = /^(?:coordinator|wire|task|storage|attestation|rounds)\/[a-z-]+$/;
const rng = createSystemRng();
let database: OpenDatabase;
let test: TestService;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
  test = await startService({ database });
}, 60_000);
afterAll(async () => {
  await test.close();
  await database.close();
});

/** Sends as a participant would, with the signature right or as `authorization` says. */
async function send(
  method: 'GET' | 'POST',
  path: string,
  {
    key,
    body = new Uint8Array(),
    type = 'application/octet-stream',
    timeMs = Date.now(),
    authorization,
    fetch = test.fetch,
  }: {
    key: SigningKey;
    body?: Uint8Array;
    type?: string;
    timeMs?: number;
    authorization?: string;
    fetch?: typeof globalThis.fetch;
  },
): Promise<Response> {
  const signed = authorization ?? signRequest({ method, path, body }, { key, timeMs }, rng);
  return fetch(`${URL_OF_SERVICE}${path}`, {
    method,
    headers: { authorization: signed, 'content-type': type },
    ...(method === 'POST' ? { body: body.slice() } : {}),
  });
}

/** Expects a problem document; returns its code. */
async function problem(response: Response): Promise<string> {
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const { type, status, detail } = (await response.json()) as { type: string; status: number; detail: string };
  expect(type).toMatch(CODE);
  expect([status, typeof detail]).toEqual([response.status, 'string']);
  return type;
}

const rows = async (): Promise<number> =>
  Number(
    (
      await database.db
        .selectFrom('attempt_events')
        .select(({ fn }) => fn.countAll().as('n'))
        .executeTakeFirstOrThrow()
    ).n,
  );

/** A task with a member that never answers by itself, and three that would. */
async function enrolled(options: Parameters<typeof smallTask>[0] = {}): Promise<{ id: string; key: SigningKey }> {
  const { id } = (await test.service.createTask(smallTask({ stageTimeoutMs: 60_000, ...options }))).status();
  const key = createSigningKey(readEntropy(32));
  const transport = createTransport({
    url: URL_OF_SERVICE,
    taskId: id,
    key,
    rng,
    now: () => Date.now(),
    fetch: test.fetch,
  });
  await transport.join({ label: 'm', token: (await test.service.invite(id)).token });
  return { id, key };
}

describe('bad input', () => {
  it('to any address, with any body and signature, is a problem with a stable code and writes nothing', async () => {
    const { id, key } = await enrolled();
    const before = await rows();
    const path = fc.constantFrom(
      'messages',
      'participants',
      'attestation',
      'mail?after=x',
      'mail?after=-1&waitMs=1e9',
      'leave/x',
      '%00',
      '../../x',
      'events?after=1e400',
    );
    await fc.assert(
      fc.asyncProperty(path, fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (tail, body, signed) => {
        const method = tail.startsWith('mail') || tail.startsWith('events') ? 'GET' : 'POST';
        const address = `/v1/tasks/${id}/${tail}`;
        const { pathname, search } = new URL(`${URL_OF_SERVICE}${address}`);
        if (signed && tail.startsWith('events')) return;
        await problem(
          await send(method, `${pathname}${search}`, {
            key,
            body: method === 'GET' ? new Uint8Array() : body,
            type: tail === 'participants' ? 'application/json' : 'application/octet-stream',
            ...(signed ? {} : { authorization: `Sotto-Ed25519 ${'x'.repeat(body.length)}` }),
          }),
        );
      }),
      { numRuns: Number(process.env.SLOW === '1' ? 2000 : 150) },
    );
    expect(await rows()).toBe(before);
  });

  it('cannot be a request that was changed, sent again, from another time, or of another version', async () => {
    const { id, key } = await enrolled();
    const path = `/v1/tasks/${id}/messages`;
    const body = encodeMessage({ kind: 'aggregation', taskId: 't', round: 1, attempt: 1, payload: new Uint8Array(40) });
    const good = signRequest({ method: 'POST', path, body }, { key, timeMs: Date.now() }, rng);
    for (let i = 0; i < body.length; i += 7) {
      const flipped = body.slice();
      flipped[i] = (flipped[i] ?? 0) ^ 1;
      expect(await problem(await send('POST', path, { key, body: flipped, authorization: good }))).toBe(
        'wire/signature-refused',
      );
    }
    expect(await problem(await send('POST', path, { key, body, authorization: good }))).toBe('coordinator/wrong-state');
    expect(await problem(await send('POST', path, { key, body, authorization: good }))).toBe(
      'coordinator/stale-request',
    );
    for (const skewMs of [-3_600_000, 3_600_000]) {
      expect(await problem(await send('POST', path, { key, body, timeMs: Date.now() + skewMs }))).toBe(
        'coordinator/stale-request',
      );
    }
    const join = new TextEncoder().encode(JSON.stringify({ label: 'x', token: 'x', protocolVersions: [9, 12] }));
    const response = await send('POST', `/v1/tasks/${id}/participants`, { key, body: join, type: 'application/json' });
    expect([response.status, await problem(response)]).toEqual([426, 'wire/unsupported-version']);
    const stranger = createSigningKey(readEntropy(32));
    expect(await problem(await send('POST', path, { key: stranger, body }))).toBe('coordinator/not-authorized');
  });

  it('cannot be larger than the limit, and a flood is told when to return', async () => {
    const { key } = await enrolled();
    const big = await test.fetch(`${URL_OF_SERVICE}/v1/tasks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/yaml' },
      body: 'x'.repeat((1 << 20) + 1),
    });
    expect([big.status, await problem(big)]).toEqual([413, 'coordinator/too-large']);
    const limited = await startService({ database, app: { rateLimit: { requestsPerSecond: 1, burst: 3 } } });
    const codes: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const response = await send('GET', '/v1/tasks/none/mail', { key, fetch: limited.fetch });
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      codes.push(await problem(response));
    }
    expect(codes.filter((code) => code === 'coordinator/too-many-requests').length).toBeGreaterThanOrEqual(2);
    await limited.close();
  });

  it('of one member does no harm to the round of the others: replayed, out of order, answered twice, truncated, flipped', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 2, name: 'unharmed', stageTimeoutMs: 2500 }));
    const { id } = task.status();
    const sent: Uint8Array[] = [];
    const codes = new Set<string>();
    const participants = await Promise.all(
      ['a', 'b', 'c', 'mallory'].map(async (name) => {
        const keySeed = readEntropy(32);
        const key = createSigningKey(keySeed);
        const path = `/v1/tasks/${id}/messages`;
        const post = async (body: Uint8Array): Promise<void> => {
          const response = await send('POST', path, { key, body });
          if (!response.ok) codes.add(await problem(response));
        };
        return startParticipant(name, {
          taskId: id,
          token: (await test.service.invite(id)).token,
          keySeed,
          fetch: async (input, init) => {
            const body: unknown = init?.body;
            if (name !== 'mallory' || !(body instanceof Uint8Array) || !(input as URL).pathname.endsWith('/messages')) {
              return test.fetch(input, init);
            }
            // Before each good answer the bad ones, after it the good one again.
            for (const old of sent) await post(old);
            await post(body.slice(0, body.length >> 1));
            // A copy whatever it is: `slice` of a Buffer is the same bytes.
            const flipped = new Uint8Array(body);
            flipped[3] = (flipped[3] ?? 0) ^ 0x40;
            await post(flipped);
            const response = await test.fetch(input, init);
            sent.push(new Uint8Array(body));
            await post(body);
            return response;
          },
        });
      }),
    );
    await Promise.all(participants.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 2 });
    expect(codes).toContain('coordinator/message-refused');
    for (const code of codes) expect(code).toMatch(CODE);
    const committed = test.reports.filter(({ outcome }) => outcome === 'committed').slice(-2);
    expect(committed.map(({ contributors }) => contributors)).toEqual([4, 4]);
  });
});

describe('a store that fails', () => {
  it('full disk and a database that goes away: problems that may be retried, and the round ends as if nothing had been', async () => {
    const objects = createMemoryObjectStore();
    let full = false;
    let gone = false;
    const own = await openDatabase({ kind: 'memory' });
    const db = own.db.withPlugin({
      transformQuery: ({ node }) => {
        if (gone) throw new Error('the connection was lost');
        return node;
      },
      transformResult: ({ result }) => Promise.resolve(result),
    });
    const service = await startService({
      database: { ...own, db },
      objects: {
        ...objects,
        put: (key, bytes) =>
          full
            ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
            : objects.put(key, bytes),
      },
    });
    const task = await service.service.createTask(smallTask({ rounds: 2, stageTimeoutMs: 20_000 }));
    const { id } = task.status();
    const waits: string[] = [];
    let messages = 0;
    const participants = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) =>
        startParticipant(name, {
          taskId: id,
          token: (await service.service.invite(id)).token,
          fetch: async (input, init) => {
            if ((input as URL).pathname.endsWith('/messages') && (messages += 1) === 6) {
              gone = true;
              setTimeout(() => (gone = false), 900);
            }
            if (messages === 15) {
              full = true;
              setTimeout(() => (full = false), 900);
            }
            const response = await service.fetch(input, init);
            if (response.status === 503) waits.push(await problem(response.clone()));
            return response;
          },
        }),
      ),
    );
    await Promise.all(participants.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 2 });
    expect(new Set(waits)).toEqual(new Set(['coordinator/unavailable']));
    const committed = service.reports.filter(({ outcome }) => outcome === 'committed').map(({ round }) => round);
    expect(new Set(committed).size).toBe(committed.length);
    await service.close();
    await own.close();
  });
});
