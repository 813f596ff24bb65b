import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createBfvPreprocessing } from './bfv-triples.ts';
import { createLocalNetwork, runEndpoints } from './channel.ts';
import { createMpcSession } from './session.ts';

describe('triples made by two parties through BFV', () => {
  it('are triples modulo 2^64, and serve products and matrix products', async () => {
    const results = await runEndpoints(createLocalNetwork(2), async (channel) => {
      const rng = createSeededRng(`bfv ${channel.endpoint}`);
      const preprocessing = await createBfvPreprocessing(channel, rng);
      const triple = await preprocessing.request({ kind: 'triple', count: 50 });
      const session = createMpcSession({ channel, parties: 2, preprocessing, clampRange: 64 }, rng);
      const a = await session.share(0, session.party === 0 ? [1.5, -2, 3, 0.25] : undefined, [2, 2]);
      const b = await session.share(1, session.party === 1 ? [2, 4, -1, 8] : undefined, [2, 2]);
      const product = await session.reveal(await session.multiply(a, b), [0, 1]);
      const matrix = await session.reveal(await session.matmul(a, b), [0, 1]);
      const refused = await session.relu(a).catch((error: { code?: string }) => error.code);
      preprocessing.close();
      return { triple, product, matrix, refused, trust: session.trust };
    });
    const [first, second] = results as [(typeof results)[0] & object, (typeof results)[0] & object];
    const sum = (component: number, i: number) =>
      BigInt.asUintN(64, (first.triple[component]?.[i] as bigint) + (second.triple[component]?.[i] as bigint));
    for (let i = 0; i < 50; i += 1) expect(sum(2, i)).toBe(BigInt.asUintN(64, sum(0, i) * sum(1, i)));
    const near = (values: Float64Array | undefined, expected: readonly number[]) =>
      expected.forEach((value, i) => expect(Math.abs((values?.[i] as number) - value)).toBeLessThanOrEqual(2 ** -15));
    near(first.product, [3, -8, -3, 2]);
    near(second.matrix, [5, -10, 5.75, 14]);
    expect(first.refused).toBe('mpc/unsupported');
    expect(first.trust).toContain('nobody else is trusted');
  });
});
