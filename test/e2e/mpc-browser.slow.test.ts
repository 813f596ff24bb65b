/** A page in Chromium as a party: of a sum with two listening parties, and of a computation on shares. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { startPartyServer } from '../../src/cli/party-server.ts';
import { createSigningKey, toHex } from '../../src/foundations/crypto/index.ts';
import { readEntropy } from '../../src/foundations/random/index.ts';
import { bundleScript } from '../harness/built-pages.ts';
import { hasChromium, launchChromium, openPage } from '../harness/chromium.ts';
import { addOver, computeOnShares } from '../support/mpc-page.ts';

type Party = typeof import('../support/mpc-page.ts');

const bundle = () => bundleScript('mpc-page.ts', { global: 'party', external: ['node-seal'] });

describe.skipIf(!hasChromium)('a page', () => {
  it('adds its vector to those of two parties that listen, and all read one sum', async () => {
    const seeds = Array.from({ length: 3 }, () => readEntropy(32));
    const roster = seeds.map((seed) => toHex(createSigningKey(seed).publicKey));
    const listen = () => startPartyServer({ host: '127.0.0.1', port: 0, allowOrigin: '*' });
    const servers = await Promise.all([listen(), listen()]);
    const site = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p></p>'));
    const origin = await new Promise<string>((resolve) => {
      site.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(site.address() as AddressInfo).port}`));
    });
    const browser = await launchChromium();
    try {
      const peers = [...servers.map(({ url }) => url), null];
      const meeting = { session: 'with a page', peers, roster };
      const values = [
        [1, 2.5, -3],
        [10, 20, 30],
        [0.25, -0.5, 99],
      ] as const;
      const own = (endpoint: number) => ({
        seed: toHex(seeds[endpoint] as Uint8Array),
        values: values[endpoint] ?? [],
      });
      const { page } = await openPage(browser);
      // A document of an origin of its own: both parties that listen are foreign to it.
      await page.goto(origin);
      await page.addScriptTag({ content: await bundle() });
      const sums = await Promise.all([
        ...servers.map((server, endpoint) => {
          const others = peers.map((url, peer) => (peer === endpoint || url === null ? undefined : url));
          return addOver(server.channel({ session: meeting.session, endpoint, peers: others }), meeting, own(endpoint));
        }),
        page.evaluate(([told, mine]) => (globalThis as unknown as { party: Party }).party.addByPolling(told, mine), [
          meeting,
          { endpoint: 2, ...own(2) },
        ] as const),
      ]);
      for (const sum of sums) {
        expect(sum).toEqual(sums[0]);
        [11.25, 22, 126].forEach((exact, i) =>
          expect(Math.abs((sum[i] ?? 0) - exact)).toBeLessThanOrEqual(3 * 2 ** -17),
        );
      }
    } finally {
      await browser.close();
      site.close();
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('computes on shares what Node computes', async () => {
    const a = [1.5, -2, 3, 0.5];
    const b = [2, 4, 0.5, -8];
    const browser = await launchChromium();
    try {
      const { page } = await openPage(browser);
      await page.addScriptTag({ content: await bundle() });
      const there = await page.evaluate(
        ([left, right]) => (globalThis as unknown as { party: Party }).party.computeOnShares(left, right),
        [a, b] as const,
      );
      const here = await computeOnShares(a, b);
      const step = 2 ** -15;
      for (const { product, positive, largest } of [...there, ...here]) {
        a.forEach((left, i) => {
          const exact = left * (b[i] as number);
          expect(Math.abs((product[i] ?? NaN) - exact)).toBeLessThanOrEqual(step);
          expect(Math.abs((positive[i] ?? NaN) - Math.max(0, exact))).toBeLessThanOrEqual(step);
        });
        expect(largest).toEqual([0]);
      }
    } finally {
      await browser.close();
    }
  });
});
