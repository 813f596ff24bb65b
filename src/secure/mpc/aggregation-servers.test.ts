import { describe, expect, it } from 'vitest';

import { createAgreementKey, createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createRing, encodeRing, decodeRing } from '../../foundations/vector/index.ts';
import { assertFits, chiSquareTest, createTestRng } from '../../../test/statistical/assert.ts';
import { createAggregationServer, joinServerSums, splitForServers } from './aggregation-servers.ts';

const ring = createRing({ bitWidth: 20 });
const entries = 30;
const round = { taskId: 't', round: 1, attempt: 0, configDigest: new Uint8Array(32) };
const people = ['p', 'q', 'a', 'b', 'c', ...Array.from({ length: 5 }, (_, i) => `p${i}`)];
const identities = new Map(people.map((id, i) => [id, createSigningKey(new Uint8Array(32).fill(i + 100))]));
const identityOf = (id: string) => identities.get(id) as ReturnType<typeof createSigningKey>;
const roster = new Map(people.map((id) => [id, identityOf(id).publicKey]));
const setUp = (servers: number, size = entries) => {
  const privateKeys = Array.from({ length: servers }, (_, i) => new Uint8Array(32).fill(i + 1));
  const serverKeys = privateKeys.map((key) => createAgreementKey(key).publicKey);
  const list = privateKeys.map((privateKey, server) =>
    createAggregationServer({ ring, entries: size, server, servers, threshold: 3, privateKey, roster, round }),
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
        { ring, serverKeys, from: `p${i}`, round, identity: identityOf(`p${i}`) },
        createSeededRng(`${i}`),
      );
      expect(messages.map(({ length }) => length)).toEqual([
        ...Array.from({ length: servers - 1 }, () => 16 + 48 + 64),
        entries * 4 + 48 + 64,
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
      { ring, serverKeys, from: 'p', round, identity: identityOf('p') },
      createSeededRng('x'),
    ) as [Uint8Array, Uint8Array];
    const [server] = list as [(typeof list)[0] & object];
    expect(() => server.receive('p', second)).toThrow(expect.objectContaining({ code: 'mpc/unsigned' }));
    expect(() => server.receive('q', first)).toThrow(
      expect.objectContaining({ code: 'mpc/unsigned', details: { participant: 'q' } }),
    );
    const [stale] = splitForServers(
      encodeRing(values(1), ring),
      { ring, serverKeys, from: 'p', round: { ...round, round: 2 }, identity: identityOf('p') },
      createSeededRng('x'),
    ) as [Uint8Array];
    expect(() => server.receive('p', stale)).toThrow(expect.objectContaining({ code: 'mpc/unsigned' }));
    server.receive('p', first);
    expect(() => server.receive('p', first)).toThrow(expect.objectContaining({ code: 'mpc/malformed-message' }));
  });

  it('refuse contributors that somebody made up, signatures by others, and any changed byte', () => {
    const { serverKeys, list } = setUp(2);
    const [server] = list as [(typeof list)[0] & object];
    const make = (from: string, identity: ReturnType<typeof createSigningKey>, keys = serverKeys) =>
      splitForServers(
        encodeRing(values(1), ring),
        { ring, serverKeys: keys, from, round, identity },
        createSeededRng(from),
      )[0] as Uint8Array;
    const unsigned = expect.objectContaining({ code: 'mpc/unsigned' });
    const stranger = createSigningKey(new Uint8Array(32).fill(9));
    expect(() => server.receive('nobody', make('nobody', stranger))).toThrow(unsigned);
    expect(() => server.receive('a', make('a', stranger))).toThrow(unsigned);
    expect(() => server.receive('a', make('a', identityOf('b')))).toThrow(unsigned);
    const good = make('a', identityOf('a'));
    for (let at = 0; at < good.length; at += 1) {
      const changed = good.map((byte, i) => (i === at ? byte ^ 1 : byte));
      expect(() => server.receive('a', changed), `byte ${at}`).toThrow(unsigned);
    }
    for (const length of [0, 63, 64, 96]) expect(() => server.receive('a', good.subarray(0, length))).toThrow(unsigned);
    // Signed, but sealed to somebody else.
    const elsewhere = make('b', identityOf('b'), [serverKeys[1] as Uint8Array, serverKeys[0] as Uint8Array]);
    expect(() => server.receive('b', elsewhere)).toThrow(
      expect.objectContaining({ code: 'mpc/authentication-failed', details: { participant: 'b' } }),
    );
    // Two who have signed are fewer than three, whoever else is claimed.
    server.receive('a', good);
    server.receive('c', make('c', identityOf('c')));
    expect(() => server.sum(['a', 'c'])).toThrow(expect.objectContaining({ code: 'mpc/too-few-parties' }));
    expect(() => server.sum(['a', 'c', 'b'])).toThrow(/no share of "b"/);
  });

  it('see uniform bits alone', () => {
    const size = 40_000;
    const { serverKeys, list } = setUp(2, size);
    const rng = createTestRng('aggregation servers');
    for (const from of ['a', 'b', 'c']) {
      const constant = encodeRing(new Int32Array(size).fill(5), ring);
      splitForServers(constant, { ring, serverKeys, from, round, identity: identityOf(from) }, rng).forEach(
        (message, server) => list[server]?.receive(from, message),
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
