/**
 * The faults of a simulation: who stops answering, and when.
 *
 * @module
 */

import { type Rng, sampleUint32Below } from '../../foundations/random/index.ts';

/** Answers a participant gives in one attempt: keys, shares, masked input, unmasking. */
export const ANSWERS_PER_ATTEMPT = 4;

/** Draws, for one attempt, how many answers each participant gives before it goes silent; Infinity for most. */
export function drawDropouts(
  { participants, dropoutRate }: { participants: readonly string[]; dropoutRate: number },
  rng: Rng,
): ReadonlyMap<string, number> {
  const limit = Math.round(dropoutRate * 2 ** 32);
  return new Map(
    participants.map((id) => {
      const drops = rng.uint32() < limit;
      return [id, drops ? sampleUint32Below(ANSWERS_PER_ATTEMPT, rng) : Number.POSITIVE_INFINITY] as const;
    }),
  );
}
