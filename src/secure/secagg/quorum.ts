/**
 * How many have to be left for a round to go on: enough contributions for a sum, enough signatures on the survivor set,
 * and enough holders of everybody's secrets to open it.
 *
 * @module
 */

import type { RoundGraph } from './aggregator-messages.ts';
import type { AggregatorState } from './aggregator-state.ts';
import { computeMinSurvivors, countSignaturesNeeded, type ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { Graph } from './graph.ts';
import type { SecAggStage } from './stages.ts';

/** A stage that ends, in its round. */
export interface Quorum {
  readonly stage: SecAggStage;
  readonly config: ResolvedConfig;
  readonly state: AggregatorState;
}

/** Participants that have to be left after a stage. */
function countNeeded({ stage, config, state }: Quorum): number {
  const size = state.cohort.length;
  const complete = config.graph.kind === 'complete' ? config.threshold : 2;
  // Once the sum stands, its secrets need their holders; before, every contribution of the floor.
  if (stage === 'unmask') return complete;
  if (stage === 'consistency') return Math.max(complete, countSignaturesNeeded(config, size).members);
  return Math.max(complete, computeMinSurvivors(config, size));
}

/** @throws {SecAggError} `secagg/too-few-survivors` when too few are left after a stage. */
export function assertEnough(quorum: Quorum, participants: number): void {
  const needed = countNeeded(quorum);
  if (participants >= needed) return;
  const { stage, state } = quorum;
  throw new SecAggError(
    'secagg/too-few-survivors',
    `${participants} of ${state.cohort.length} participants are left after stage ${stage}, ${needed} have to be`,
    { retryable: true, details: { stage, participants, threshold: needed } },
  );
}

/** Drops, until nothing changes, members whose secrets too few of the others hold. */
export function keepRecoverable(answered: ReadonlySet<number>, { graph, config }: RoundGraph): Set<number> {
  const kept = new Set(answered);
  if (graph.kind === 'complete') return kept;
  for (let changed = true; changed;) {
    changed = false;
    for (const place of kept) {
      const holders = graph.neighbors(place).filter((neighbor) => kept.has(neighbor)).length;
      if (holders >= config.threshold) continue;
      kept.delete(place);
      changed = true;
    }
  }
  return kept;
}

/**
 * Checks that every secret of the round has enough holders among `answered`.
 * @throws {SecAggError} `secagg/too-few-survivors`.
 */
export function assertHolders({ stage, config, state }: Quorum, answered: ReadonlySet<number>, graph: Graph): void {
  // On the complete graph everybody holds everything: the number of answers says it all.
  if (graph.kind === 'complete') return;
  for (const owner of state.sharers) {
    const holders = graph.neighbors(owner).filter((neighbor) => answered.has(neighbor)).length;
    if (holders >= config.threshold) continue;
    throw new SecAggError(
      'secagg/too-few-survivors',
      `${holders} holders of a member's secrets are left after stage ${stage}, ${config.threshold} have to be`,
      { retryable: true, details: { stage, participants: answered.size, threshold: config.threshold } },
    );
  }
}
