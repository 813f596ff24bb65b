/**
 * Events that stand for compositions of others.
 *
 * @module
 */

import { gaussian, poissonSampled, selfComposed } from './constructors.ts';
import type { EventOf } from './event.ts';

/**
 * Expands a banded matrix factorisation with sampling inside the groups: it costs as much as ⌈iterations/bands⌉ sampled
 * Gaussians, [CGMRT23] theorem 4 (arXiv 2306.08153 v2), for a strategy of column norm one.
 */
export function expandBandedMatrixFactorization(event: EventOf<'bandedMatrixFactorization'>): EventOf<'selfComposed'> {
  const { noiseMultiplier, samplingRate, iterations, bands } = event;
  const round = poissonSampled({ samplingRate, event: gaussian({ noiseMultiplier }) });
  return selfComposed(round, Math.ceil(iterations / bands));
}
