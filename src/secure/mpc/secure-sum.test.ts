import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';

import { createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng, type Rng } from '../../foundations/random/index.ts';
import { assertVariance, createTestRng } from '../../../test/statistical/assert.ts';
import { createRing, decodeRing } from '../../foundations/vector/index.ts';
import { addShareInto } from '../sharing/index.ts';
import { createLocalNetwork, type PartyChannel, runEndpoints } from './channel.ts';
import { sealChannel } from './sealed-channel.ts';
import { joinSecureSum, secureSum } from './secure-sum.ts';

const rng = () => createSeededRng('secure sum');

describe('secureSum', () => {
  it('sums vectors of integers exactly and reals within its stated error, for every reader alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 3, max: 7 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 8, 16, 30),
        async (parties, entries, fractionBits) => {
          const draw = createSeededRng(`${parties} ${entries}`);
          const real = () => (draw.uint32() / 2 ** 32 - 0.5) * 16;
          const vectors = Array.from({ length: parties }, () =>
            Float64Array.from({ length: entries }, () => (fractionBits === 0 ? Math.round(real()) : real())),
          );
          const results = await secureSum(vectors, { clampRange: 8, fractionBits }, rng());
          const first = results[0]?.sum as Float64Array;
          for (const { sum, transcript } of results) {
            expect(sum).toEqual(first);
            expect(transcript).toEqual(results[0]?.transcript);
          }
          const { maxError } = results[0] as { maxError: number };
          first.forEach((value, i) => {
            const exact = vectors.reduce((total, vector) => total + (vector[i] as number), 0);
            expect(Math.abs(value - exact)).toBeLessThanOrEqual(fractionBits === 0 ? 0 : maxError + 1e-12);
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('states what float64 loses of a sum beyond 53 bits', async () => {
    const values = [8191.3, 8190.7, 8189.1];
    const options = { clampRange: 8192, fractionBits: 40 };
    const [result] = await secureSum(values, options, rng());
    const exact = values.reduce((sum, value) => sum + BigInt(value * 2 ** 40), 0n);
    const off = Math.abs(Number(BigInt((result?.sum as number) * 2 ** 40) - exact)) / 2 ** 40;
    expect(off).toBeGreaterThan(0);
    expect(off).toBeLessThanOrEqual(result?.maxError as number);
    expect(result?.maxError).toBeGreaterThan(3 * 2 ** -41);
  });

  it('sums numbers and tables with the same signature', async () => {
    const [number] = await secureSum([1, 2, 4], { clampRange: 10 }, rng());
    expect(number?.sum).toBe(7);
    expectTypeOf(number?.sum).toEqualTypeOf<number | undefined>();
    const row = (x: number) => ({ count: x, histogram: [x, 0, 2 * x] });
    const [table] = await secureSum([row(1), row(2), row(3)], { clampRange: 10, fractionBits: 0 }, rng());
    expect(table?.sum).toEqual({ count: 6, histogram: Float64Array.of(6, 0, 12) });
  });

  it('sends 16 (n − 1) bytes of shares a party, and each partial sum to its readers', async () => {
    const vectors = Array.from({ length: 5 }, () => new Float64Array(1000));
    const [first, second] = await secureSum(vectors, { clampRange: 8, readers: [1] }, rng());
    expect(first?.bytes).toEqual({ shares: 64, opening: 4000 + 32 });
    expect(first?.sum).toBeUndefined();
    expect(second?.bytes).toEqual({ shares: 64, opening: 0 });
    expect(second?.sum).toEqual(new Float64Array(1000));
  });

  it('opens nothing for fewer than three parties without noise', async () => {
    await expect(secureSum([1, 2], { clampRange: 8 }, rng())).rejects.toMatchObject({ code: 'mpc/too-few-parties' });
    await expect(secureSum([1, 2, 3], { clampRange: 8, minParties: 4 }, rng())).rejects.toMatchObject({
      code: 'mpc/too-few-parties',
    });
    const noise = { clipNorm: 1, noiseMultiplier: 1, honestParties: 1 };
    await expect(secureSum([1, 2], { clampRange: 8, fractionBits: 8, noise }, rng())).resolves.toHaveLength(2);
    await expect(secureSum([1], { clampRange: 8, fractionBits: 8, noise }, rng())).rejects.toMatchObject({
      code: 'mpc/too-few-parties',
    });
  });

  it('refuses values out of range and parties with other parameters', async () => {
    await expect(secureSum([1, 9, 1], { clampRange: 8 }, rng())).rejects.toMatchObject({ code: 'sharing/overflow' });
    const channels = createLocalNetwork(3);
    const bits = [16, 16, 15];
    await expect(
      runEndpoints(channels, (channel) =>
        joinSecureSum(
          channel,
          1,
          { clampRange: 8, fractionBits: bits[channel.endpoint] as number },
          createSeededRng(`${channel.endpoint}`),
        ),
      ),
    ).rejects.toMatchObject({ code: 'mpc/parameters-differ' });
  });

  it('gives nothing to a party that takes part with other parameters, whatever it makes of the messages', async () => {
    const channels = createLocalNetwork(3);
    const openings: Uint32Array[] = [];
    const seeds: Uint8Array[] = [];
    // Party 2 believes in other parameters, and looks at what comes.
    const curious = async (channel: PartyChannel) => {
      const own = [0, 1].map((to) => ({ to, seed: new Uint8Array(16).fill(to + 1) }));
      for (const { to, seed } of own) await channel.send(to, seed);
      for (const from of [0, 1]) seeds.push(await channel.receive(from));
      for (const from of [0, 1]) openings.push(new Uint32Array((await channel.receive(from)).slice(32).buffer));
      channel.close();
      return own;
    };
    const values = new Float64Array(64).fill(3);
    const [, , own] = await Promise.all(
      channels.map((channel) =>
        channel.endpoint === 2
          ? curious(channel)
          : joinSecureSum(channel, values, { clampRange: 8 }, createSeededRng(`${channel.endpoint}`)).catch(() => []),
      ),
    );
    // What a party with the right parameters would do: take the own seeds out, put the others' in.
    const ring = createRing({ bitWidth: 32 });
    const sum = (openings[0] as Uint32Array).map((word, i) => (word + (openings[1]?.[i] as number)) >>> 0);
    for (const seed of seeds) addShareInto(sum, { kind: 'seed', seed }, ring);
    const added = new Uint32Array(64);
    for (const { seed } of own as { seed: Uint8Array }[]) addShareInto(added, { kind: 'seed', seed }, ring);
    const opened = decodeRing(
      sum.map((word, i) => (word - (added[i] as number)) >>> 0),
      ring,
    );
    expect(opened.filter((value) => Math.abs(value) < 2 ** 24).length).toBeLessThan(16);
  });

  it('adds noise of the stated variance inside, and charges it before anything leaves', async () => {
    const calls: string[] = [];
    const ledger = {
      reserve: ({ event }: { event: { kind: string } }) => {
        calls.push(`reserve ${event.kind}`);
        return Promise.resolve({ id: '1', purpose: 'x', round: null, attempt: null } as never);
      },
      commit: () => Promise.resolve(void calls.push('commit')),
      abort: () => Promise.resolve(void calls.push('abort')),
    };
    const entries = 20_000;
    const noise = { clipNorm: 1, noiseMultiplier: 2, honestParties: 2, ledger };
    const zeros = Array.from({ length: 3 }, () => new Float64Array(entries));
    const [first] = await secureSum(zeros, { clampRange: 1, fractionBits: 4, noise }, createTestRng('noise inside'));
    // Each of three parties adds half of (2 · sensitivity)².
    const sensitivity = 16 + Math.sqrt(entries) / 2;
    const sum = first?.sum as Float64Array;
    const steps = sum.map((value) => value * 16);
    assertVariance(steps, (3 / 2) * (2 * sensitivity) ** 2);
    expect(calls).toEqual(
      ['reserve', 'reserve', 'reserve']
        .map((call) => `${call} distributedDiscreteGaussian`)
        .concat(['commit', 'commit', 'commit']),
    );
  });
});

describe('sealed channels', () => {
  const identities = [0, 1, 2].map((i) => createSigningKey(new Uint8Array(32).fill(i + 1)));
  const roster = identities.map(({ publicKey }) => publicKey);
  const open = (channel: PartyChannel, sessionId = 'session', keys = identities) =>
    sealChannel(
      channel,
      { identity: keys[channel.endpoint] as never, roster, sessionId: new TextEncoder().encode(sessionId) },
      createSeededRng(`channel ${channel.endpoint}`),
    );
  const sum = async (channel: PartyChannel) =>
    joinSecureSum(channel, 1, { clampRange: 8 }, createSeededRng('x') as Rng);

  it('carries a sum', async () => {
    const results = await runEndpoints(createLocalNetwork(3), async (channel) => sum(await open(channel)));
    expect(results.map((result) => result.sum)).toEqual([3, 3, 3]);
  });

  it('refuses another identity, another session, and any changed, replayed or redirected message', async () => {
    const impostor = [identities[0], identities[1], createSigningKey(new Uint8Array(32).fill(9))] as typeof identities;
    await expect(runEndpoints(createLocalNetwork(3), (channel) => open(channel, 's', impostor))).rejects.toMatchObject({
      code: 'mpc/authentication-failed',
    });
    await expect(
      runEndpoints(createLocalNetwork(3), (channel) => open(channel, `s${channel.endpoint}`)),
    ).rejects.toMatchObject({ code: 'mpc/authentication-failed' });
    const attacks: ((message: Uint8Array, earlier: Uint8Array[]) => Uint8Array)[] = [
      (message) => message.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
      (message) => message.slice(0, -1),
      (_, earlier) => earlier.at(-1) as Uint8Array,
    ];
    for (const attack of attacks) {
      const earlier: Uint8Array[] = [];
      const tampering = createLocalNetwork(3).map((channel): PartyChannel => ({
        endpoint: channel.endpoint,
        endpoints: channel.endpoints,
        receive: (from) => channel.receive(from),
        close: (reason) => channel.close(reason),
        send(to, message) {
          // The first message is the handshake; a replay needs one sealed message before it.
          if (channel.endpoint !== 1 || to !== 0) return channel.send(to, message);
          const changed = earlier.length < 2 ? message : attack(message, earlier);
          earlier.push(message);
          return channel.send(to, changed);
        },
      }));
      await expect(runEndpoints(tampering, async (channel) => sum(await open(channel)))).rejects.toMatchObject({
        code: 'mpc/authentication-failed',
        details: { endpoint: 1 },
      });
    }
  });
});
