import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../test/statistical/assert.ts';
import { createLocalNetwork, type PartyChannel, runEndpoints } from './channel.ts';
import { connectDealer, runDealer } from './dealer.ts';
import { runLocalSession } from './local-session.ts';
import { createMpcSession, type MpcSession } from './session.ts';

const run = <T>(parties: number, program: (session: MpcSession) => Promise<T>, seed = 'session') =>
  runLocalSession({ parties }, program, createSeededRng(seed));
const everybody = (session: MpcSession) => Array.from({ length: session.parties }, (_, i) => i);
const ulp = 2 ** -16;
const reals = (seed: string, count: number, range = 100) => {
  const rng = createSeededRng(seed);
  return Float64Array.from(
    { length: count },
    () => Math.round((rng.uint32() / 2 ** 32 - 0.5) * 2 * range * 65_536) / 65_536,
  );
};
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));

describe.each([2, 3])('a session of %i parties', (parties) => {
  it('adds, subtracts, scales and multiplies', async () => {
    const [x, y] = [reals('x', 50), reals('y', 50)];
    const results = await run(parties, async (session) => {
      const a = await session.share(0, session.party === 0 ? x : undefined, [50]);
      const b = await session.share(1, session.party === 1 ? y : undefined, [50]);
      const open = (secret: typeof a) => session.reveal(secret, everybody(session)) as Promise<Float64Array>;
      return {
        sum: await open(session.add(a, b)),
        difference: await open(session.subtract(a, b)),
        triple: await open(await session.scale(a, 3)),
        half: await open(await session.scale(a, -0.5)),
        product: await open(await session.multiply(a, b)),
        total: await open(session.sum(a)),
        shifted: await open(session.add(a, session.constant(new Float64Array(50).fill(1.5), [50]))),
      };
    });
    for (const result of results) {
      expect(result.sum).toEqual(x.map((v, i) => v + (y[i] as number)));
      expect(result.difference).toEqual(x.map((v, i) => v - (y[i] as number)));
      expect(result.triple).toEqual(x.map((v) => 3 * v));
      expect(result.shifted).toEqual(x.map((v) => v + 1.5));
      expect(result.total[0]).toBe(x.reduce((a, b) => a + b, 0));
      expect(
        worst(
          result.half,
          x.map((v) => -v / 2),
        ),
      ).toBeLessThanOrEqual(ulp);
      expect(
        worst(
          result.product,
          x.map((v, i) => v * (y[i] as number)),
        ),
      ).toBeLessThanOrEqual(ulp);
    }
  });

  it('multiplies matrices', async () => {
    const [x, y] = [reals('x', 6 * 7, 10), reals('y', 7 * 5, 10)];
    const results = await run(parties, async (session) => {
      const a = await session.share(0, session.party === 0 ? x : undefined, [6, 7]);
      const b = await session.share(1, session.party === 1 ? y : undefined, [7, 5]);
      return (await session.reveal(await session.matmul(a, b), [0])) as Float64Array;
    });
    const exact = Float64Array.from({ length: 30 }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < 7; k += 1) sum += (x[Math.floor(i / 5) * 7 + k] as number) * (y[k * 5 + (i % 5)] as number);
      return sum;
    });
    expect(worst(results[0] as Float64Array, exact)).toBeLessThanOrEqual(ulp);
    expect(results[1]).toBeUndefined();
  });

  it('compares, rectifies and finds maxima, at the edges of the range too', async () => {
    const edges = [0, ulp, -ulp, 1, -1, 2 ** 20, -(2 ** 20), 2 ** 20 - ulp, 0.5, -0.5, 3, 3];
    const others = [0, 0, 0, 1, 1, -(2 ** 20), 2 ** 20, 2 ** 20, 0.5, 0.5, 3 + ulp, 3 - ulp];
    const results = await run(parties, async (session) => {
      const a = await session.share(0, session.party === 0 ? edges : undefined, [3, 4]);
      const b = await session.share(1, session.party === 1 ? others : undefined, [3, 4]);
      const open = (secret: typeof a) => session.reveal(secret, everybody(session)) as Promise<Float64Array>;
      return {
        less: await open(await session.lessThan(a, b)),
        relu: await open(await session.relu(a)),
        max: await open(await session.max(a)),
        argmax: await open(await session.argmax(a)),
      };
    });
    for (const { less, relu, max, argmax } of results) {
      expect([...less]).toEqual(edges.map((v, i) => (v < (others[i] as number) ? 1 : 0)));
      expect([...relu]).toEqual(edges.map((v) => Math.max(0, v)));
      expect([...max]).toEqual([1, 2 ** 20, 3]);
      expect([...argmax]).toEqual([3, 1, 2]);
    }
  });

  it('never errs in a comparison of random numbers, nor in a truncation by more than one unit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.integer({ min: -(2 ** 36), max: 2 ** 36 }), fc.integer({ min: -(2 ** 36), max: 2 ** 36 })),
          { minLength: 1, maxLength: 60 },
        ),
        fc.string(),
        async (pairs, seed) => {
          const [x, y] = [0, 1].map((side) => pairs.map((pair) => (pair[side] as number) / 65_536)) as [
            number[],
            number[],
          ];
          const [first] = await run(
            parties,
            async (session) => {
              const a = await session.share(0, session.party === 0 ? x : undefined, [x.length]);
              const b = await session.share(1, session.party === 1 ? y : undefined, [x.length]);
              return {
                less: await session.reveal(await session.lessThan(a, b), [0]),
                eighth: await session.reveal(await session.scale(a, 0.125), [0]),
              };
            },
            seed,
          );
          const result = first as { less: Float64Array; eighth: Float64Array };
          expect([...result.less]).toEqual(x.map((v, i) => (v < (y[i] as number) ? 1 : 0)));
          expect(
            worst(
              result.eighth,
              x.map((v) => v / 8),
            ),
          ).toBeLessThanOrEqual(ulp);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('shows a party nothing but uniform bytes before a reveal', async () => {
    const transcript: Uint8Array[] = [];
    const rngs = Array.from({ length: parties + 1 }, (_, i) => createTestRng(`transcript ${parties} ${i}`));
    await runEndpoints(createLocalNetwork(parties + 1), async (channel) => {
      const rng = rngs[channel.endpoint] as never;
      if (channel.endpoint === parties) return runDealer(channel, rng);
      const watched: PartyChannel =
        channel.endpoint !== 0
          ? channel
          : {
              ...channel,
              receive: async (from) => {
                const message = await channel.receive(from);
                // Openings are long; seeds are short.
                if (from !== parties && message.length > 1000) transcript.push(message);
                return message;
              },
            };
      const preprocessing = await connectDealer(watched, { dealer: 'test', parties });
      const session = createMpcSession({ channel: watched, parties, preprocessing }, rng);
      const secret = await session.share(1, session.party === 1 ? new Float64Array(5000).fill(7) : undefined, [5000]);
      await session.relu(await session.multiply(secret, secret));
      return preprocessing.finish();
    });
    const counts = Array.from({ length: 256 }, () => 0);
    for (const message of transcript) for (const byte of message) counts[byte] = (counts[byte] as number) + 1;
    expect(transcript.length).toBeGreaterThan(5);
    assertFits(
      chiSquareTest(
        counts,
        counts.map(() => 1 / 256),
      ),
    );
    const planted = counts.slice();
    planted[0] = (planted[0] as number) + 5000;
    assertRejected(
      chiSquareTest(
        planted,
        counts.map(() => 1 / 256),
      ),
    );
  });
});

