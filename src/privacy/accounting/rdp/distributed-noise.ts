/**
 * Rényi divergences of the noise that participants add in shares: sums of discrete Gaussians, and Skellam.
 *
 * @module
 */

import type { DpEvent, EventOf } from '../events/event.ts';
import { unsupportedEvent } from '../accountant.ts';
import { computeConditionalRoundingNorm, computeLatticeL1Norm } from '../rounding.ts';

/**
 * Computes τ of [KLS21] corollary 12 (arXiv 2102.06387 v4): 10·Σ_{k<n} exp(−2π²·s²·k/(k+1)).
 *
 * **What it bounds.** A discrete Gaussian of variance k·s² plus one of variance s² has, at z, the mass of a discrete
 * Gaussian of variance (k+1)·s² times Σ_x exp(−(x−cz)²/2v) with v = s²·k/(k+1). By Poisson summation that sum moves with
 * z only between θ₄(p) and θ₃(p), p = exp(−2π²v), so its logarithm oscillates by at most log θ₃/θ₄ ≤ 4.1·p for s ≥ 1/2.
 * Oscillations add up over the n − 1 steps, so the log-ratio of the sum's mass to that of one discrete Gaussian oscillates
 * by at most 0.41·τ, and deviates from zero by at most that.
 */
export function computeTau(shares: number, shareVariance: number): number {
  let sum = 0;
  for (let k = 1; k < shares; k += 1) {
    const term = Math.exp((-2 * Math.PI * Math.PI * shareVariance * k) / (k + 1));
    // The terms fall to exp(−2π²s²); once they cannot change the sum any more the rest is that times their number.
    if (k > 1e6) return 10 * (sum + term * (shares - k));
    sum += term;
  }
  return 10 * sum;
}

/** [KLS21] needs every share to have a standard deviation of at least a half. */
const LEAST_SHARE_VARIANCE = 0.25;

/**
 * Creates the Rényi curve of one vector of sums of discrete Gaussians, for any order > 1.
 *
 * **Guarantee**: the least of the three bounds of [KLS21] proposition 14, in divergences: with Δ the l2 sensitivity over
 * the sum's deviation, (1) αΔ²/2 + τd, (2) α/2·(Δ² + 2Δ₁τ + τ²d), (3) α/2·(Δ + τ√d)². For (1): the privacy loss is the
 * linear loss of one discrete Gaussian plus an oscillation ≤ τd; the moments of the sum are at most those of a Gaussian
 * of its variance parameter (every share is sub-Gaussian), and the oscillation adds at most τd to the divergence. For (2)
 * and (3): per coordinate three steps of the zCDP triangle inequality ([BS16] proposition 27) with τ/2, δ/σ, τ/2.
 */
export function createDistributedDiscreteGaussianCurve(
  event: EventOf<'distributedDiscreteGaussian'>,
  factor: 1 | 2 = 1,
): (order: number) => number {
  const { shares, shareVariance, dimension } = event;
  const stddev = Math.sqrt(shares * shareVariance);
  const l2 = (factor * event.l2Sensitivity) / stddev;
  const l1 = (factor * (event.l1Sensitivity ?? computeLatticeL1Norm(event.l2Sensitivity, dimension))) / stddev;
  const tau = computeTau(shares, shareVariance);
  return (order) =>
    Math.min(
      (order * l2 * l2) / 2 + tau * dimension,
      (order / 2) * (l2 * l2 + 2 * l1 * tau + tau * tau * dimension),
      (order / 2) * (l2 + Math.sqrt(dimension) * tau) ** 2,
    );
}

/**
 * Computes the Rényi divergence of Skellam noise at an integer order: [AKL21] theorem 3.5 (arXiv 2110.04995 v3).
 * `variance` is that of the whole sum, in grid units.
 */
export function computeSkellamRdp(event: EventOf<'skellam'>, order: number, factor: 1 | 2 = 1): number {
  const { variance, dimension } = event;
  const l2 = factor * event.l2Sensitivity;
  const l1 = factor * (event.l1Sensitivity ?? computeLatticeL1Norm(event.l2Sensitivity, dimension));
  const correction = Math.min(
    ((2 * order - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance),
    (3 * l1) / (2 * variance),
  );
  return (order * l2 * l2) / (2 * variance) + correction;
}

/** Refuses a sum whose shares are too narrow for the lattice argument. */
export function assertWideShares(event: EventOf<'distributedDiscreteGaussian'>, whole: DpEvent = event): void {
  if (event.shares > 1 && event.shareVariance < LEAST_SHARE_VARIANCE) {
    throw unsupportedEvent(
      'rdp',
      whole,
      `a share's variance must be at least 1/4 in grid units, got ${event.shareVariance}; use a finer grid`,
    );
  }
}

/** Carries the whole path of one clipped, rotated and conditionally rounded vector to grid units. */
export function expandRoundedDiscreteGaussian(
  event: EventOf<'roundedDiscreteGaussian'>,
): EventOf<'distributedDiscreteGaussian'> {
  const l2 = event.clipNorm / event.gamma;
  const l2Sensitivity = event.rounding ? computeConditionalRoundingNorm(l2, event) : l2;
  return {
    kind: 'distributedDiscreteGaussian',
    shares: event.clients,
    shareVariance: (event.localStddev / event.gamma) ** 2,
    l2Sensitivity,
    l1Sensitivity: event.rounding ? null : l2 * Math.sqrt(event.dimension),
    dimension: event.dimension,
  };
}

/** Carries the whole path of one clipped, rotated and conditionally rounded vector to grid units. */
export function expandRoundedSkellam(event: EventOf<'roundedSkellam'>): EventOf<'skellam'> {
  const l2 = event.clipNorm * event.scale;
  const l2Sensitivity = event.rounding ? computeConditionalRoundingNorm(l2, event) : l2;
  return {
    kind: 'skellam',
    variance: (event.centralStddev * event.scale) ** 2,
    l2Sensitivity,
    l1Sensitivity: event.rounding ? null : l2 * Math.sqrt(event.dimension),
    dimension: event.dimension,
  };
}
