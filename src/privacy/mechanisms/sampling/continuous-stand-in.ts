/**
 * Discrete Gaussian sums inside samplings that are accounted for as continuous Gaussian ones.
 *
 * A draw from N(v, s²) can be post-processed into a lattice point whose law is that of v plus a discrete Gaussian of
 * parameter s² + r², up to a factor e^{±η} on every probability, with η = 4.1·d·exp(−2π²r²) in d dimensions (r² ≥ ¼; the
 * argument is written out in the accountant's lattice-gaussian.ts). With η = 10^−20 this takes r² ≈ 3 squared grid steps
 * out of σ². Sampling before the noise mixes such laws and keeps the factor. So the discrete mechanism costs what the
 * continuous one does with the multiplier √(σ² − r²)/Δ, plus 2η in ε and a factor e^η on δ, which the (2η, 2η) event
 * beside it more than pays.
 *
 * @module
 */

import { composed, epsilonDelta, gaussian, type DpEvent, type EventOf } from '../../accounting/index.ts';

const ETA = 1e-20;

/** A continuous Gaussian event, and what must be composed beside it (nothing, when the event was continuous). */
export interface StandIn {
  readonly event: EventOf<'gaussian'>;
  readonly slack: readonly DpEvent[];
}

/** The stand-in of one Gaussian sum, or undefined for any other event and for noise too narrow for the argument. */
export function findStandIn(event: DpEvent): StandIn | undefined {
  if (event.kind === 'gaussian') return { event, slack: [] };
  if (event.kind !== 'discreteGaussian' || event.dimension === null || event.sensitivity === 0) return undefined;
  const variance = event.sigma * event.sigma;
  const spread = Math.max(0.25, Math.log((4.2 * event.dimension) / ETA) / (2 * Math.PI * Math.PI));
  if (!(spread < variance / 2)) return undefined;
  const noiseMultiplier = (Math.sqrt(variance - spread) / event.sensitivity) * (1 - 2 ** -48);
  return { event: gaussian({ noiseMultiplier }), slack: [epsilonDelta({ epsilon: 2 * ETA, delta: 2 * ETA })] };
}

/**
 * The stand-in of several Gaussian sums taken on the same sample: one Gaussian of multiplier (Σ z⁻²)^(−1/2), since sums
 * scaled by their noise are one vector with noise of variance one.
 */
export function findJointStandIn(event: DpEvent): StandIn | undefined {
  if (event.kind !== 'composed') return findStandIn(event);
  const parts = event.events.map(findJointStandIn);
  if (parts.length === 0 || parts.some((part) => part === undefined)) return undefined;
  const known = parts as readonly StandIn[];
  const precision = known.reduce((sum, part) => sum + part.event.noiseMultiplier ** -2, 0);
  return {
    event: gaussian({ noiseMultiplier: precision ** -0.5 * (1 - 2 ** -45) }),
    slack: known.flatMap((part) => part.slack),
  };
}

/** The event together with its slack. */
export function withSlack(event: DpEvent, slack: readonly DpEvent[]): DpEvent {
  return slack.length === 0 ? event : composed([event, ...slack]);
}
