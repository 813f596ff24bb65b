/**
 * Noise added inside a secure sum: every party adds a share of a discrete Gaussian to its integers before it splits
 * them, so that only the noised sum exists in the clear, and the release is charged to a ledger. [KLS21]
 *
 * @module
 */

import type { DpEvent, Ledger } from '../../privacy/accounting/index.ts';
import { createDistributedDiscreteGaussian } from '../../privacy/mechanisms/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { clipInto } from '../../foundations/vector/index.ts';

/** What noise a sum carries. The unit of protection is one party's whole contribution (zero-out). */
export interface SumNoise {
  /** L2 bound that every party's vector is clipped to, in units of the values. */
  readonly clipNorm: number;
  /** Standard deviation of the noise of the honest parties together ÷ sensitivity. */
  readonly noiseMultiplier: number;
  /** Parties that are sure not to tell their noise to the one who reads the sum. */
  readonly honestParties: number;
  /** Where the release is charged before the first byte leaves. */
  readonly ledger?: Pick<Ledger, 'reserve' | 'commit' | 'abort'>;
  readonly purpose?: string;
}

/** One party's part of the noise, ready to use. */
export interface NoisePart {
  readonly event: DpEvent;
  /** Charges the release; call before anything is sent. */
  reserve(): Promise<{ commit(): Promise<void>; abort(dataTouched: boolean): Promise<void> }>;
  /** Clips the values in place. */
  clip(values: Float64Array): void;
  /** Adds this party's share of the noise to its integers. */
  addInto(integers: Int32Array, rng: Rng): void;
  /** A magnitude the noise of all parties stays below except with probability 2^-40 an entry. */
  readonly reach: number;
}

/**
 * Prepares the noise of one party.
 * Guarantee: zero-concentrated DP of the sum under zero-out of one party's contribution, as long as `honestParties`
 * parties add their share and keep it to themselves; the accountant's event says so exactly.
 */
export function createNoisePart(
  { clipNorm, noiseMultiplier, honestParties, ledger, purpose = 'secure sum' }: SumNoise,
  {
    fractionBits,
    dimension,
    parties,
  }: { readonly fractionBits: number; readonly dimension: number; readonly parties: number },
): NoisePart {
  if (!(honestParties >= 1 && honestParties <= parties)) {
    throw new RangeError(`"honestParties" must be between 1 and ${parties}, got ${honestParties}`);
  }
  // Rounding to nearest moves a vector by at most half a step a coordinate.
  const l2Sensitivity = clipNorm * 2 ** fractionBits + Math.sqrt(dimension) / 2;
  const mechanism = createDistributedDiscreteGaussian({
    l2Sensitivity,
    noiseMultiplier,
    honestShares: honestParties,
    dimension,
  });
  const event = mechanism.event();
  return {
    event,
    // A sum of discrete Gaussians is sub-Gaussian with the sum of the variances: exp(−z²/2) · 2 < 2^-40 at z = 7.6.
    reach: Math.ceil(7.6 * Math.sqrt(mechanism.shareVariance * parties)),
    async reserve() {
      if (ledger === undefined) return { commit: () => Promise.resolve(), abort: () => Promise.resolve() };
      const reservation = await ledger.reserve({ event, purpose });
      return {
        commit: () => ledger.commit(reservation),
        abort: (dataTouched) => ledger.abort(reservation, { dataTouched }),
      };
    },
    clip(values) {
      clipInto(values, clipNorm);
    },
    addInto: (integers, rng) => mechanism.addShareInto(integers, rng),
  };
}
