/**
 * The training engine: clipped sums of per-example gradients, exact example by example, in one pass. Order of work:
 * phase A walks the convolutional part forward one example at a time, phase B the dense part for the whole chunk, forward
 * and back with ghost norms, phase C goes back through the convolutional part one example at a time, clips and adds.
 * Memory is of the order of the parameters, whatever the batch.
 *
 * @module
 */

import type { Dataset } from '../data/index.ts';
import { MAX_SAMPLE, assertClipping, gridMagic, type Clipping } from './clipping.ts';
import { sortSample, splitIntoBlocks, type Block } from './blocks.ts';
import { createChunkRunner } from './chunk.ts';
import { assertFits } from './fit.ts';
import { ModelError } from './errors.ts';
import type { Plan } from './plan.ts';
import { createWorkshop } from './sites.ts';

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
  /** Coins of dropout and augmentation for this step; needed only when the model or the engine has one of them. */
  readonly stepSeed?: bigint;
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
  /** Correct ÷ count, for classes and for binary targets; NaN for regressions. */
  readonly accuracy: number;
  /** Mean loss of an example. */
  readonly loss: number;
  readonly correct: number;
  readonly count: number;
}

/** Computes with one model on one thread. Holds memory of the order of the parameters; not reentrant. */
export interface Engine {
  readonly plan: Plan;
  /**
   * Sums the clipped gradients of the drawn examples. Its sensitivity is {@link computeClippedSumSensitivity}.
   * @throws {ModelError} when the data set does not fit the model. @throws {RangeError} for a wrong index or norm.
   */
  clippedSum(request: ClippedSumRequest): ClippedSum;
  /** The norm of each drawn example's gradient, in the order of the sorted indices. Private to the data holder. */
  gradientNorms(request: Omit<ClippedSumRequest, 'clipNorm' | 'clipping'>): Float64Array;
  /** Accuracy and mean loss over a data set, or the rows `indices` of it. */
  evaluate(request: { parameters: Float32Array; dataset: Dataset; indices?: ArrayLike<number> }): Evaluation;
  /** The outputs of the last layer (logits), `outputWidth` numbers a row. */
  predict(request: { parameters: Float32Array; dataset: Dataset; indices?: ArrayLike<number> }): Float32Array;
}

/** Sorted sample of a data set, split into blocks: the engine's unit of work, here and in workers. */
export interface BlockedSample {
  readonly dataset: Dataset;
  /** Rows of the data set, in the order of the blocks. */
  readonly rows: Uint32Array;
  /** The number that stands for each row in coins: its index in the participant's data set. */
  readonly identities: Uint32Array;
  readonly blocks: readonly Block[];
}

/**
 * Creates an engine for a plan.
 * @param options - `frozen`: the frozen parameters, `plan.frozenCount` numbers.
 * @throws {RangeError} when there are more or fewer frozen parameters than the plan has.
 */
export function createEngine(plan: Plan, { frozen = new Float32Array(0) }: { frozen?: Float32Array } = {}): Engine {
  if (frozen.length !== plan.frozenCount) {
    throw new RangeError(`"frozen" must hold ${plan.frozenCount} numbers, got ${frozen.length}`);
  }
  const shop = createWorkshop(plan, { views: 1 });
  shop.memory.f32.set(frozen, shop.frozen / 4);
  const runner = createChunkRunner(plan, shop);

  function load(parameters: Float32Array): void {
    if (parameters.length !== plan.parameterCount) {
      throw new RangeError(`"parameters" must hold ${plan.parameterCount} numbers, got ${parameters.length}`);
    }
    shop.memory.f32.set(parameters, shop.parameters / 4);
    for (const { layer, site } of shop.steps) layer.prepare?.(site);
  }

  function* chunksOf({ blocks }: BlockedSample): Generator<readonly Block[]> {
    let chunk: Block[] = [];
    let rows = 0;
    for (const block of blocks) {
      if (rows + block.count > shop.capacity) {
        yield chunk;
        chunk = [];
        rows = 0;
      }
      chunk.push(block);
      rows += block.count;
    }
    if (rows > 0) yield chunk;
  }

  /** Runs the rows of a data set forward, a chunk at a time. */
  function forward(
    dataset: Dataset,
    indices: ArrayLike<number> | undefined,
    each: (done: number, count: number) => void,
  ): number {
    const total = indices?.length ?? dataset.size;
    const rows = new Uint32Array(Math.min(total, shop.capacity));
    for (let done = 0; done < total; done += rows.length) {
      const count = Math.min(rows.length, total - done);
      for (let i = 0; i < count; i += 1) rows[i] = indices === undefined ? done + i : (indices[done + i] as number);
      runner.gather({ dataset, rows: rows.subarray(0, count), identities: rows.subarray(0, count) });
      runner.forward(count);
      each(done, count);
    }
    return total;
  }

  return {
    plan,
    clippedSum({ parameters, dataset, indices, clipNorm, clipping, stepSeed }) {
      const how = clipping ?? { kind: 'flat', clipNorm: clipNorm ?? Number.NaN };
      assertClipping(how);
      assertFits(plan, dataset);
      const rows = sortSample(indices, dataset.size);
      if (rows.length > MAX_SAMPLE) {
        throw new RangeError(`"indices" must be at most 2^20 examples, got ${rows.length}: sum in parts`);
      }
      load(parameters);
      runner.begin({ clipping: how, magic: gridMagic(how), stepSeed });
      const sample = { dataset, rows, identities: rows, blocks: splitIntoBlocks(rows) };
      for (const chunk of chunksOf(sample)) runner.addGradients(sample, chunk);
      const { sum, nonFinite } = runner.end();
      if (!sum.every(Number.isFinite)) {
        throw new ModelError('models/not-finite', 'the gradient sum is not finite: lower the learning rate or clip');
      }
      return { sum, nonFinite };
    },
    gradientNorms({ parameters, dataset, indices, stepSeed }) {
      assertFits(plan, dataset);
      const rows = sortSample(indices, dataset.size);
      load(parameters);
      const clipping = { kind: 'flat', clipNorm: 1 } as const;
      runner.begin({ clipping, magic: gridMagic(clipping), stepSeed });
      const norms = new Float64Array(rows.length);
      const sample = { dataset, rows, identities: rows, blocks: splitIntoBlocks(rows) };
      let done = 0;
      for (const chunk of chunksOf(sample)) done += runner.addGradients(sample, chunk, norms.subarray(done));
      runner.end();
      return norms;
    },
    evaluate({ parameters, dataset, indices }) {
      assertFits(plan, dataset);
      load(parameters);
      let loss = 0;
      let correct = 0;
      const count = forward(dataset, indices, (_, rows) => {
        runner.computeLosses(rows, { gradient: false });
        const tally = runner.score(rows);
        loss += tally.loss;
        correct += tally.correct;
      });
      const scored = plan.loss === 'softmaxCrossEntropy' || plan.loss === 'binaryCrossEntropy';
      return { accuracy: scored && count > 0 ? correct / count : Number.NaN, loss: loss / count, correct, count };
    },
    predict({ parameters, dataset, indices }) {
      assertFits(plan, dataset, { labels: false });
      load(parameters);
      const width = plan.outputWidth;
      const out = new Float32Array((indices?.length ?? dataset.size) * width);
      forward(dataset, indices, (done, rows) => {
        out.set(shop.memory.f32.subarray(shop.logits / 4, shop.logits / 4 + rows * width), done * width);
      });
      return out;
    },
  };
}
