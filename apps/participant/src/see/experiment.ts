/**
 * The experiment behind "see for yourself": one training step of five participants through the code that trains for
 * real (engine, clipping, grid, noise shares, secure aggregation), and a coordinator that tries to read a picture out of
 * what it got. Only what is switched off is left out.
 */
import {
  chooseBitWidth,
  createRing,
  encodeRing,
  l2Norm,
  quantizeInto,
} from '../../../../src/foundations/vector/index.ts';
import type { Rng } from '../../../../src/foundations/random/index.ts';
import { createDataset } from '../../../../src/learning/data/index.ts';
import { compilePlan, createEngine, model } from '../../../../src/learning/models/index.ts';
import { createRdpAccountant } from '../../../../src/privacy/accounting/index.ts';
import { createDistributedDiscreteGaussian } from '../../../../src/privacy/mechanisms/index.ts';
import { computeLikeness, findFirstLayer, invertFirstLayer, watchMaskedRound } from '../../../../src/redteam/index.ts';

/** What is switched on, and whose pictures. */
export interface Setting {
  readonly clip: boolean;
  /** σ ÷ sensitivity of the noise in the sum; 0 switches it off. */
  readonly noise: number;
  readonly masks: boolean;
  /** Five pictures of 28 × 28; the first is the visitor's. */
  readonly pictures: readonly Uint8Array[];
  readonly labels: readonly number[];
}

/** What the visitor is shown. */
export interface Sight {
  /** The visitor's contribution before any protection, and as the coordinator receives it, around one pixel row. */
  readonly plain: { readonly picture: Float32Array; readonly numbers: readonly number[] };
  readonly sent: { readonly picture: Float32Array; readonly numbers: readonly number[] };
  /** The picture the coordinator works out of the visitor's contribution, and how like the original it is, in [0, 1]. */
  readonly guess: { readonly picture: Float32Array; readonly likeness: number };
  /** The same from the sum of all five, which is what it is meant to learn. */
  readonly sum: { readonly picture: Float32Array; readonly likeness: number };
  /** Length of the visitor's gradient. */
  readonly norm: number;
  /** ε of this one release at δ = 10⁻⁵; null where there is no guarantee. */
  readonly epsilon: number | null;
  readonly bytes: number;
  readonly entries: number;
}

const PIXELS = 784;
const CLASSES = 10;
const CLIP_NORM = 1;
const PARTIES = 5;
const THRESHOLD = 4;
const MAX_CORRUPT = 1;
const DELTA = 1e-5;

const plan = compilePlan(
  model([{ kind: 'flatten' }, { kind: 'dense', out: CLASSES, init: 'zeros' }], {
    input: [28, 28, 1],
    loss: 'softmaxCrossEntropy',
  }),
);
const layer = findFirstLayer(plan);
const root = Math.sqrt(plan.parameterCount);
const quantizationScale = 2 ** Math.ceil(Math.log2((100 * root) / CLIP_NORM));
/** Room for a gradient that nobody clips. */
const clampRange = 64;

/** Runs the step. */
export function runExperiment({ clip, noise, masks, pictures, labels }: Setting, rng: Rng): Sight {
  const engine = createEngine(plan);
  const parameters = new Float32Array(plan.parameterCount);
  const l2Sensitivity = Math.ceil(CLIP_NORM * quantizationScale * (1 + 2 ** -20) + root);
  const mechanism =
    noise > 0
      ? createDistributedDiscreteGaussian({
          l2Sensitivity,
          noiseMultiplier: noise,
          honestShares: THRESHOLD - MAX_CORRUPT,
          dimension: plan.parameterCount,
        })
      : undefined;
  const gradients = pictures.map((pixels, i) => {
    const dataset = createDataset({
      inputs: pixels,
      inputShape: [28, 28, 1],
      labels: Uint8Array.of(labels[i] as number),
      inputScale: 1 / 255,
      classes: CLASSES,
    });
    return engine.clippedSum({ parameters, dataset, indices: [0], clipNorm: clip ? CLIP_NORM : Infinity }).sum;
  });
  const contributions = gradients.map((gradient, i) => {
    const values = new Int32Array(plan.parameterCount);
    quantizeInto(gradient, { quantizationScale, clampRange }, values);
    mechanism?.addShareInto(values, rng.fork(`noise/${i}`));
    return values;
  });
  const bitWidth = chooseBitWidth({
    participants: PARTIES,
    maxMagnitude: clampRange * quantizationScale,
    noiseVariance: (mechanism?.shareVariance ?? 0) * PARTIES,
    dimension: plan.parameterCount,
    rounds: 1,
    failureLog2: -40,
  });
  const ring = createRing({ bitWidth });
  const encoded = contributions.map((values) => encodeRing(values, ring));
  const round = { bitWidth, threshold: THRESHOLD, maxCorrupt: MAX_CORRUPT };
  const carried = masks ? watchMaskedRound(encoded, round, rng) : undefined;
  const mine = carried?.received ?? Float64Array.from(contributions[0] as Int32Array);
  const total =
    carried?.sum ??
    contributions.reduce(
      (sum, each) => sum.map((value, i) => value + (each[i] as number)),
      new Float64Array(plan.parameterCount),
    );
  const plainGrid = new Int32Array(plan.parameterCount);
  quantizeInto(gradients[0] as Float64Array, { quantizationScale, clampRange }, plainGrid);
  const label = labels[0] as number;
  const original = Float32Array.from(pictures[0] as Uint8Array);
  return {
    plain: show(Float64Array.from(plainGrid), label),
    sent: show(mine, label),
    guess: reconstruct(mine, original),
    sum: reconstruct(total, original),
    norm: l2Norm(gradients[0] as Float64Array),
    epsilon: mechanism !== undefined && clip ? epsilonOf(mechanism) : null,
    bytes: Math.ceil((plan.parameterCount * bitWidth) / 8),
    entries: plan.parameterCount,
  };
}

function epsilonOf(mechanism: ReturnType<typeof createDistributedDiscreteGaussian>): number {
  const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
  accountant.compose(mechanism.event(), 1);
  return accountant.epsilon(DELTA);
}

/** The part of a vector that belongs to one class: a number a pixel. */
function rowOf(vector: Float64Array, row: number): Float64Array {
  return Float64Array.from({ length: PIXELS }, (_, i) => vector[i * CLASSES + row] as number);
}

/** A row as a picture around middle gray, and its middle numbers. */
function show(vector: Float64Array, row: number): Sight['plain'] {
  const values = rowOf(vector, row);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return {
    picture: Float32Array.from(values, (value) => 0.5 + value / (2 * largest)),
    numbers: Array.from(values.subarray(14 * 28 + 10, 14 * 28 + 18)),
  };
}

/**
 * What a curious coordinator does: it inverts the layer. Of its guesses, one a class, the one most like the original is shown, so
 * that the likeness is the most it can have.
 */
function reconstruct(vector: Float64Array, original: Float32Array): Sight['guess'] {
  let best: { values: Float64Array; likeness: number } = { values: new Float64Array(PIXELS), likeness: -1 };
  for (const values of invertFirstLayer(vector, layer)) {
    const likeness = Math.max(0, computeLikeness(values, original));
    if (likeness > best.likeness) best = { values, likeness };
  }
  const sorted = best.values.toSorted();
  const [low, high] = [sorted[7] as number, sorted[PIXELS - 8] as number];
  return {
    picture: Float32Array.from(best.values, (value) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)))),
    likeness: Math.max(0, best.likeness),
  };
}
