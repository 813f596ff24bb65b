import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { assertVariance, createTestRng } from '../../../test/statistical/assert.ts';
import { createLocalNetwork, type PartyChannel, runEndpoints } from './channel.ts';
import { runLocalSession } from './local-session.ts';
import { intersectionCardinality } from './set-intersection.ts';
import { computeHistogram, computeLinearRegression, computeMoments } from './statistics.ts';

const rng = createSeededRng('statistics');
const uniform = (range: number) => (rng.uint32() / 2 ** 32 - 0.5) * 2 * range;
const parts = [40, 25, 60].map((count) => Float64Array.from({ length: count }, () => uniform(50)));
const all = parts.flatMap((part) => [...part]);
const run = <T>(program: (channel: PartyChannel) => Promise<T>) => runEndpoints(createLocalNetwork(3), program);
const options = { clampRange: 50, maxRecords: 100 };
const own = (channel: PartyChannel) => createSeededRng(`party ${channel.endpoint}`);

describe('statistics over three parties', () => {
  it('are those of all records', async () => {
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length;
    const results = await run((channel) =>
      computeMoments(channel, parts[channel.endpoint] as Float64Array, options, own(channel)),
    );
    for (const { value } of results) {
      expect(value.count).toBe(125);
      expect(Math.abs(value.mean - mean)).toBeLessThan(1e-3);
      expect(Math.abs(value.variance - variance) / variance).toBeLessThan(1e-3);
    }
    const edges = [-50, -10, 0, 25, 50];
    const [histogram] = await run((channel) =>
      computeHistogram(channel, parts[channel.endpoint] as Float64Array, { ...options, edges }, own(channel)),
    );
    expect([...(histogram?.value ?? [])]).toEqual(
      edges.slice(1).map((edge, i) => all.filter((x) => x >= (edges[i] as number) && x < edge).length),
    );
  });

  it('fit the line that the records lie on', async () => {
    const data = parts.map((part) => {
      const features = Float64Array.from({ length: part.length * 2 }, () => uniform(4));
      const targets = Float64Array.from(
        { length: part.length },
        (_, r) => 2 * (features[2 * r] as number) - 0.5 * (features[2 * r + 1] as number) + 3,
      );
      return { features, targets, columns: 2 };
    });
    const [result] = await run((channel) =>
      computeLinearRegression(
        channel,
        data[channel.endpoint] as (typeof data)[0] & object,
        { clampRange: 20, maxRecords: 100, fractionBits: 20 },
        own(channel),
      ),
    );
    const { coefficients, intercept } = result?.value ?? { coefficients: [], intercept: 0 };
    expect(Math.abs((coefficients[0] as number) - 2)).toBeLessThan(0.01);
    expect(Math.abs((coefficients[1] as number) + 0.5)).toBeLessThan(0.01);
    expect(Math.abs(intercept - 3)).toBeLessThan(0.01);
  });

  it('refuse more records than agreed and records that are no numbers', async () => {
    await expect(
      run((channel) => computeMoments(channel, new Float64Array(101), options, own(channel))),
    ).rejects.toMatchObject({ code: 'mpc/overflow' });
    await expect(run((channel) => computeMoments(channel, [Number.NaN], options, own(channel)))).rejects.toMatchObject({
      code: 'mpc/overflow',
    });
  });

  it('charge a noised histogram to the ledger, once a party, before it leaves', async () => {
    const calls: string[] = [];
    const ledger = {
      reserve: () => Promise.resolve(calls.push('reserve') as never),
      commit: () => Promise.resolve(void calls.push('commit')),
      abort: () => Promise.resolve(void calls.push('abort')),
    };
    const noise = { clipNorm: 100, noiseMultiplier: 1, honestParties: 2, ledger };
    await run((channel) =>
      computeHistogram(
        channel,
        parts[channel.endpoint] as Float64Array,
        { ...options, edges: [-50, 0, 50], noise },
        own(channel),
      ),
    );
    expect(calls.slice(0, 3)).toEqual(['reserve', 'reserve', 'reserve']);
    expect(calls.slice(3)).toEqual(['commit', 'commit', 'commit']);
  });
});

describe('set intersection', () => {
  const sets = [
    Array.from({ length: 60 }, (_, i) => `user ${i}`),
    Array.from({ length: 80 }, (_, i) => `user ${i + 37}`),
  ] as const;
  const sizes = [60, 80] as const;

  it('counts common elements, and only counts', async () => {
    const results = await runLocalSession(
      { parties: 2 },
      (session) => intersectionCardinality(session, sets[session.party as 0 | 1], { sizes, salt: 'run 1' }),
      rng,
    );
    expect(results.map(({ cardinality }) => cardinality)).toEqual([23, 23]);
    const none = await runLocalSession(
      { parties: 2 },
      (session) =>
        intersectionCardinality(
          session,
          sets[session.party as 0 | 1].map((name) => name + session.party),
          { sizes, salt: 'run 2' },
        ),
      rng,
    );
    expect(none[0]?.cardinality).toBe(0);
  });

  it('counts in sets of a thousand, whichever the salt', async () => {
    for (const salt of ['a', 'b']) {
      const own = [
        Array.from({ length: 1000 }, (_, i) => `user ${i}`),
        Array.from({ length: 700 }, (_, i) => `user ${i + 600}`),
      ] as const;
      const [result] = await runLocalSession(
        { parties: 2 },
        (session) => intersectionCardinality(session, own[session.party as 0 | 1], { sizes: [1000, 700], salt }),
        rng,
      );
      expect(result?.cardinality).toBe(400);
    }
  });

  it('adds the noise of both parties inside', async () => {
    const errors: number[] = [];
    for (let i = 0; i < 60; i += 1) {
      const [result] = await runLocalSession(
        { parties: 2 },
        (session) =>
          intersectionCardinality(session, session.party === 0 ? ['a', 'b'] : ['b', 'c'], {
            sizes: [2, 2],
            salt: `${i}`,
            noise: { noiseMultiplier: 10 },
          }),
        // Forks of a seeded generator follow from its seed alone: one seed a run.
        createTestRng(`intersection noise ${i}`),
      );
      errors.push((result?.cardinality as number) - 1);
    }
    assertVariance(errors, 200);
  });

  it('keeps what was charged when the other party leaves before the count is opened', async () => {
    const calls: string[] = [];
    const ledger = {
      reserve: () => {
        calls.push('reserve');
        return Promise.resolve({ id: 'r' });
      },
      commit: () => Promise.resolve(void calls.push('commit')),
      abort: (_: unknown, { dataTouched }: { dataTouched: boolean }) =>
        Promise.resolve(void calls.push(`abort ${dataTouched}`)),
    } as never;
    const left = runLocalSession(
      { parties: 2 },
      (session) => {
        if (session.party === 1) return Promise.reject(new Error('gone'));
        const noise = { noiseMultiplier: 10, ledger };
        return intersectionCardinality(session, ['a', 'b'], { sizes: [2, 2], salt: 's', noise });
      },
      rng,
    );
    await expect(left).rejects.toThrow('gone');
    await expect.poll(() => calls).toEqual(['reserve', 'abort true']);
  });

  it('refuses a set of another size', async () => {
    await expect(
      runLocalSession({ parties: 2 }, (session) => intersectionCardinality(session, ['a'], { sizes, salt: 'x' }), rng),
    ).rejects.toMatchObject({ code: 'mpc/parameters-differ' });
  });
});
