import { describe, expect, it } from 'vitest';

import { createAgreementKey } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createRing, encodeRing, decodeRing } from '../../foundations/vector/index.ts';
import { assertFits, chiSquareTest, createTestRng } from '../../../test/statistical/assert.ts';
import { createAggregationServer, joinServerSums, splitForServers } from './aggregation-servers.ts';

const ring = createRing({ bitWidth: 20 });
const entries = 30;
const round = { taskId: 't', round: 1, attempt: 0, configDigest: new Uint8Array(32) };
const setUp = (servers: number, size = entries) => {
  const privateKeys = Array.from({ length: servers }, (_, i) => new Uint8Array(32).fill(i + 1));
  const serverKeys = privateKeys.map((key) => createAgreementKey(key).publicKey);
  const list = privateKeys.map((privateKey, server) =>
    createAggregationServer({ ring, entries: size, server, servers, threshold: 3, privateKey, round }),
  );
  return { serverKeys, list };
};
const values = (i: number) => Int32Array.from({ length: entries }, (_, k) => (k - 15) * i);

describe('aggregation servers', () => {
  it.each([2, 3])('sum over the contributors that all %i have', (servers) => {
    const { serverKeys, list } = setUp(servers);
    for (let i = 0; i < 5; i += 1) {
      const messages = splitForServers(
        encodeRing(values(i), ring),
        { ring, serverKeys, from: `p${i}`, round },
        createSeededRng(`${i}`),
      );
      expect(messages.map(({ length }) => length)).toEqual([
        ...Array.from({ length: servers - 1 }, () => 16 + 48),
        entries * 4 + 48,
      ]);
      messages.forEach((message, server) => list[server]?.receive(`p${i}`, message));
    }
    const chosen = ['p1', 'p2', 'p4'];
    const total = joinServerSums(
      list.map((server) => server.sum(chosen)),
      { ring, entries, servers },
    );
    expect(decodeRing(total, ring)).toEqual(Float64Array.from(values(7)));
    expect(() => list[0]?.sum(['p1', 'p2', 'p3'])).toThrow(/another set/);
    expect(() => list[0]?.sum(['p1', 'p2'])).toThrow(expect.objectContaining({ code: 'mpc/too-few-parties' }));
    expect(() =>
      joinServerSums(
        list.slice(1).map((server) => server.sum(chosen)),
        { ring, entries, servers },
      ),
    ).toThrow(expect.objectContaining({ code: 'mpc/parameters-differ' }));
  });

  it('refuse shares for another server, round or participant, and repeats', () => {
    const { serverKeys, list } = setUp(2);
    const [first, second] = splitForServers(
      encodeRing(values(1), ring),
      { ring, serverKeys, from: 'p', round },
      createSeededRng('x'),
    ) as [Uint8Array, Uint8Array];
    const [server] = list as [(typeof list)[0] & object];
    expect(() => server.receive('p', second)).toThrow(expect.objectContaining({ code: 'mpc/authentication-failed' }));
    expect(() => server.receive('q', first)).toThrow(
      expect.objectContaining({ code: 'mpc/authentication-failed', details: { participant: 'q' } }),
    );
    const [stale] = splitForServers(
      encodeRing(values(1), ring),
      { ring, serverKeys, from: 'p', round: { ...round, round: 2 } },
      createSeededRng('x'),
    ) as [Uint8Array];
    expect(() => server.receive('p', stale)).toThrow(expect.objectContaining({ code: 'mpc/authentication-failed' }));
    server.receive('p', first);
    expect(() => server.receive('p', first)).toThrow(expect.objectContaining({ code: 'mpc/malformed-message' }));
  });

  it('see uniform bits alone', () => {
    const size = 40_000;
    const { serverKeys, list } = setUp(2, size);
    const rng = createTestRng('aggregation servers');
    for (const from of ['a', 'b', 'c']) {
      const constant = encodeRing(new Int32Array(size).fill(5), ring);
      splitForServers(constant, { ring, serverKeys, from, round }, rng).forEach((message, server) =>
        list[server]?.receive(from, message),
      );
    }
    for (const server of list) {
      const sum = server.sum(['a', 'b', 'c']);
      const words = new Uint32Array(sum.slice(32).buffer);
      const counts = Array.from({ length: 1024 }, () => 0);
      for (const word of words) counts[word >>> 10] = (counts[word >>> 10] as number) + 1;
      assertFits(
        chiSquareTest(
          counts,
          counts.map(() => 1 / 1024),
        ),
      );
    }
  });
});
