/** The client of public witnesses against a witness on a socket, honest and not. [C2SP-witness] */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { createSigningKey, utf8 } from '../../../foundations/crypto/index.ts';
import {
  collectCosignatures,
  cosignNote,
  createMemoryTileStore,
  createMemoryWitnessStore,
  createNoteVerifier,
  createWitness,
  formatVerifierKey,
  type LogWriter,
  openCheckpoint,
  openLog,
  parseNote,
  parseVerifierKey,
  WITNESS_SIZE_TYPE,
} from '../../../trust/log/index.ts';
import { createHttpWitness } from './http-witness.ts';

const key = createSigningKey(new Uint8Array(32).fill(5));
const origin = 'example.org/log';
const logVerifier = createNoteVerifier('ed25519', origin, key.publicKey);
const witnessKey = createSigningKey(new Uint8Array(32).fill(6));
const NAME = 'witness.example/w1';
const now = (): number => Math.floor(Date.now() / 1000);

const open = (): Promise<LogWriter> => openLog({ store: createMemoryTileStore(), origin, key });
const leaves = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) => utf8(`leaf ${from + i}`));

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** Serves what `answer` says below a prefix. Returns the prefix and the requests that came. */
async function serve(answer: (body: string) => Promise<Answer>): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (request.method !== 'POST' || request.url !== '/w/add-checkpoint') {
        response.writeHead(404).end();
        return;
      }
      requests.push(body);
      void answer(body).then(({ status, body: text, type = 'text/plain' }) => {
        response.writeHead(status, { 'content-type': type }).end(text);
      });
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/w`, requests };
}

/** A witness as it is meant to be, on a socket. */
async function serveWitness() {
  const store = createMemoryWitnessStore();
  const witness = createWitness({ name: NAME, key: witnessKey, logs: [logVerifier], store, now });
  const served = await serve(async (body) => {
    const answer = await witness.addCheckpoint(body);
    return answer.status === 409 ? { ...answer, type: WITNESS_SIZE_TYPE } : answer;
  });
  return { ...served, verifier: parseVerifierKey(formatVerifierKey(witness.verifier)) };
}

describe('a client of witnesses', () => {
  it('has a growing log cosigned, from whatever size the witness knows', async () => {
    const { url, requests, verifier } = await serveWitness();
    const log = await open();
    await log.append(leaves(0, 7));
    const witness = createHttpWitness({ url, verifier });
    expect(await collectCosignatures(log, [witness])).toEqual({ signed: [NAME], failed: [], superseded: false });
    const verifiers = [logVerifier, verifier];
    expect(openCheckpoint(log.checkpoint().note, { verifiers, witnesses: 1 }).size).toBe(7);
    await log.append(leaves(7, 300));
    await collectCosignatures(log, [witness]);
    expect(openCheckpoint(log.checkpoint().note, { verifiers, witnesses: 1 }).size).toBe(300);
    // A client that starts anew is told the size, and proves from there.
    await log.append(leaves(300, 301));
    await collectCosignatures(log, [createHttpWitness({ url: `${url}/`, verifier })]);
    expect(openCheckpoint(log.checkpoint().note, { verifiers, witnesses: 1 }).size).toBe(301);
    expect(requests.map((request) => request.split('\n', 1)[0])).toEqual(['old 0', 'old 7', 'old 0', 'old 300']);
    // Signing again takes the place of the line before.
    await collectCosignatures(log, [witness]);
    expect(parseNote(log.checkpoint().note).signatures).toHaveLength(2);
  });

  it('says fork where the witness saw another tree, and rollback where it saw a larger one', async () => {
    const { url, verifier } = await serveWitness();
    const log = await open();
    await log.append(leaves(0, 20));
    await collectCosignatures(log, [createHttpWitness({ url, verifier })]);
    const ask = (other: LogWriter) => collectCosignatures(other, [createHttpWitness({ url, verifier })]);
    const shorter = await open();
    await shorter.append(leaves(0, 12));
    await expect(ask(shorter)).rejects.toMatchObject({ code: 'log/rolled-back' });
    const longer = await open();
    await longer.append(leaves(50, 90));
    await expect(ask(longer)).rejects.toMatchObject({ code: 'log/forked' });
    const equal = await open();
    await equal.append(leaves(50, 70));
    await expect(ask(equal)).rejects.toMatchObject({ code: 'log/forked' });
    expect(parseNote(equal.checkpoint().note).signatures).toHaveLength(1);
  });

  it('takes nothing that is not a signature of the witness it knows, and says why', async () => {
    const log = await open();
    await log.append(leaves(0, 3));
    const { text } = parseNote(log.checkpoint().note);
    const verifier = createNoteVerifier('cosignature', NAME, witnessKey.publicKey);
    const other = createSigningKey(new Uint8Array(32).fill(8));
    const own = { name: NAME, key: witnessKey, time: now() };
    const bad: [string, Answer][] = [
      ['answered 404', { status: 404, body: 'unknown log' }],
      ['answered 500', { status: 500, body: '' }],
      ['without a size', { status: 409, body: 'soon' }],
      ['no signature of its own', { status: 200, body: '' }],
      ['no signature of its own', { status: 200, body: cosignNote(text, { ...own, key: other }) }],
      ['does not verify', { status: 200, body: cosignNote(`${text}x\n`, own) }],
      ['in the future', { status: 200, body: cosignNote(text, { ...own, time: now() + 4000 }) }],
      ['does not answer', { status: 200, body: 'x'.repeat(70_000) }],
    ];
    for (const [why, answer] of bad) {
      const { url } = await serve(() => Promise.resolve(answer));
      const { failed, signed } = await collectCosignatures(log, [createHttpWitness({ url, verifier })]);
      expect([why, signed, failed[0]?.error.code]).toEqual([why, [], 'log/witness-refused']);
      expect(failed[0]?.error.message).toContain(why);
    }
    expect(parseNote(log.checkpoint().note).signatures).toHaveLength(1);
    // Signatures of others beside its own are left out, and one witness that is away does not keep the others back.
    const body = `${cosignNote(text, { ...own, name: 'w2', key: other })}${cosignNote(text, own)}`;
    const { url } = await serve(() => Promise.resolve({ status: 200, body }));
    const away = createHttpWitness({
      url: 'http://127.0.0.1:9/',
      verifier: createNoteVerifier('cosignature', 'away', other.publicKey),
    });
    const round = await collectCosignatures(log, [away, createHttpWitness({ url, verifier })]);
    expect([round.signed, round.failed.map(({ name }) => name)]).toEqual([[NAME], ['away']]);
    expect(parseNote(log.checkpoint().note).signatures.map(({ name }) => name)).toEqual([origin, NAME]);
  });

  it('does not put signatures of an older checkpoint below a newer one', async () => {
    const log = await open();
    await log.append(leaves(0, 3));
    const verifier = createNoteVerifier('cosignature', NAME, witnessKey.publicKey);
    const { url } = await serve(async (body) => {
      const { text } = parseNote(body.slice(body.indexOf('\n\n') + 2));
      // The log grows while the witness thinks.
      await log.append(leaves(3, 4));
      return { status: 200, body: cosignNote(text, { name: NAME, key: witnessKey, time: now() }) };
    });
    expect(await collectCosignatures(log, [createHttpWitness({ url, verifier })])).toMatchObject({ superseded: true });
    expect(openCheckpoint(log.checkpoint().note, { verifiers: [logVerifier] }).size).toBe(4);
    await log.append(leaves(4, 5));
    expect(log.size()).toBe(5);
  });

  it('goes nowhere in the clear but this machine, and knows a log’s key from a witness’s', () => {
    const verifier = createNoteVerifier('cosignature', NAME, witnessKey.publicKey);
    for (const url of ['http://example.org/', 'ftp://localhost/', 'nonsense']) {
      expect(() => createHttpWitness({ url, verifier })).toThrow('https://');
    }
    expect(() => createHttpWitness({ url: 'https://w.example/', verifier: logVerifier })).toThrow('type 04');
  });
});
