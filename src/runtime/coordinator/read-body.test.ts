/** Bodies on real sockets: announced too large, cut off, trickling, in chunks; nobody is served worse for them. */
import { rmSync } from 'node:fs';
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createDatabaseFolder } from '../../../test/harness/database-folder.ts';
import { smallTask, startParticipant } from '../../../test/harness/service.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../foundations/random/index.ts';
import { encodeMessage, signRequest } from '../../federation/wire/index.ts';
import { createTransport } from '../client/index.ts';
import { type Served, serve } from './serve.ts';

const rng = createSystemRng();
let folder: string;
let served: Served;
beforeAll(async () => {
  folder = await createDatabaseFolder();
  served = await serve({
    folder,
    host: '127.0.0.1',
    port: 0,
    rateLimit: { requestsPerSecond: 1e6, burst: 1e6 },
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
  });
}, 60_000);
afterAll(async () => {
  await served.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A member of a task that waits for others. */
async function enrolled() {
  const { id } = (await served.service.createTask(smallTask())).status();
  const key = createSigningKey(readEntropy(32));
  const transport = createTransport({ url: served.url, taskId: id, key, rng, now: () => Date.now() });
  await transport.join({ label: 'm', token: (await served.service.invite(id)).token });
  const path = `/v1/tasks/${id}/messages`;
  const sign = (body: Uint8Array): string =>
    signRequest({ method: 'POST', path, body }, { key, timeMs: Date.now() }, rng);
  return { id, path, sign };
}

/** Sends bytes as they are and hangs up, or reads what comes back. */
function speak(head: readonly string[], body: Uint8Array, { hangUp = false } = {}): Promise<string> {
  const { hostname, port } = new URL(served.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head.join('\r\n')}\r\nhost: ${hostname}:${port}\r\n\r\n`);
      socket.write(body, () => {
        if (hangUp) socket.destroy();
      });
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (answer.includes('}')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

describe('a body on a socket', () => {
  it('is refused by what it announces, before any of it is read', async () => {
    const { path } = await enrolled();
    const tooLong = `content-length: ${65 * 2 ** 20}`;
    const answer = await speak([`POST ${path} HTTP/1.1`, tooLong], new Uint8Array(10));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('coordinator/too-large');
  });

  it('that is cut off gives its room back: a hundred of them keep nobody waiting', async () => {
    const { path, sign } = await enrolled();
    const half = new Uint8Array(500_000);
    await Promise.all(
      Array.from({ length: 100 }, () =>
        speak([`POST ${path} HTTP/1.1`, `authorization: ${sign(half)}`, 'content-length: 1000000'], half, {
          hangUp: true,
        }),
      ),
    );
    const body = encodeMessage({ kind: 'aggregation', taskId: 't', round: 1, attempt: 1, payload: new Uint8Array(9) });
    const response = await fetch(`${served.url}${path}`, {
      method: 'POST',
      body: body.slice(),
      headers: { authorization: sign(body), 'content-type': 'application/octet-stream' },
      signal: AbortSignal.timeout(5000),
    });
    expect(((await response.json()) as { type: string }).type).toBe('coordinator/wrong-state');
  });

  it('in chunks, of no announced length, is taken as any other, up to the limit', async () => {
    const { path, sign } = await enrolled();
    const body = encodeMessage({ kind: 'aggregation', taskId: 't', round: 1, attempt: 1, payload: new Uint8Array(9) });
    const send = (parts: AsyncIterable<Uint8Array>, authorization: string): Promise<Response> =>
      fetch(`${served.url}${path}`, {
        method: 'POST',
        body: parts,
        duplex: 'half',
        headers: { authorization },
      } as unknown as RequestInit);
    async function* inTwo(): AsyncGenerator<Uint8Array> {
      yield body.slice(0, 10);
      yield body.slice(10);
    }
    const good = await send(inTwo(), sign(body));
    expect(((await good.json()) as { type: string }).type).toBe('coordinator/wrong-state');
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 80; i += 1) yield new Uint8Array(2 ** 20);
    }
    const large = await send(endless(), sign(body)).then(
      async (response) => ((await response.json()) as { type: string }).type,
      () => 'the connection was closed',
    );
    expect(['coordinator/too-large', 'the connection was closed']).toContain(large);
  });

  it('that trickles in from a stranger gets no room, so that the round of the others goes on', async () => {
    const { id } = (await served.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 15_000 }))).status();
    const { path } = await enrolled();
    const { hostname, port } = new URL(served.url);
    // More than the memory for bodies holds at once.
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${2 ** 20}\r\n\r\nabc`);
      });
      socket.on('error', () => {});
      return socket;
    });
    const participants = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) =>
        startParticipant(name, { url: served.url, taskId: id, token: (await served.service.invite(id)).token }),
      ),
    );
    await Promise.all(participants.map(({ finished }) => finished));
    expect(served.service.task(id).status()).toMatchObject({ state: 'finished' });
    for (const socket of slow) socket.destroy();
  });
});
