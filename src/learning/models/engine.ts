/**
 * The training engine: clipped sums of per-example gradients, exact example by example, in one pass. Order of work:
 * phase A walks the convolutional part forward one example at a time, phase B the dense part for the whole chunk, forward
 * and back with ghost norms, phase C goes back through the convolutional part one example at a time, clips and adds.
 * Memory is of the order of the parameters, whatever the batch.
 *
 * @module
 */

import type { Dataset } from '../data/index.ts';
import { assertAugmentation, type Augmentation } from './augmentation.ts';
import { sortSample, splitIntoBlocks, type Block } from './blocks.ts';
import { createGradientSummer, walkForward } from './chunk.ts';
import { assertClipping, gridMagic, MAX_SAMPLE, type Clipping } from './clipping.ts';
import { ModelError } from './errors.ts';
import { assertFits } from './fit.ts';
import { gatherInputs, gatherLabels, type Sample } from './gather.ts';
import type { Plan } from './plan.ts';
import { computeLosses, EVALUATION_ROWS, scoreRows, type Score } from './scoring.ts';
import { createWorkshop, tossesCoins } from './sites.ts';

/** What a sum of gradients is taken of. */
export interface ClippedSumRequest {
  /** The trained parameters, flat. */
  readonly parameters: Float32Array;
  readonly dataset: Dataset;
  /** The drawn examples, distinct, in any order. None gives zeros. */
  readonly indices: ArrayLike<number>;
  /** L2 bound of one example's gradient; `Infinity` for training without privacy. */
  readonly clipNorm?: number;
  /** Another way of clipping, in place of `clipNorm`. */
  readonly clipping?: Clipping;
  /** Coins of dropout and augmentation, new in every step; needed only where there is one of the two. */
  readonly stepSeed?: bigint;
  /** Gets the sum in place of a new array: `plan.parameterCount` numbers. */
  readonly into?: Float64Array;
}

/** A sum of clipped gradients. */
export interface ClippedSum {
  /** One number a parameter. */
  readonly sum: Float64Array;
  /** Examples whose gradient was not finite and counted as zero. For the data holder alone: it depends on the data. */
  readonly nonFinite: number;
}

/** How well a model does on a data set. */
export interface Evaluation {
  /** Correct ÷ count, for classes and for binary targets; NaN for regressions and for no examples. */
  readonly accuracy: number;
  /** Mean loss of an example. */
  readonly loss: number;
  readonly correct: number;
  readonly count: number;
}

/** What an engine is made with. */
export interface EngineOptions {
  /** The frozen parameters, `plan.frozenCount` numbers. */
  readonly frozen?: Float32Array;
  /** Views of every example while training. */
  readonly augmentation?: Augmentation;
}

/** Rows of a data set to be looked at; all of them without `indices`. */
export interface ForwardRequest {
  readonly parameters: Float32Array;
  readonly dataset: Dataset;
  readonly indices?: ArrayLike<number>;
}

/** Computes with one model on one thread. Holds memory of the order of the parameters. */
export interface Engine {
  readonly plan: Plan;
  /**
   * Sums the clipped gradients of the drawn examples. Its sensitivity is {@link computeClippedSumSensitivity}.
   * @throws {ModelError} when the data set does not fit the model, or an unclipped sum is not finite.
   * @throws {RangeError} for a wrong index, clip norm or length.
   */
  clippedSum(request: ClippedSumRequest): ClippedSum;
  /** Adds up blocks of samples that were split elsewhere, one after the other. There is one session at a time. */
  createSession(): GradientSession;
  /** The norm of each drawn example's gradient, in ascending order of the indices. For the data holder alone. */
  gradientNorms(request: Omit<ClippedSumRequest, 'clipNorm' | 'clipping'>): Float64Array;
  /** Losses and right predictions of each 1024 rows: what {@link Engine.evaluate} puts together. */
  scores(request: ForwardRequest): readonly Score[];
  /** Accuracy and mean loss over a data set or some rows of it. */
  evaluate(request: ForwardRequest): Evaluation;
  /** The outputs of the last layer (logits), `plan.outputWidth` numbers a row. */
  predict(request: ForwardRequest): Float32Array;
}

