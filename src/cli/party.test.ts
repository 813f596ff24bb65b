import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createSigningKey } from '../foundations/crypto/index.ts';
import { createSeededRng } from '../foundations/random/index.ts';
import {
  createPollingChannel,
  type HttpRequest,
  joinSecureSum,
  type PartyChannel,
  sealChannel,
} from '../secure/mpc/index.ts';
import { checkSum, measurementInput } from './party-jobs.ts';
import { runPartyProcesses } from './party-processes.ts';
import { startPartyServer } from './party-server.ts';

const identities = [0, 1, 2].map((i) => createSigningKey(new Uint8Array(32).fill(i + 1)));
const roster = identities.map(({ publicKey }) => publicKey);
const take = async (channel: PartyChannel) => {
  const rng = createSeededRng(`party ${channel.endpoint}`);
  const identity = identities[channel.endpoint] as (typeof identities)[0] & object;
  const sealed = await sealChannel(channel, { identity, roster, sessionId: new Uint8Array(1) }, rng);
  return joinSecureSum(sealed, [channel.endpoint, 1], { clampRange: 8 }, rng);
};

describe('parties over HTTP', () => {
  it('sum with two that listen and one that only asks, as a page does', async () => {
    const servers = await Promise.all(
      [0, 1].map(() => startPartyServer({ host: '127.0.0.1', port: 0, allowOrigin: 'https://example.org' })),
    );
    const urls = [...servers.map(({ url }) => url), undefined];
    const session = 'a sum/1';
    const listening = servers.map((server, endpoint) =>
      server.channel({ session, endpoint, peers: urls.map((url, i) => (i === endpoint ? undefined : url)) }),
    );
    // The bytes go through the platform's fetch, the same interface a browser has.
    const request: HttpRequest = (url, init) => fetch(url, init);
    const page = createPollingChannel({ endpoint: 2, peers: urls, session, request });
    const results = await Promise.all([...listening, page].map((channel) => take(channel)));
    expect(results.map(({ sum }) => [...(sum as Float64Array)])).toEqual([
      [3, 3],
      [3, 3],
      [3, 3],
    ]);
    const preflight = await fetch(`${urls[0]}/mpc/v1/x/0/1/0`, { method: 'OPTIONS' });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://example.org');
    expect((await fetch(`${urls[0]}/elsewhere`)).status).toBe(404);
    await Promise.all(servers.map((server) => server.close()));
  });

  it('tell the others when one gives up', async () => {
    const servers = await Promise.all([0, 1].map(() => startPartyServer({ host: '127.0.0.1', port: 0 })));
    const [first, second] = servers.map((server, endpoint) =>
      server.channel({
        session: 's',
        endpoint,
        peers: servers.map(({ url }, i) => (i === endpoint ? undefined : url)),
      }),
    ) as [PartyChannel, PartyChannel];
    const waiting = second.receive(0);
    first.close('out of patience');
    await expect(waiting).rejects.toMatchObject({ code: 'mpc/channel-closed', details: { endpoint: 0 } });
    await Promise.all(servers.map((server) => server.close()));
  });

  it('sum in processes of their own', async () => {
    const job = { kind: 'sum', clampRange: 1, fractionBits: 16, local: { seed: 'test', entries: 500 } } as const;
    const reports = await runPartyProcesses(
      'test',
      ['a', 'b', 'c'].map((name) => ({ name, job })),
    );
    expect(reports.map(({ exact }) => exact)).toEqual([true, true, true]);
    expect(reports[0]).toMatchObject({ bytes: { shares: 32, opening: 2 * (2000 + 32) }, rounds: 2 });
  });

  it('aggregate by two servers, in processes of their own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-party-'));
    const open = {
      kind: 'aggregate',
      servers: 2,
      threshold: 2,
      taskId: 'test',
      round: 1,
      entries: 3,
      bitWidth: 20,
    } as const;
    const contributors = [
      [1, -2, 3],
      [10, 20, -30],
    ].map((values, i) => {
      const input = join(folder, `${i}.json`);
      writeFileSync(input, JSON.stringify(values));
      return { name: `hospital ${i}`, job: { ...open, local: { input } } };
    });
    const servers = ['north', 'south'].map((name) => ({ name, job: { ...open, local: {} } }));
    const [first, second] = await runPartyProcesses('aggregate', [...servers, ...contributors]);
    expect(first).toMatchObject({ contributors: 2, sum: [11, 18, -27] });
    expect(second).toEqual({ job: 'aggregate', role: 'server', contributors: 2 });
  });

  it('end with a clear word when they were told different jobs', async () => {
    const job = (fractionBits: number) =>
      ({ kind: 'sum', clampRange: 1, fractionBits, local: { seed: 'test', entries: 5 } }) as const;
    await expect(
      runPartyProcesses(
        'test',
        [16, 16, 15].map((bits, i) => ({ name: `${i}`, job: job(bits) })),
      ),
    ).rejects.toMatchObject({ code: 'mpc/channel-closed' });
  });
});

describe('the check of a measured sum', () => {
  it('tells a right sum from one that is off by one step', () => {
    const inputs = ['a', 'b'].map((seed) => measurementInput(seed, 50));
    const sum = Float64Array.from({ length: 50 }, (_, i) =>
      inputs.reduce((total, input) => total + Math.round((input[i] as number) * 256) / 256, 0),
    );
    expect(checkSum(sum, inputs, 8)).toMatchObject({ exact: true });
    sum[7] = (sum[7] as number) + 1 / 256;
    expect(checkSum(sum, inputs, 8)).toMatchObject({ exact: false });
  });
});
