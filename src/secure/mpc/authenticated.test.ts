import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { type AuthenticatedSession, createAuthenticatedSession } from './authenticated.ts';
import { createLocalNetwork, type PartyChannel, runEndpoints } from './channel.ts';
import { connectDealer, runDealer } from './dealer.ts';
import { MpcError } from './errors.ts';

type Wrap = (channel: PartyChannel) => PartyChannel;

/** Runs a program in every party; errors are returned. */
function run<T>(
  parties: number,
  program: (session: AuthenticatedSession) => Promise<T>,
  { seed = 'auth', wrap = (channel: PartyChannel) => channel } = {} as { seed?: string; wrap?: Wrap },
) {
  return runEndpoints(createLocalNetwork(parties + 1), async (channel): Promise<T | MpcError | undefined> => {
    const rng = createSeededRng(`${seed} ${channel.endpoint}`);
    if (channel.endpoint === parties)
      return runDealer(channel, rng).then(
        () => undefined,
        () => {
          channel.close();
          return undefined;
        },
      );
    try {
      const preprocessing = await connectDealer(channel, { dealer: 'test', parties });
      const result = await program(
        await createAuthenticatedSession({ channel: wrap(channel), parties, preprocessing }, rng),
      );
      await preprocessing.finish();
      return result;
    } catch (error) {
      channel.close();
      return error as MpcError;
    }
  });
}

const x = [1.5, -2, 3.25, 0.125, -7, 8];
const y = [0.5, 4, -1, 2, 3, -0.25];

const program = async (session: AuthenticatedSession) => {
  const a = await session.share(0, session.party === 0 ? x : undefined, [2, 3]);
  const b = await session.share(1, session.party === 1 ? y : undefined, [2, 3]);
  const c = await session.share(1, session.party === 1 ? y : undefined, [3, 2]);
  const product = await session.multiply(a, b);
  return {
    sum: await session.reveal(session.add(session.scale(a, 3), b)),
    shifted: await session.reveal(session.addPublic(session.subtract(a, b), y)),
    product: await session.reveal(product),
    matrix: await session.reveal(session.addPublic(await session.matmul(a, c), [1, 1, 1, 1])),
  };
};

/** Changes the n-th message that party 1 sends to another party. */
const tamper = (nth: number, change: (message: Uint8Array) => Uint8Array): { wrap: Wrap; sent: () => number } => {
  let count = 0;
  return {
    sent: () => count,
    wrap: (channel) =>
      channel.endpoint !== 1
        ? channel
        : {
            ...channel,
            send(to, message) {
              const target = to < channel.endpoints - 1;
              if (target) count += 1;
              return channel.send(to, target && count === nth + 1 ? change(message) : message);
            },
          },
  };
};

describe('a session that found a cheat', () => {
  it('has ended: nothing that was computed with what was changed is released afterwards', async () => {
    // Party 1 adds one to its first masked factor: the product is off by the other factor, and so is its MAC.
    const first = 2 + 1;
    const { wrap } = tamper(first - 1, (message) => message.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
    const errors: unknown[] = [];
    const [released] = await run(
      2,
      async (session) => {
        const a = await session.share(0, session.party === 0 ? [1.5] : undefined, [1]);
        const b = await session.share(1, session.party === 1 ? [2] : undefined, [1]);
        const c = await session.share(1, session.party === 1 ? [4] : undefined, [1]);
        const product = await session.multiply(a, b);
        const tries = [product, c, product, a];
        for (const secret of tries) {
          try {
            await session.reveal(secret);
          } catch (error) {
            if (session.party === 0) errors.push(error);
          }
        }
        await expect(session.multiply(a, b)).rejects.toThrow();
        await expect(session.share(0, session.party === 0 ? [1] : undefined, [1])).rejects.toThrow();
        return errors.length;
      },
      { wrap },
    );
    expect(released).toBe(4);
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'mpc/cheating-detected', details: { blamed: [1] } });
  });

  it('holds secrets that have no number or text', async () => {
    await run(2, async (session) => {
      const a = await session.share(0, session.party === 0 ? [1.5] : undefined, [1]);
      expect(() => Number(a)).toThrow(TypeError);
      expect(() => JSON.stringify(a)).toThrow(TypeError);
      expect(`${a as unknown as string}`).toBe('[secret 1]');
    });
  });
});

describe.each([2, 3])('authenticated shares of %i parties', (parties) => {
  it('compute sums, products and matrix products', async () => {
    const results = await run(parties, program);
    for (const result of results.slice(0, parties) as Awaited<ReturnType<typeof program>>[]) {
      expect([...result.sum]).toEqual(x.map((v, i) => 3 * v + (y[i] as number)));
      expect([...result.shifted]).toEqual(x);
      expect([...result.product]).toEqual(x.map((v, i) => v * (y[i] as number)));
      const matrix = [0, 1, 2, 3].map((i) =>
        [0, 1, 2].reduce(
          (sum, k) => sum + (x[Math.floor(i / 2) * 3 + k] as number) * (y[k * 2 + (i % 2)] as number),
          1,
        ),
      );
      expect([...result.matrix]).toEqual(matrix);
    }
  });

  it('find out every changed message before anything wrong is released, and name the other of two', async () => {
    const probe = tamper(-1, (message) => message);
    await run(parties, program, { wrap: probe.wrap });
    const messages = probe.sent();
    expect(messages).toBeGreaterThan(20);
    const honest = (await run(parties, program))[0] as Awaited<ReturnType<typeof program>>;
    const textOf = (result: typeof honest) => JSON.stringify(Object.values(result).map((values) => [...values]));
    const outcomes: string[] = [];
    for (let nth = 0; nth < messages; nth += 1) {
      const { wrap } = tamper(nth, (message) =>
        message.map((byte, i) => (i === nth % message.length ? byte ^ (1 << (nth % 8)) : byte)),
      );
      const [victim] = await run(parties, program, { wrap, seed: `tamper ${nth}` });
      outcomes.push(victim instanceof MpcError ? 'abort' : textOf(victim as typeof honest));
    }
    // A change of the bits above 64 may pass now and then: it changes nothing that is ever read.
    expect(outcomes.filter((outcome) => outcome !== 'abort' && outcome !== textOf(honest))).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 'abort').length).toBeGreaterThan(0.8 * messages);
    const { wrap } = tamper(messages - (parties - 1), (message) => message.map((byte) => byte ^ 1));
    const [victim] = await run(parties, program, { wrap });
    expect(victim).toMatchObject({ code: 'mpc/cheating-detected', details: { blamed: parties === 2 ? [1] : [] } });
  });
});
