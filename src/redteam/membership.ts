/**
 * Membership inference: whether a model tells which examples it was trained on. Threshold attacks as TensorFlow Privacy's
 * privacy tests make them, by loss [YGFJ18] and by entropy [SM21], and a calibrated one that compares each example with what models say that
 * never saw it [CCNSTT22].
 *
 * @module
 */

import { assertInteger } from '../foundations/numerics/index.ts';
import type { Rng } from '../foundations/random/index.ts';
import { type AttackRates, type AttackScores, measureAttack } from './attack-rates.ts';
import { type Answers, computeExampleEntropies, computeExampleLosses } from './example-scores.ts';

/** An attack and what it reaches on all examples and on those of each class. */
export interface MembershipAttack {
  readonly name: 'loss' | 'entropy' | 'calibrated';
  readonly all: AttackRates;
  /** Absent where labels are no classes. */
  readonly classes: readonly { readonly class: number; readonly rates: AttackRates }[];
}

/** Examples inside and outside of the training data, as the model answers them. */
export interface MembershipData {
  readonly members: Answers;
  readonly nonMembers: Answers;
}

/** Slices of a class need so many examples on either side. */
const FEWEST_IN_SLICE = 20;

/** Attacks by thresholds on loss and, for classes, on entropy: no knowledge but the model's answers. */
export function attackByThreshold(data: MembershipData, options: { confidence?: number } = {}): MembershipAttack[] {
  const scores = (compute: (answers: Answers) => Float64Array): AttackScores => {
    const negated = (answers: Answers): Float64Array => compute(answers).map((value) => -value);
    return { members: negated(data.members), nonMembers: negated(data.nonMembers) };
  };
  const attacks = [measureSlices('loss', scores(computeExampleLosses), data, options)];
  if (isClassifier(data.members))
    attacks.push(measureSlices('entropy', scores(computeExampleEntropies), data, options));
  return attacks;
}

/** Attacks by scores that were calibrated with shadow models, {@link calibrateScores}. */
export function attackByCalibration(
  scores: AttackScores,
  data: MembershipData,
  options: { confidence?: number } = {},
): MembershipAttack {
  return measureSlices('calibrated', scores, data, options);
}

function isClassifier({ loss, outputWidth }: Answers): boolean {
  return loss === 'softmaxCrossEntropy' || (loss === 'binaryCrossEntropy' && outputWidth === 1);
}

function measureSlices(
  name: MembershipAttack['name'],
  scores: AttackScores,
  { members, nonMembers }: MembershipData,
  options: { confidence?: number },
): MembershipAttack {
  const all = measureAttack(scores, options);
  if (!isClassifier(members)) return { name, all, classes: [] };
  const classes = [...new Set(members.labels)].toSorted((a, b) => a - b);
  const pick = (values: Float64Array, labels: Answers['labels'], wanted: number): Float64Array =>
    values.filter((_, i) => labels[i] === wanted);
  return {
    name,
    all,
    classes: classes.flatMap((label) => {
      const slice = {
        members: pick(scores.members, members.labels, label),
        nonMembers: pick(scores.nonMembers, nonMembers.labels, label),
      };
      if (slice.members.length < FEWEST_IN_SLICE || slice.nonMembers.length < FEWEST_IN_SLICE) return [];
      return [{ class: label, rates: measureAttack(slice, options) }];
    }),
  };
}

/** One shadow model: who it was trained on, and how sure it is of the right class of everybody. */
export interface Shadow {
  /** 1 for each example of the pool that it saw. */
  readonly saw: Uint8Array;
  /** {@link confidencesOf} its losses. */
  readonly confidences: Float64Array;
}

/** Draws who a shadow model is trained on: each example of the pool by a fair coin, no fewer than one. */
export function drawShadow(size: number, rng: Rng): Uint8Array {
  assertInteger(size, 'size', { min: 2 });
  for (;;) {
    const saw = rng.bytes(size).map((byte) => byte & 1);
    if (saw.includes(1) && saw.includes(0)) return saw;
  }
}

/**
 * Scores each example by how much surer the model is of it than models that never saw it: (c − mean) / spread, the offline attack of
 * [CCNSTT22] §VI-B with one spread for all examples, since a few shadows do not tell that of one.
 *
 * The mean of an example that every shadow saw is that of all.
 * @param target - confidences of the attacked model over the pool.
 * @throws {RangeError} without shadows, or when lengths differ.
 */
export function calibrateScores(target: Float64Array, shadows: readonly Shadow[]): Float64Array {
  const size = target.length;
  assertInteger(shadows.length, 'shadows', { min: 1 });
  if (shadows.some(({ saw, confidences }) => saw.length !== size || confidences.length !== size)) {
    throw new RangeError(`every shadow must have answered for the ${size} examples of the pool`);
  }
  const counts = new Uint32Array(size);
  const means = new Float64Array(size);
  let [total, outside] = [0, 0];
  for (const { saw, confidences } of shadows) {
    for (let i = 0; i < size; i += 1) {
      if (saw[i] === 1) continue;
      counts[i] = (counts[i] as number) + 1;
      means[i] = (means[i] as number) + (confidences[i] as number);
      total += confidences[i] as number;
      outside += 1;
    }
  }
  const mean = total / outside;
  for (let i = 0; i < size; i += 1) means[i] = counts[i] === 0 ? mean : (means[i] as number) / (counts[i] as number);
  let [squares, degrees] = [0, 0];
  for (const { saw, confidences } of shadows) {
    for (let i = 0; i < size; i += 1) {
      if (saw[i] === 1 || (counts[i] as number) < 2) continue;
      squares += ((confidences[i] as number) - (means[i] as number)) ** 2;
      degrees += 1 - 1 / (counts[i] as number);
    }
  }
  const spread = degrees > 0 && squares > 0 ? Math.sqrt(squares / degrees) : 1;
  return target.map((confidence, i) => (confidence - (means[i] as number)) / spread);
}