/** A sum under way. */
export interface GradientSession {
  begin(options: { parameters: Float32Array; clipping: Clipping; stepSeed: bigint | undefined }): void;
  add(sample: BlockedSample): void;
  /** The sum, and whether it is finite (an unclipped one may not be). */
  end(into?: Float64Array): ClippedSum & { readonly finite: boolean };
  /** Sets the memory of sums to zero ahead of the next `begin`, which then need not. */
  clear(): void;
}

/** A sorted sample of a data set, split into blocks: what is shared out between workers. */
export interface BlockedSample extends Sample {
  readonly blocks: readonly Block[];
}

/** The way of clipping a request names. @throws {RangeError} when its norms are out of range. */
export function clippingOf({ clipNorm = Number.NaN, clipping }: Pick<ClippedSumRequest, 'clipNorm' | 'clipping'>) {
  const how: Clipping = clipping ?? { kind: 'flat', clipNorm };
  assertClipping(how);
  return how;
}

/**
 * Checks a request and splits its sample into blocks.
 * @throws as {@link Engine.clippedSum} does.
 */
export function blockSample(
  plan: Plan,
  { dataset, indices }: Pick<ClippedSumRequest, 'dataset' | 'indices'>,
): BlockedSample {
  assertFits(plan, dataset);
  const rows = sortSample(indices, dataset.size);
  if (rows.length > MAX_SAMPLE) {
    throw new RangeError(`"indices" must be at most 2^20 examples, got ${rows.length}: add up parts`);
  }
  return { dataset, rows, identities: rows, blocks: splitIntoBlocks(rows) };
}

/** @throws {ModelError} when a sum is not finite. */
export function assertFiniteSum(finite: boolean): void {
  if (finite) return;
  throw new ModelError('models/not-finite', 'the sum of gradients is not finite: clip, or lower the learning rate');
}

/** The coins of a step. @throws {RangeError} when there are none although the step needs some. */
export function seedOf({ steps }: Plan, augmentation: Augmentation, stepSeed: bigint | undefined): bigint {
  if (stepSeed === undefined && tossesCoins({ steps }, augmentation)) {
    throw new RangeError('"stepSeed" is needed: the model drops out or the views are drawn');
  }
  return stepSeed ?? 0n;
}

/** Puts the scores of consecutive pieces together, in their order. */
export function evaluationOf(
  { loss: kind }: Plan,
  { scores, count }: { scores: readonly { loss: number; correct: number }[]; count: number },
): Evaluation {
  const loss = scores.reduce((total, score) => total + score.loss, 0);
  const correct = scores.reduce((total, score) => total + score.correct, 0);
  const scored = (kind === 'softmaxCrossEntropy' || kind === 'binaryCrossEntropy') && count > 0;
  return { accuracy: scored ? correct / count : Number.NaN, loss: loss / count, correct, count };
}

/**
 * Creates an engine for a plan.
 * @throws {RangeError} when there are more or fewer frozen parameters than the plan has.
 * @throws {ModelError} when the augmentation does not fit the model's input.
 */
