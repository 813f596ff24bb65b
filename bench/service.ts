/**
 * The coordinator under load: 1,000 participants over real HTTP on this machine, one round, vectors of 100,000 entries. The
 * coordinator is a process of its own with its database and object store in a folder, journal on; the participants are
 * this process, with their requests signed beforehand, so that what is timed is the coordinator taking in contributions
 * while the load shares its cores: bytes of all bodies ÷ seconds from the first request to the last answer, which comes when
 * the vector is added and in the journal. Memory is the most that the coordinator's process ever had, its start included.
 * `npm run bench:service` prints a table and writes bench/results/service.json.
 *
 * The sum is formed in the clear (trust: coordinator): a cohort of 1,000 on the complete graph of masks costs its
 * participants a million key agreements, which is no load on the coordinator.
 *
 * @module
 */

import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { decodeMail, decodeMessage, encodeMessage, signRequest } from '../src/federation/wire/index.ts';
import { createSigningKey, type SigningKey, utf8 } from '../src/foundations/crypto/index.ts';
import { createSystemRng } from '../src/foundations/random/index.ts';
import { serve, type ServiceReport } from '../src/runtime/coordinator/index.ts';
import { describeMachine } from './machine.ts';

const option = (name: string, preset: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? preset : Number(process.argv[at + 1]);
};
const participants = option('participants', 1000);
const entries = option('entries', 100_000);
/** Requests that the load has under way at once. */
const CONCURRENCY = 64;

const task = `
task: load
participants: ${participants}
data: { kind: idx, folder: none, test: public }
partition: { kind: iid }
model: { input: [${entries / 10 - 1}], layers: [{ kind: dense, out: 10, init: zeros }], loss: softmaxCrossEntropy }
training:
  rounds: 1
  samplingRate: 0.1
  expectedBatchSize: 1000
  optimizer: { kind: sgd, learningRate: 0.1 }
privacy:
  privacyUnit: example
  trust: coordinator
  aggregation: { kind: clear, stageTimeoutMs: 180000 }
  epsilon: 3
  delta: 1.0e-6
service: { startThreshold: ${participants}, roundWindowMs: 0, presenceMs: 600000 }
`;

interface Ready {
  readonly kind: 'ready';
  readonly url: string;
  readonly task: string;
  readonly tokens: readonly string[];
  readonly idleMiB: number;
}
interface Ended {
  readonly kind: 'ended';
  readonly peakMiB: number;
  readonly report: ServiceReport | undefined;
}

const residentMiB = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);

/** The coordinator's process. */
async function coordinate(folder: string): Promise<void> {
  let report: ServiceReport | undefined;
  const served = await serve({
    folder,
    host: '127.0.0.1',
    port: 0,
    ...(process.env.DATABASE_URL === undefined ? {} : { databaseUrl: process.env.DATABASE_URL }),
    rateLimit: { requestsPerSecond: 1e6, burst: 1e6 },
    factsOf: ({ model }) => Promise.resolve({ inputShape: model.input ?? [1] }),
    log: () => {},
    onReport: (_task, line) => (report = line),
  });
  const { id } = (await served.service.createTask(task)).status();
  const tokens: string[] = [];
  for (let i = 0; i < participants; i += 1) tokens.push((await served.service.invite(id)).token);
  process.send?.({ kind: 'ready', url: served.url, task: id, tokens, idleMiB: residentMiB() } satisfies Ready);
  process.on('message', () => {
    const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
    process.send?.({ kind: 'ended', peakMiB, report } satisfies Ended);
    void served.close().then(() => process.disconnect());
  });
}

interface Prepared {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: Uint8Array;
  readonly authorization: string;
}

const rng = createSystemRng();
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });

function sign(key: SigningKey, method: 'GET' | 'POST', path: string, body: Uint8Array = new Uint8Array()): Prepared {
  const authorization = signRequest({ method, path, body }, { key, timeMs: Date.now() }, rng);
  return { method, path, body, authorization };
}

