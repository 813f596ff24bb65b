/**
 * The faults of a simulation: who stops answering, and when.
 *
 * @module
 */

import { type Rng, sampleUint32Below } from '../../foundations/random/index.ts';

/** Answers a participant gives in one attempt: keys, shares, masked input, unmasking. */
export const ANSWERS_PER_ATTEMPT = 4;

/**
 * Draws the participants that are slow in everything they do.
 * @returns what the delays of a participant are multiplied by; 1 for most.
 */
export function drawStragglers(
  {
    participants,
    stragglers,
  }: {
    readonly participants: readonly string[];
    readonly stragglers: { readonly share: number; readonly slowdown: number } | undefined;
  },
  rng: Rng,
): (participant: string) => number {
  if (stragglers === undefined) return () => 1;
  const order = [...participants];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = sampleUint32Below(i + 1, rng);
    [order[i], order[j]] = [order[j] as string, order[i] as string];
  }
  const slow = new Set(order.slice(0, Math.round(stragglers.share * order.length)));
  return (participant) => (slow.has(participant) ? stragglers.slowdown : 1);
}

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