export function createEngine(
  plan: Plan,
  { frozen = new Float32Array(0), augmentation = { views: 1 } }: EngineOptions = {},
): Engine {
  if (frozen.length !== plan.frozenCount) {
    throw new RangeError(`"frozen" must hold ${plan.frozenCount} numbers, got ${frozen.length}`);
  }
  assertAugmentation(plan, augmentation);
  const shop = createWorkshop(plan, augmentation);
  shop.memory.f32.set(frozen, shop.frozen / 4);
  const summer = createGradientSummer(plan, shop, augmentation);
  function load(parameters: Float32Array): void {
    if (parameters.length !== plan.parameterCount) {
      throw new RangeError(`"parameters" must hold ${plan.parameterCount} numbers, got ${parameters.length}`);
    }
    shop.memory.f32.set(parameters, shop.parameters / 4);
    for (const { layer, site } of shop.steps) layer.prepare?.(site);
  }

  /** Runs rows forward, as many at a time as fit. */
  function look({ parameters, dataset, indices }: ForwardRequest, labels: boolean, each: (part: Part) => void): void {
    assertFits(plan, dataset, { labels });
    load(parameters);
    const total = indices?.length ?? dataset.size;
    for (let done = 0; done < total;) {
      // Pieces end where the pieces of a parallel engine do, so that losses add up in the same order.
      const left = Math.min(total - done, EVALUATION_ROWS - (done % EVALUATION_ROWS));
      const rows = Uint32Array.from({ length: Math.min(shop.capacity, left) }, (_, i) =>
        rowAt(dataset, indices, done + i),
      );
      gatherInputs(plan, shop, { dataset, rows });
      if (labels) gatherLabels(plan, shop, { dataset, rows }, 1);
      walkForward(shop, rows.length);
      each({ done, count: rows.length });
      done += rows.length;
    }
  }

  function scorePieces(request: ForwardRequest): readonly Score[] {
    const scores: Score[] = [];
    look(request, true, ({ done, count }) => {
      computeLosses(plan, shop, { count, gradient: false });
      if (done % EVALUATION_ROWS === 0) scores.push({ loss: 0, correct: 0 });
      scoreRows(plan, shop, { count, into: scores.at(-1) as Score });
    });
    return scores;
  }

  const session: GradientSession = {
    begin({ parameters, clipping, stepSeed }) {
      const seed = seedOf(plan, augmentation, stepSeed);
      summer.begin({ clipping, magic: gridMagic(clipping), stepSeed: seed });
      load(parameters);
    },
    add: (sample) => summer.add(sample, sample.blocks),
    end: (into) => summer.end(into),
    clear: () => summer.clear(),
  };

  return {
    plan,
    clippedSum(request) {
      const sample = blockSample(plan, request);
      session.begin({ parameters: request.parameters, clipping: clippingOf(request), stepSeed: request.stepSeed });
      session.add(sample);
      const { sum, nonFinite, finite } = session.end(request.into);
      assertFiniteSum(finite);
      return { sum, nonFinite };
    },
    createSession: () => session,
    gradientNorms(request) {
      const sample = blockSample(plan, request);
      session.begin({ ...request, clipping: { kind: 'flat', clipNorm: 1 }, stepSeed: request.stepSeed });
      const norms = new Float64Array(sample.rows.length);
      summer.add(sample, sample.blocks, norms);
      return norms;
    },
    scores: scorePieces,
    evaluate(request) {
      const count = request.indices?.length ?? request.dataset.size;
      return evaluationOf(plan, { scores: scorePieces(request), count });
    },
    predict(request) {
      const width = plan.outputWidth;
      const out = new Float32Array((request.indices?.length ?? request.dataset.size) * width);
      look(request, false, ({ done, count }) => {
        out.set(shop.memory.f32.subarray(shop.logits / 4, shop.logits / 4 + count * width), done * width);
      });
      return out;
    },
  };
}

interface Part {
  readonly done: number;
  readonly count: number;
}

/** A row to be looked at. @throws {RangeError} when the data set has no such row. */
export function rowAt({ size }: Dataset, indices: ArrayLike<number> | undefined, i: number): number {
  const row = indices === undefined ? i : (indices[i] as number);
  if (!Number.isInteger(row) || row < 0 || row >= size) {
    throw new RangeError(`"indices[${i}]" must be an integer in [0, ${size - 1}], got ${row}`);
  }
  return row;
}
