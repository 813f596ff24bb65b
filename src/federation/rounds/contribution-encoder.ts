/**
 * From a participant's packed contribution to integers and from their sum back: rotate (under masks with noise shares, so
 * that few bits hold every coordinate), scale, round stochastically under a bound on the length [KLS21]. The noise that a
 * participant adds by itself under `trust: local` is added here; shares inside the masks are the protocol's.
 *
 * @module
 */

import { sha256, utf8 } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { createRotation, type Rotation, roundConditionallyInto } from '../../foundations/vector/index.ts';
import { createDistributedDiscreteGaussian } from '../../privacy/mechanisms/index.ts';
import type { TaskPlan, UpdatePlan } from './plan-types.ts';

/** Encodes contributions and decodes their sum, for one attempt. */
export interface ContributionEncoder {
  /**
   * Encodes a packed contribution.
   * @param values - L2 norm at most `layoutNorm`, in clip norms.
   */
  encode(values: Float64Array, rng: Rng): Int32Array;
  /** Decodes a sum of grid integers (noise included) to clip norms. */
  decode(sum: Float64Array): Float64Array;
}

/** Creates the encoder of an attempt. The rotation follows from plan and attempt: public, and nobody's choice. */
export function createContributionEncoder(
  plan: TaskPlan & { readonly update: UpdatePlan },
  { attempt }: { readonly attempt: number },
): ContributionEncoder {
  const { quantizationScale, entries } = plan;
  const { rotated, roundedNormBound, length } = plan.update;
  let rotation: Rotation | undefined;
  const rotate = (): Rotation => (rotation ??= createRotation({ dimension: length, seed: seedOf(plan, attempt) }));
  return {
    encode(values, rng) {
      const scaled = rotated ? rotate().apply(values) : values.slice();
      for (let i = 0; i < scaled.length; i += 1) scaled[i] = (scaled[i] as number) * quantizationScale;
      const integers = new Int32Array(entries);
      roundConditionallyInto(scaled, { normBound: roundedNormBound }, integers, rng.fork('rounding'));
      scaled.fill(0);
      if (plan.noise?.addedBy === 'each' || plan.noise?.addedBy === 'participants') {
        createDistributedDiscreteGaussian({ ...plan.noise, dimension: entries }).addShareInto(
          integers,
          rng.fork('noise'),
        );
      }
      return integers;
    },
    decode(sum) {
      const values = sum.map((value) => value / quantizationScale);
      return rotated ? rotate().invertInto(values).slice() : values;
    },
  };
}

function seedOf({ digest }: TaskPlan, attempt: number): Uint8Array {
  const label = utf8(`sotto/rounds/rotation/${attempt}/`);
  const bytes = new Uint8Array(label.length + digest.length);
  bytes.set(label);
  bytes.set(digest, label.length);
  return sha256(bytes);
}

/** Adds the coordinator's noise to a sum of grid integers, in place, where the plan says that the coordinator adds it. */
export function addCoordinatorNoiseInto(sum: Float64Array, { noise, entries }: TaskPlan, rng: Rng): void {
  if (noise?.addedBy !== 'coordinator') return;
  const draws = new Int32Array(entries);
  createDistributedDiscreteGaussian({ ...noise, dimension: entries }).addShareInto(draws, rng);
  for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] as number) + (draws[i] as number);
}
