/**
 * The gate over real sockets: every byte that a participant puts on the wire passes a proxy that counts. Whatever is wrong
 * with the evidence, nothing leaves after the nonce of the challenge but the notice that the participant goes.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  type AttestationFrame,
  decodeAttestationFrame,
  encodeAttestationFrame,
} from '../../src/federation/wire/index.ts';
import { toHex } from '../../src/foundations/crypto/index.ts';
import { createSystemRng } from '../../src/foundations/random/index.ts';
import { serve, type Served } from '../../src/runtime/coordinator/index.ts';
import { createInsecureSimulatedSource } from '../../src/runtime/drivers/index.ts';
import { createSealingKey, type EvidenceSource, parseAttestationPolicy } from '../../src/trust/attestation/index.ts';
import { createDatabaseFolder } from '../harness/database-folder.ts';
import { smallTask, startParticipant } from '../harness/service.ts';

const measurement = 'ab'.repeat(48);
const codeDigest = new Uint8Array(32).fill(7);
const requireAttestation = parseAttestationPolicy(
  { tees: ['simulated'], measurements: [{ measurement }], codeDigests: [toHex(codeDigest)] },
  { insecureSimulated: true },
);
const policy = { trust: ['nobody' as const], maxEpsilon: 10, requireAttestation };

/** A request as it passed: what was asked, and how many bytes of a body it announced. */
interface Passed {
  readonly what: string;
  readonly bodyBytes: number;
}

/** A proxy on TCP that keeps what goes up. */
async function startCounter(
  target: number,
): Promise<{ url: string; upstream: () => Uint8Array; close(): Promise<void> }> {
  const chunks: Uint8Array[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.on('data', (chunk: Buffer) => {
      chunks.push(new Uint8Array(chunk));
      far.write(chunk);
    });
    near.on('end', () => far.end());
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upstream: () => new Uint8Array(Buffer.concat(chunks)),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The requests in what went up. */
function requestsIn(upstream: Uint8Array): readonly Passed[] {
  const text = Buffer.from(upstream).toString('latin1');
  return [...text.matchAll(/(GET|POST) \/v1\/tasks\/[^/ ]+\/?([^ ?]*)\S* HTTP\/1\.1\r\n((?:[^\r\n]+\r\n)*)\r\n/g)].map(
    ([, method = '', path = '', headers = '']) => ({
      what: `${method} ${path}`,
      bodyBytes: Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? 0),
    }),
  );
}

const simulated = (changes: { measurement?: string } = {}, lateMs = 0): EvidenceSource =>
  createInsecureSimulatedSource(
    { measurement, ...changes },
    { warn: () => {}, clock: () => new Date(Date.now() - lateMs) },
  );
const pathOf = (input: RequestInfo | URL): string => (input as URL).pathname;

/** A fetch that changes answers to challenges on their way. */
const altering =
  (change: (frame: AttestationFrame) => AttestationFrame): typeof fetch =>
  async (input, init) => {
    const response = await fetch(input, init);
    if (!pathOf(input).endsWith('/attestation') || !response.ok) return response;
    const frame = decodeAttestationFrame(new Uint8Array(await response.arrayBuffer()));
    return new Response(encodeAttestationFrame(change(frame)).slice());
  };

/** A fetch that changes the task that the participant is told. */
const retelling: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (!pathOf(input).endsWith('/participants') || !response.ok) return response;
  const joined = (await response.json()) as { task: string };
  return Response.json({ ...joined, task: `${joined.task}# changed\n` });
};

let folder: string;
let served: Served;
let source: EvidenceSource = simulated();
let otherKey: Uint8Array;

beforeAll(async () => {
  folder = await createDatabaseFolder();
  otherKey = (await createSealingKey(createSystemRng())).publicKey;
  served = await serve({
    folder,
    host: '127.0.0.1',
    port: 0,
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [] }),
    log: () => {},
    attestation: { source: (request) => source(request), codeDigest, simulated: true },
  });
}, 60_000);
afterAll(async () => {
  await served?.close();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (url: string): number => Number(new URL(url).port);

describe('on the wire', () => {
  it('a participant that accepts the evidence sends its messages, contributions sealed', async () => {
    source = simulated();
    const task = await served.service.createTask(smallTask({ rounds: 1 }));
    const { id } = task.status();
    const counters = await Promise.all([1, 2, 3, 4].map(() => startCounter(portOf(served.url))));
    try {
      const participants = await Promise.all(
        counters.map(async ({ url }, i) => {
          const { token } = await served.service.invite(id);
          const options = { url, taskId: id, token, policy, insecureSimulatedAttestation: true };
          return startParticipant(`p${i}`, options);
        }),
      );
      await Promise.all(participants.map(({ finished }) => finished));
      for (const { upstream } of counters) {
        const passed = requestsIn(upstream());
        const first = passed.findIndex(({ what }) => what === 'POST messages');
        expect(passed.slice(0, 2)).toMatchObject([{ what: 'POST participants' }, { what: 'POST attestation' }]);
        expect(first).toBeGreaterThan(1);
        expect(passed.filter(({ what }) => what === 'POST messages').length).toBeGreaterThan(2);
      }
    } finally {
      await Promise.all(counters.map((counter) => counter.close()));
    }
  });

  it.each<[string, string, { source?: EvidenceSource; fetch?: typeof fetch }]>([
    ['another measurement', 'measurement-mismatch', { source: simulated({ measurement: 'cd'.repeat(48) }) }],
    ['another nonce', 'nonce-mismatch', { fetch: altering((frame) => ({ ...frame, nonce: new Uint8Array(32) })) }],
    ['another key', 'binding-mismatch', { fetch: altering((frame) => ({ ...frame, publicKey: otherKey })) }],
    ['old evidence', 'stale', { source: simulated({}, 3_600_000) }],
    ['another task policy', 'binding-mismatch', { fetch: retelling }],
  ])('%s is refused, and not one byte of the protocol leaves', async (_, code, wrong) => {
    source = wrong.source ?? simulated();
    const task = await served.service.createTask(smallTask());
    const { id } = task.status();
    const { token } = await served.service.invite(id);
    const counter = await startCounter(portOf(served.url));
    try {
      const { finished } = startParticipant('p', {
        url: counter.url,
        taskId: id,
        token,
        policy,
        insecureSimulatedAttestation: true,
        ...(wrong.fetch === undefined ? {} : { fetch: wrong.fetch }),
      });
      const error = await finished.then(
        () => undefined,
        (caught: unknown) => caught as { code: string; details: { codes: string[] } },
      );
      expect([error?.code, error?.details.codes]).toEqual([
        'client/attestation-refused',
        expect.arrayContaining([`attestation/${code}`]),
      ]);
      const upstream = counter.upstream();
      const [joining, challenge, ...rest] = requestsIn(upstream);
      expect(joining?.what).toBe('POST participants');
      expect(challenge).toEqual({ what: 'POST attestation', bodyBytes: 32 });
      expect(rest).toEqual([{ what: 'POST leave', bodyBytes: 0 }]);
      // Three requests with their headers and two short bodies: there is no room for anything else.
      expect(upstream.length).toBeLessThan(2500);
      console.log(
        `${code}: ${upstream.length} bytes went up, ${joining?.bodyBytes} to join, 32 of the challenge, 0 of the protocol`,
      );
    } finally {
      await counter.close();
      await task.stop();
    }
  });
});
