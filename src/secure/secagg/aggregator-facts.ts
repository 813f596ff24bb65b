/**
 * What follows from the state of an attempt once its stages have come so far: the graph, the survivor set as everybody
 * writes it, and whose noise is opened.
 *
 * @module
 */

import type { AggregatorState } from './aggregator-state.ts';
import { encodeBitmap } from './bitmap.ts';
import { computeMinSurvivors, type ResolvedConfig } from './config.ts';
import { createCompleteGraph, createHararyGraph, type Graph } from './graph.ts';
import { chooseOpenedNoise } from './noise.ts';

/** Creates the graph of a round whose seed is drawn. */
export function createRoundGraph({ cohort, graphSeed }: AggregatorState, { graph }: ResolvedConfig): Graph {
  return graph.kind === 'complete'
    ? createCompleteGraph(cohort.length)
    : createHararyGraph(cohort.length, { degree: graph.degree, seed: graphSeed as Uint8Array });
}

/** Encodes the survivor set, as it is signed. */
export function encodeSurvivors({ survivors, cohort }: AggregatorState): Uint8Array {
  return encodeBitmap(survivors, cohort.length);
}

/** Finds the survivors whose noise shares are opened: those beyond what is charged. */
export function findOpenedNoise(state: AggregatorState, config: ResolvedConfig): ReadonlySet<number> {
  const { survivors, cohort, session } = state;
  if (config.noise === undefined) return new Set();
  return chooseOpenedNoise(
    { bitmap: encodeSurvivors(state), places: survivors },
    {
      session: session as Uint8Array,
      size: cohort.length,
      minSurvivors: computeMinSurvivors(config, cohort.length),
    },
  );
}