function send(origin: string, { method, path, body, authorization }: Prepared, type: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const sending = request(
      `${origin}${path}`,
      { method, agent, headers: { authorization, 'content-type': type, 'content-length': body.length } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          if ((response.statusCode ?? 500) < 300) resolve(bytes);
          else reject(new Error(`${path}: ${response.statusCode} ${bytes.toString().slice(0, 200)}`));
        });
      },
    );
    sending.on('error', reject);
    sending.end(body);
  });
}

/** Runs `count` calls, CONCURRENCY at once; returns the seconds they took. */
async function flood(count: number, call: (i: number) => Promise<void>): Promise<number> {
  const start = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (next < count) {
        next += 1;
        await call(next - 1);
      }
    }),
  );
  return (performance.now() - start) / 1000;
}

async function load(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-service-'));
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--coordinator', folder]);
  const hear = <T>(kind: string): Promise<T> =>
    new Promise((resolve, reject) => {
      child.on('message', (message: { kind: string }) => {
        if (message.kind === kind) resolve(message as T);
      });
      child.on('exit', () => reject(new Error('the coordinator ended before its time')));
    });
  const { url, task: id, tokens, idleMiB } = await hear<Ready>('ready');
  const ended = hear<Ended>('ended');
  const keys = tokens.map(() => createSigningKey(rng.bytes(32)));
  const base = `/v1/tasks/${id}`;

  const joins = keys.map((key, i) =>
    sign(
      key,
      'POST',
      `${base}/participants`,
      utf8(JSON.stringify({ label: `p${i}`, token: tokens[i], protocolVersions: [1] })),
    ),
  );
  const joinSeconds = await flood(participants, async (i) => {
    await send(url, joins[i] as Prepared, 'application/json');
  });

  let offer: Uint8Array | undefined;
  let offerBytes = 0;
  const asks = keys.map((key) => sign(key, 'GET', `${base}/mail?after=0&waitMs=30000`));
  const offerSeconds = await flood(participants, async (i) => {
    const mail = await send(url, asks[i] as Prepared, 'application/octet-stream');
    offerBytes += mail.length;
    offer ??= decodeMail(mail)[0]?.bytes;
  });
  if (offer === undefined) throw new Error('no round was offered');
  const { taskId, round, attempt } = decodeMessage(offer);

  const contribution = new Int32Array(entries).map((_, i) => (i % 2001) - 1000);
  const payload = new Uint8Array(contribution.buffer);
  const body = encodeMessage({ kind: 'aggregation', taskId, round, attempt, payload });
  const contributions = keys.map((key) => sign(key, 'POST', `${base}/messages`, body));
  let answered = 0;
  const seconds = await flood(participants, async (i) => {
    await send(url, contributions[i] as Prepared, 'application/octet-stream');
    answered += 1;
  });

  child.send('end');
  const { peakMiB, report } = await ended;
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
  const megabytes = (body.length * participants) / 1e6;
  const result = {
    machine: describeMachine(),
    database: process.env.DATABASE_URL === undefined ? 'PGlite' : 'PostgreSQL',
    participants,
    entries,
    joinedPerSecond: Math.round(participants / joinSeconds),
    offersMBPerSecond: Math.round(offerBytes / 1e6 / offerSeconds),
    contributionMB: Number(megabytes.toFixed(1)),
    ingestionSeconds: Number(seconds.toFixed(2)),
    ingestionMBPerSecond: Math.round(megabytes / seconds),
    answered,
    contributors: report?.contributors ?? 0,
    outcome: report?.outcome ?? 'none',
    coordinatorIdleMiB: idleMiB,
    coordinatorPeakMiB: peakMiB,
  };
  for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(22)} ${value}`);
  writeFileSync(
    fileURLToPath(new URL('results/service.json', import.meta.url)),
    `${JSON.stringify(result, undefined, 2)}\n`,
  );
  const met = answered === participants && report?.contributors === participants && peakMiB <= 600;
  if (!met || megabytes / seconds < 150) {
    console.error('the target is missed: all served, at most 600 MiB, at least 150 MB/s');
    process.exitCode = 1;
  }
}

const coordinator = process.argv.indexOf('--coordinator');
if (coordinator >= 0) await coordinate(process.argv[coordinator + 1] ?? '');
else await load();