describe('secrets', () => {
  it('have no number, text or JSON form, and belong to their session', async () => {
    let stranger: unknown;
    await run(2, async (session) => {
      const secret = await session.share(0, session.party === 0 ? [42] : undefined, [1]);
      expect(() => JSON.stringify({ secret })).toThrow(TypeError);
      expect(() => Number(secret)).toThrow(TypeError);
      expect(`${secret as unknown as string}`).toBe('[secret 1]');
      expect(Object.keys(secret)).toEqual(['shape', 'fractionBits']);
      stranger = secret;
    });
    await expect(run(2, (session) => session.reveal(stranger as never, [0]))).rejects.toMatchObject({
      code: 'mpc/foreign-secret',
    });
  });

  it('refuse overflow and shapes that do not fit', async () => {
    await expect(
      run(2, (session) => session.share(0, session.party === 0 ? [2 ** 21] : undefined, [1])),
    ).rejects.toMatchObject({ code: 'mpc/overflow' });
    await expect(
      run(2, (session) => session.share(0, session.party === 0 ? [1, 2] : undefined, [1])),
    ).rejects.toMatchObject({ code: 'mpc/shape-mismatch' });
    await expect(
      run(2, (session) => Promise.resolve(session.add(session.constant([1], [1]), session.constant([1, 2], [2])))),
    ).rejects.toMatchObject({ code: 'mpc/shape-mismatch' });
    await expect(
      runLocalSession({ parties: 2, fractionBits: 24 }, () => Promise.resolve(), createSeededRng('x')),
    ).rejects.toMatchObject({ code: 'mpc/overflow' });
  });

  it('stop when parties run different programs', async () => {
    await expect(
      run(2, async (session) => {
        const secret = await session.share(0, session.party === 0 ? [1, 2] : undefined, [2]);
        return session.party === 0 ? session.relu(secret) : session.multiply(secret, secret);
      }),
    ).rejects.toMatchObject({ code: 'mpc/parameters-differ' });
  });
});
