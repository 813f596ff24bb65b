/**
 * Rényi divergence of a Poisson-sampled mechanism from the divergences of the mechanism itself, at integer orders.
 *
 * @module
 */

import { log1pExp, logBinomial, logSumExp } from '../../../foundations/numerics/index.ts';
import { logExcessAtInteger } from './sampled-gaussian.ts';

/** The divergence of the unsampled mechanism at an integer order ≥ 2. */
export type RdpAtInteger = (order: number) => number;

/**
 * Computes the divergence of a sampled sum with symmetric noise, at an integer order.
 *
 * **Guarantee**, for both directions. With Q the law of the noise and P that of the noise moved by the record's
 * contribution δ, E_Q[((1−q) + q·P/Q)^α] = Σ_k C(α,k) (1−q)^(α−k) q^k e^{(k−1)·D_k(P‖Q)} bounds the direction "record
 * present against absent". The other direction is no larger: z ↦ δ − z is an involution that swaps P and Q whenever the
 * noise is symmetric about zero, on the line or on a lattice, and that is all theorem 5 of [MTZ19] uses: paired by the
 * involution, the difference is an average of h(r) + r·h(1/r) with h(r) = (1−q+qr)^α − (1−q+qr)^(1−α), which is never
 * negative. Random rounding of the contribution mixes such P over δ; both moments are convex in P, so the worst δ counts.
 * This is theorem 6 of [ZW19] with its condition shown to hold.
 */
export function computeSymmetricSampledRdp(samplingRate: number, order: number, rdp: RdpAtInteger): number {
  const plain = rdp(order);
  if (samplingRate === 1) return plain;
  if (samplingRate === 0) return 0;
  const logExcess = logExcessAtInteger(samplingRate, order, (k) => (k - 1) * rdp(k));
  return Math.min(plain, log1pExp(logExcess) / (order - 1));
}

/** Computes the divergence of any sampled mechanism at an integer order: theorem 5 of [ZW19], both directions. */
export function computeGeneralSampledRdp(samplingRate: number, order: number, rdp: RdpAtInteger): number {
  const q = samplingRate;
  const plain = rdp(order);
  if (q === 1) return plain;
  if (q === 0) return 0;
  const logQ = Math.log(q);
  const log1mQ = Math.log1p(-q);
  const terms = [(order - 1) * log1mQ + Math.log1p(order * q - q)];
  for (let k = 2; k <= order; k += 1) {
    const factor = k === 2 ? 0 : Math.log(3);
    terms.push(factor + logBinomial(order, k) + (order - k) * log1mQ + k * logQ + (k - 1) * rdp(k));
  }
  return Math.min(plain, Math.max(0, logSumExp(terms) / (order - 1)));
}

/**
 * Carries a curve known at integer orders to any order > 1: (α − 1)·D_α is convex in α and zero at 1, so the chord
 * between the neighbouring integers is an upper bound ([WBK19] corollary 10).
 */
export function interpolateRdp(order: number, atInteger: RdpAtInteger): number {
  if (Number.isInteger(order)) return atInteger(order);
  const low = Math.floor(order);
  const t = order - low;
  const below = low === 1 ? 0 : (low - 1) * atInteger(low);
  return ((1 - t) * below + t * low * atInteger(low + 1)) / (order - 1);
}
