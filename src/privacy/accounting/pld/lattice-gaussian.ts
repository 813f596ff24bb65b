/**
 * Discrete Gaussians in many dimensions as post-processing of a continuous one.
 *
 * **The lattice argument.** Let v be an integer vector and y = v + N(0, s²I). Given y, draw each coordinate x_i on the
 * integers with probability proportional to exp(−(x_i − y_i)²/2r²). Completing the square,
 *   P(x | v) = ∫ N(y; v, s²)·exp(−(x−y)²/2r²)/ρ_r(y) dy, ρ_r(y) = Σ_{k∈ℤ} exp(−(k−y)²/2r²),
 * and by Poisson summation ρ_r(y) lies between √(2π)r·θ₄(p) and √(2π)r·θ₃(p) with p = exp(−2π²r²). Were it constant,
 * P(x | v) would be the discrete Gaussian of parameter s² + r² about v exactly; so their log-ratio is at most
 * log θ₃/θ₄ ≤ 4.1·p per coordinate (r² ≥ 1/4). The draw does not look at v. Hence noise of parameter σ² costs no more than
 * continuous Gaussian noise of variance σ² − r², up to a factor e^{±η} on every probability, η = 4.1·d·exp(−2π²r²). For a
 * sum of n shares 0.41·τ·d is added ({@link computeTau}). Sampling before the noise mixes such laws and keeps the factor.
 *
 * With factors e^{±η} in each of T releases, P(S) ≤ e^ε·Q(S) + δ for the continuous mechanism gives, for the discrete one,
 * epsilon ε + 2Tη and delta e^{Tη}·δ.
 *
 * @module
 */

import type { DpEvent, EventOf } from '../events/event.ts';
import { unsupportedEvent } from '../accountant.ts';
import { computeTau } from '../rdp/distributed-noise.ts';

/** What the argument may cost in all, in log-probability. */
const ALLOWED = 1e-9;

/** A continuous stand-in. */
export interface LatticeStandIn {
  /** Standard deviation over sensitivity of the continuous Gaussian. */
  readonly noiseMultiplier: number;
  /** Log-ratio bound of one release. */
  readonly slack: number;
}

/**
 * Finds the continuous Gaussian that a lattice one post-processes, for `count` releases.
 * @throws {AccountingError} 'accounting/unsupported-event' when the noise is too narrow for the argument.
 */
export function findLatticeStandIn(
  event: EventOf<'distributedDiscreteGaussian'> | EventOf<'discreteGaussian'>,
  { count, whole }: { readonly count: number; readonly whole: DpEvent },
): LatticeStandIn {
  const { dimension } = event;
  if (dimension === null) throw unsupportedEvent('pld', whole, 'the dimension of the noise must be known');
  const sum = event.kind === 'distributedDiscreteGaussian';
  const variance = sum ? event.shares * event.shareVariance : event.sigma ** 2;
  const sensitivity = sum ? event.l2Sensitivity : event.sensitivity;
  if (sum && event.shares > 1 && event.shareVariance < 0.25) {
    throw unsupportedEvent('pld', whole, `a share's variance must be at least 1/4, got ${event.shareVariance}`);
  }
  const spread = Math.max(0.25, Math.log((4.1 * dimension * Math.max(1, count)) / ALLOWED) / (2 * Math.PI * Math.PI));
  if (!(spread < variance)) {
    throw unsupportedEvent(
      'pld',
      whole,
      `the noise variance ${variance} must exceed ${spread}; use a finer grid or rdp`,
    );
  }
  const tau = sum ? computeTau(event.shares, event.shareVariance) : 0;
  return {
    noiseMultiplier: Math.sqrt(variance - spread) / sensitivity,
    slack: dimension * (4.1 * Math.exp(-2 * Math.PI * Math.PI * spread) + 0.41 * tau),
  };
}
