/**
 * What stands in a contribution beside the update, all of it under one clip and one charge: the change of a control
 * (SCAFFOLD), a signal of whether the update was within the clip (adaptive clipping), and a private weight. Everything is
 * in units of the clip norm, so that the grid stays the same when the clip norm moves.
 *
 * @module
 */

import { createFlatClipper } from '../../privacy/mechanisms/index.ts';

/** Which parts a contribution has. Public, part of the plan. */
export interface ContributionLayout {
  /** Shared parameters. */
  readonly dimension: number;
  /** Factor of the control's change inside of the clip; absent but for SCAFFOLD. */
  readonly controlScale: number | undefined;
  /** Length of the clip signal; absent without adaptive clipping. */
  readonly signalScale: number | undefined;
  /** Length of a weight of 1; absent without private weights. */
  readonly weightScale: number | undefined;
}

/** What a participant has to say. */
export interface ContributionParts {
  readonly update: Float64Array;
  readonly controlDelta?: Float64Array;
  /** In [0, 1]; multiplies the clipped update, and is a coordinate of its own where weights are private. */
  readonly weight?: number;
}

/** Numbers of a contribution. */
export function layoutLength({ dimension, controlScale, signalScale, weightScale }: ContributionLayout): number {
  const extras = (signalScale === undefined ? 0 : 1) + (weightScale === undefined ? 0 : 1);
  return dimension * (controlScale === undefined ? 1 : 2) + extras;
}

/** L2 bound of a contribution in clip norms: √(1 + signal² + weight²). */
export function layoutNorm({ signalScale = 0, weightScale = 0 }: ContributionLayout): number {
  if (signalScale === 0 && weightScale === 0) return 1;
  return Math.sqrt(1 + signalScale * signalScale + weightScale * weightScale) * (1 + 2 ** -50);
}

/**
 * Puts a contribution together: clips update and control as one vector, weighs, and sets the extra coordinates. Its L2
 * norm is at most {@link layoutNorm}, in exact arithmetic. What is not finite counts as nothing and as not within.
 */
export function packContribution(
  { update, controlDelta, weight = 1 }: ContributionParts,
  layout: ContributionLayout,
  { clipNorm }: { readonly clipNorm: number },
): Float64Array {
  const { dimension, controlScale, signalScale, weightScale } = layout;
  if (update.length !== dimension || (controlScale !== undefined && controlDelta?.length !== dimension)) {
    throw new RangeError(`"update" and "controlDelta" must have ${dimension} entries`);
  }
  if (!(weight >= 0 && weight <= 1)) throw new RangeError(`"weight" must be in [0, 1], got ${weight}`);
  const out = new Float64Array(layoutLength(layout));
  const clipped = out.subarray(0, dimension * (controlScale === undefined ? 1 : 2));
  for (let i = 0; i < dimension; i += 1) clipped[i] = (update[i] as number) / clipNorm;
  if (controlScale !== undefined && controlDelta !== undefined) {
    for (let i = 0; i < dimension; i += 1) {
      clipped[dimension + i] = ((controlDelta[i] as number) * controlScale) / clipNorm;
    }
  }
  const { within } = createFlatClipper({ clipNorm: 1 }).clipInto(clipped);
  if (weight !== 1) for (let i = 0; i < clipped.length; i += 1) clipped[i] = (clipped[i] as number) * weight;
  let at = clipped.length;
  if (signalScale !== undefined) {
    out[at] = within ? signalScale : -signalScale;
    at += 1;
  }
  if (weightScale !== undefined) out[at] = weight * weightScale;
  return out;
}

/** The sum of a cohort, taken apart. */
export interface UnpackedSum {
  readonly update: Float64Array;
  readonly controlDelta: Float64Array | undefined;
  /** Noisy number of contributions within the clip minus the others. */
  readonly signal: number | undefined;
  /** Noisy sum of the weights. */
  readonly weight: number | undefined;
}

/** Takes a decoded sum apart; `clipNorm` is the one of its cohort. */
export function unpackSum(
  values: Float64Array,
  layout: ContributionLayout,
  { clipNorm }: { readonly clipNorm: number },
): UnpackedSum {
  const { dimension, controlScale, signalScale, weightScale } = layout;
  if (values.length !== layoutLength(layout)) {
    throw new RangeError(`"values" must have ${layoutLength(layout)} entries, got ${values.length}`);
  }
  const update = values.slice(0, dimension).map((value) => value * clipNorm);
  const controlDelta =
    controlScale === undefined
      ? undefined
      : values.slice(dimension, 2 * dimension).map((value) => (value * clipNorm) / controlScale);
  let at = dimension * (controlScale === undefined ? 1 : 2);
  const signal = signalScale === undefined ? undefined : (values[at] as number) / signalScale;
  if (signalScale !== undefined) at += 1;
  const weight = weightScale === undefined ? undefined : (values[at] as number) / weightScale;
  return { update, controlDelta, signal, weight };
}

/**
 * Moves a clip norm towards a quantile of the updates' norms: C ← C · exp(−η(fraction − quantile)).
 * @param signal - noisy count of those within minus the others, of `contributors`.
 * @see [ATMR21] algorithm 1
 */
export function moveClipNorm(
  clipNorm: number,
  {
    signal,
    contributors,
    quantile,
    learningRate,
  }: {
    readonly signal: number;
    readonly contributors: number;
    readonly quantile: number;
    readonly learningRate: number;
  },
): number {
  const fraction = Math.min(1, Math.max(0, (signal / contributors + 1) / 2));
  return Math.min(1e6, Math.max(1e-6, clipNorm * Math.exp(-learningRate * (fraction - quantile))));
}
