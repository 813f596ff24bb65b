/**
 * A coordinator behind a proxy that ends TLS: people sign in and participants take part as if they reached it themselves,
 * and whoever reaches it past the proxy gains nothing by saying that it did not.
 */
import { readFileSync, rmSync } from 'node:fs';
import { request as ask } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createApp, OPERATOR_TOKEN_FILE, serve, type Served } from '../../src/runtime/coordinator/index.ts';
import { createPinnedFetch, createSelfSignedCertificate, fingerprintOfPem } from '../../src/runtime/drivers/index.ts';
import { createServeCommand } from '../../src/cli/serve.ts';
import { runCommand } from '../harness/command.ts';
import { createDatabaseFolder } from '../harness/database-folder.ts';
import { startOidcProvider } from '../harness/oidc-provider.ts';
import { PASSWORD } from '../harness/people.ts';
import { smallTask, startParticipant } from '../harness/service.ts';

let folder: string;
let served: Served;
let proxy: Server;
let url: string;
let through: typeof fetch;
let provider: Awaited<ReturnType<typeof startOidcProvider>>;

/** Ends TLS, and writes the headers that nginx is told to write. */
async function startProxy(target: () => string): Promise<{ server: Server; fingerprint: string }> {
  const own = await createSelfSignedCertificate(['localhost', '127.0.0.1'], { now: new Date() });
  const server = createServer({ cert: own.certificate, key: own.key }, (incoming, outgoing) => {
    const before = incoming.headers['x-forwarded-for'];
    const client = incoming.socket.remoteAddress ?? '';
    const upstream = ask(
      new URL(incoming.url ?? '/', target()),
      {
        method: incoming.method ?? 'GET',
        headers: {
          ...incoming.headers,
          'x-forwarded-proto': 'https',
          'x-forwarded-host': incoming.headers.host ?? '',
          'x-forwarded-for': before === undefined ? client : `${before as string}, ${client}`,
        },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return { server, fingerprint: fingerprintOfPem(own.certificate) };
}

beforeAll(async () => {
  folder = await createDatabaseFolder();
  const started = await startProxy(() => served.url);
  proxy = started.server;
  url = `https://localhost:${(proxy.address() as AddressInfo).port}`;
  through = createPinnedFetch({ fingerprint: started.fingerprint });
  provider = await startOidcProvider();
  served = await serve({
    folder,
    host: '127.0.0.1',
    port: 0,
    proxy: { peers: ['127.0.0.1'], publicUrl: url },
    pages: {
      dashboard: () => Promise.resolve(new Map()),
      participant: () => Promise.resolve(new Map()),
      version: '0',
      publicUrl: url,
      oidc: provider,
    },
    rateLimit: { requestsPerSecond: 500, burst: 2000 },
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
  });
}, 60_000);
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await served.close();
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

const form = (body: unknown, headers: Readonly<Record<string, string>>): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

describe('behind a proxy that ends TLS', () => {
  let cookie = '';

  it('people sign in, and their cookie is one for TLS', async () => {
    const code = readFileSync(join(folder, OPERATOR_TOKEN_FILE), 'utf8').trim();
    const first = { code, name: 'olga', password: PASSWORD };
    const foreign = await through(`${url}/api/setup`, form(first, { origin: 'https://evil.example' }));
    expect([foreign.status, await foreign.json()]).toEqual([
      403,
      expect.objectContaining({ type: 'people/foreign-origin' }),
    ]);
    const plain = await through(`${url}/api/setup`, form(first, { origin: url.replace('https', 'http') }));
    expect(plain.status).toBe(403);
    const done = await through(`${url}/api/setup`, form(first, { origin: url }));
    expect(done.status).toBe(204);
    const [set = ''] = done.headers.getSetCookie();
    expect(set).toMatch(/^__Host-sotto=[0-9a-f]{64};.*; Secure/);
    cookie = set.slice(0, set.indexOf(';'));
    const session = await through(`${url}/api/session`, { headers: { cookie } });
    expect(await session.json()).toMatchObject({ mode: 'signed-in', name: 'olga' });
  });

  it('invitations and the way back from a provider name the public address', async () => {
    const { id } = (await served.service.createTask(smallTask({ name: 'links' }))).status();
    const invited = await through(`${url}/api/tasks/${id}/invitations`, form({}, { cookie, origin: url }));
    const { link, command } = (await invited.json()) as { link: string; command: string };
    expect(link.startsWith(`${url}/participant/#task=${id}`)).toBe(true);
    expect(command).toContain(`sotto join ${url} `);
    const away = await through(`${url}/api/oidc/start`, { redirect: 'manual' });
    const to = new URL(away.headers.get('location') ?? '');
    expect(to.searchParams.get('redirect_uri')).toBe(`${url}/api/oidc/callback`);
    expect(away.headers.getSetCookie()[0]).toMatch(/^__Host-sotto-flight=.*; Secure/);
  });

  it('participants train: what they sign is bound to method, path and body, not to the host', async () => {
    const task = await served.service.createTask(smallTask({ rounds: 1 }));
    const { id } = task.status();
    const invite = async (): Promise<string> => (await served.service.invite(id)).token;
    const participants = await Promise.all(
      ['a', 'b', 'c'].map(async (name) =>
        startParticipant(name, { url, taskId: id, token: await invite(), fetch: through }),
      ),
    );
    const direct = startParticipant('d', { url: served.url, taskId: id, token: await invite(), fetch });
    await Promise.all([...participants, direct].map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 1 });
  });

  it('events are not to be gathered by the proxy, and who comes without an invitation is told why no certificate helps', async () => {
    const feed = await through(`${url}/api/feed`, { headers: { cookie } });
    expect(feed.headers.get('x-accel-buffering')).toBe('no');
    await feed.body?.cancel();
    const { id } = (await served.service.createTask(smallTask({ name: 'closed' }))).status();
    const stranger = startParticipant('s', { url, taskId: id, token: '', fetch: through });
    await expect(stranger.finished).rejects.toMatchObject({
      details: { type: 'coordinator/token-refused' },
      message: expect.stringContaining('a certificate does not come through a proxy') as string,
    });
  });

  it('one client’s requests use up nobody else’s, whatever else it claims', async () => {
    const app = createApp(served.service, {
      proxy: { peers: ['10.0.0.1'] },
      rateLimit: { requestsPerSecond: 0.001, burst: 2 },
    });
    const env = { incoming: { socket: { remoteAddress: '10.0.0.1' } } };
    const from = async (list: string): Promise<number> =>
      (await app.request('/openapi.json', { headers: { 'x-forwarded-for': list } }, env)).status;
    expect([await from('192.0.2.1'), await from('1.1.1.1, 192.0.2.1'), await from('2.2.2.2, 192.0.2.1')]).toEqual([
      200, 200, 429,
    ]);
    expect(await from('192.0.2.2')).toBe(200);
  });

  // Other systems have one address of their own alone.
  it.runIf(process.platform === 'linux')('whoever reaches the coordinator past the proxy is not believed', async () => {
    const forged = { 'x-forwarded-proto': 'https', 'x-forwarded-host': new URL(url).host, origin: url };
    const refused = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const { hostname, port } = new URL(served.url);
      const headers = { ...forged, 'content-type': 'application/json' };
      const request = ask(
        { hostname, port, path: '/api/session', method: 'POST', headers, localAddress: '127.0.0.2' },
        (answer) => {
          let body = '';
          answer.on('data', (chunk: Buffer) => {
            body += chunk.toString();
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
        },
      );
      request.on('error', reject);
      request.end(JSON.stringify({ name: 'olga', password: PASSWORD }));
    });
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body)).toMatchObject({
      type: 'people/foreign-origin',
      detail: expect.stringContaining('--trust-proxy') as string,
    });
  });

  it('the command refuses a proxy without an address, and a public address with a path', async () => {
    const wrong: readonly (readonly [string[], string])[] = [
      [['--trust-proxy', 'proxy.example'], 'named by its IP address'],
      [['--trust-proxy', '10.0.0.0/0'], 'leading bits'],
      [['--trust-proxy', '127.0.0.1', '--proxy-headers', 'any'], '--proxy-headers must be'],
      [['--public-url', 'https://hospital.example/sotto'], 'without a path'],
      [['--trust-proxy', '127.0.0.1', '--client-authority', 'ca.pem'], 'a proxy that ends TLS'],
    ];
    for (const [args, message] of wrong) {
      const { code, out } = await runCommand(createServeCommand(), ['--folder', join(folder, 'none'), ...args]);
      expect([code, out]).toEqual([2, expect.stringContaining(message)]);
    }
  });
});
