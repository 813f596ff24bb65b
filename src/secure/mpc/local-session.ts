/**
 * A whole session in one process, dealer included: for tests, examples, and to see what a computation costs.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { createLocalNetwork, runEndpoints } from './channel.ts';
import { connectDealer, runDealer } from './dealer.ts';
import { createMpcSession, type MpcSession, type MpcSessionOptions } from './session.ts';

/**
 * Runs the same program once for every party.
 * @returns each party's result.
 */
export async function runLocalSession<T>(
  options: Omit<MpcSessionOptions, 'channel' | 'preprocessing'>,
  program: (session: MpcSession) => Promise<T>,
  rng: Rng,
): Promise<readonly T[]> {
  const { parties } = options;
  const rngs = Array.from({ length: parties + 1 }, (_, endpoint) => rng.fork(`endpoint ${endpoint}`));
  const results = await runEndpoints(createLocalNetwork(parties + 1), async (channel) => {
    const own = rngs[channel.endpoint] as Rng;
    if (channel.endpoint === parties) {
      await runDealer(channel, own);
      return undefined;
    }
    const preprocessing = await connectDealer(channel, { dealer: 'a dealer in this process', parties });
    const result = await program(createMpcSession({ ...options, channel, preprocessing }, own));
    await preprocessing.finish();
    return result;
  });
  return results.slice(0, parties) as T[];
}
