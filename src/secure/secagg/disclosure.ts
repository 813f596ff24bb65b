/**
 * The end of an attempt on the coordinator's side: the masks are out of the accumulator, the opened noise shares follow,
 * and the sum is told only when the count inside it fits the survivors.
 *
 * @module
 */

import { subtractRingInto } from '../../foundations/vector/index.ts';
import type { AggregatorState } from './aggregator-state.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { SecAggAdmission } from './identity.ts';
import { countMatches, weightOf } from './input.ts';
import { expandNoiseShare } from './noise.ts';
import { describeAdversary } from './policy.ts';
import { SECAGG_STAGES, type SecAggStage } from './stages.ts';
import type { Unmasking } from './unmasking.ts';

/** The sum of a round. */
export interface SecAggResult {
  readonly kind: 'result';
  /** Residues of the sum, u32 words, `ring.limbs` an entry. */
  readonly sum: Uint32Array;
  /** Who is in the sum. */
  readonly contributors: readonly string[];
  /** Who was asked in a stage and did not answer. */
  readonly dropouts: Readonly<Record<SecAggStage, readonly string[]>>;
  /** Sum of the contributors' public weights: their number without weights. */
  readonly totalWeight: number;
  /** Noise shares in the sum, exactly `minSurvivors` where the protocol adds noise. */
  readonly noiseShares: number;
  /** The adversary this round withstood, to be said wherever the sum is used. */
  readonly adversary: ReturnType<typeof describeAdversary>;
  /** Digest of everything the round was bound to. */
  readonly session: Uint8Array;
  readonly costs: { readonly maskExpansions: number; readonly agreements: number };
}

/**
 * Takes the opened noise out of an unmasked accumulator, checks the count and gives the sum.
 * @throws {SecAggError} `secagg/wrong-count`; the accumulator is empty then.
 */
export function discloseSum(
  state: AggregatorState,
  { masks, noiseSeeds, agreements }: Unmasking,
  { config, admission }: { readonly config: ResolvedConfig; readonly admission: SecAggAdmission },
): SecAggResult {
  const { ring, entries, noise } = config;
  const session = state.session as Uint8Array;
  const idsOf = (places: readonly number[]): readonly string[] => places.map((place) => state.cohort[place] as string);
  const body = state.accumulator.subarray(0, entries * ring.limbs);
  if (noise !== undefined) {
    for (const seed of noiseSeeds) {
      subtractRingInto(body, expandNoiseShare(seed, { session, noise, ring, entries }), ring);
    }
  }
  const contributors = idsOf([...state.survivors].toSorted((a, b) => a - b));
  const totalWeight = contributors.reduce((sum, id) => sum + weightOf(config, id), 0);
  if (!countMatches(state.accumulator, totalWeight, config)) {
    state.accumulator.fill(0);
    throw new SecAggError(
      'secagg/wrong-count',
      'the count in the sum does not fit the survivors: somebody had another view of the round; the sum is discarded',
      { retryable: true, details: { stage: 'unmask', contributors: contributors.length } },
    );
  }
  return {
    kind: 'result',
    sum: body.slice(),
    contributors,
    dropouts: Object.fromEntries(
      SECAGG_STAGES.map((stage) => [stage, idsOf(state.dropouts.get(stage) ?? [])]),
    ) as Record<SecAggStage, readonly string[]>,
    totalWeight,
    noiseShares: noise === undefined ? 0 : contributors.length - noiseSeeds.length,
    adversary: describeAdversary(config, admission),
    session,
    costs: { maskExpansions: masks.length, agreements },
  };
}
