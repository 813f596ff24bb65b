/**
 * Runs one chunk of rows through a plan: inputs into memory, forward, losses, backward with norms, clip factors, and the
 * sum of what is left, block by block.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Block } from './blocks.ts';
import { clipNormsOf, computeClipFactor, type Clipping } from './clipping.ts';
import type { BlockedSample, ClippedSum } from './engine.ts';
import type { Plan } from './plan.ts';
import type { BoundStep, TrainedTensor, Workshop } from './sites.ts';

/** How the gradients of one call are clipped and added. */
export interface ChunkOptions {
  readonly clipping: Clipping;
  readonly magic: number;
  readonly stepSeed: bigint | undefined;
}

export interface ChunkRunner {
  gather(rows: { dataset: Dataset; rows: Uint32Array; identities: Uint32Array }): void;
  forward(count: number): void;
  computeLosses(count: number, options: { gradient: boolean }): void;
  score(count: number): { loss: number; correct: number };
  begin(options: ChunkOptions): void;
  /** Adds the clipped gradients of some blocks; fills `norms` with whole gradient norms when given. */
  addGradients(sample: BlockedSample, blocks: readonly Block[], norms?: Float64Array): number;
  end(): ClippedSum;
}

export function createChunkRunner(plan: Plan, shop: Workshop): ChunkRunner {
  const { kernels, memory, steps, state, capacity } = shop;
  const exampleSteps = plan.exampleSteps;
  const prefix = steps.slice(0, exampleSteps);
  const suffix = steps.slice(exampleSteps);
  const byExample = steps.filter(({ gradients }) => gradients === 'example');
  const ghosts = steps.filter(({ gradients }) => gradients === 'ghost');
  let options: ChunkOptions = { clipping: { kind: 'flat', clipNorm: 1 }, magic: 0, stepSeed: undefined };
  let clipNorms: readonly number[] = [1];
  let nonFinite = 0;

  function groupOf({ index, layerIndex }: TrainedTensor): number {
    if (options.clipping.kind === 'perTensor') return index;
    return options.clipping.kind === 'perLayer' ? layerIndex : 0;
  }
  const normAt = (tensor: TrainedTensor, row: number): number => shop.norms + 8 * (groupOf(tensor) * capacity + row);
  const factorAt = (tensor: TrainedTensor, row: number): number =>
    shop.factors + 4 * (groupOf(tensor) * capacity + row);

  const runner: ChunkRunner = {
    gather({ dataset, rows, identities }) {
      gatherInputs(plan, shop, { dataset, rows });
      gatherLabels(plan, shop, { dataset, rows });
      for (let i = 0; i < rows.length; i += 1) state.coins[2 * i] = identities[i] as number;
    },
    forward(count) {
      if (prefix.length > 0) {
        for (let row = 0; row < count; row += 1) {
          for (const { layer, site } of prefix) layer.forward(site, { from: row, count: 1 });
        }
      }
      for (const { layer, site } of suffix) layer.forward(site, { from: 0, count });
    },
    computeLosses(count, { gradient }) {
      const target = gradient ? shop.logitGradient : 0;
      const { loss, outputWidth } = plan;
      const { logits, labels, losses } = shop;
      switch (loss) {
        case 'softmaxCrossEntropy':
          kernels.softmaxCrossEntropy(logits, labels, target, losses, count, outputWidth);
          return;
        case 'binaryCrossEntropy':
          kernels.binaryCrossEntropy(logits, labels, target, losses, count, outputWidth);
          return;
        case 'squaredError':
          kernels.squaredError(logits, labels, target, losses, count, outputWidth);
          return;
        default:
          if (loss.kind !== 'huber') assertNever(loss.kind, 'loss');
          kernels.huber(logits, labels, target, losses, count, outputWidth, loss.threshold);
      }
    },
    score: (count) => scoreRows(plan, shop, count),
    begin(next) {
      options = next;
      clipNorms = clipNormsOf(next.clipping);
      const groups =
        next.clipping.kind === 'perTensor'
          ? plan.parameters.length
          : next.clipping.kind === 'perLayer'
            ? plan.trainedLayers.length
            : 1;
      if (clipNorms.length !== groups) {
        throw new RangeError(`"clipNorms" must hold ${groups} numbers for this model, got ${clipNorms.length}`);
      }
      nonFinite = 0;
      memory.f64.fill(0, shop.sums / 8, shop.sums / 8 + plan.parameterCount);
    },
    addGradients(sample, blocks, norms) {
      const from = (blocks[0] as Block).from;
      const count = blocks.reduce((total, block) => total + block.count, 0);
      const part = {
        dataset: sample.dataset,
        rows: sample.rows.subarray(from, from + count),
        identities: sample.identities.subarray(from, from + count),
      };
      state.training = true;
      runner.gather(part);
      runner.forward(count);
      runner.computeLosses(count, { gradient: true });
      state.training = false;
      memory.f64.fill(0, shop.norms / 8, shop.norms / 8 + clipNorms.length * capacity);
      backwardSuffix(count);
      for (const block of blocks) {
        const start = block.from - from;
        for (let row = start; row < start + block.count; row += 1) finishExample(row, norms);
        flushBlock({ from: start, count: block.count });
      }
      return count;
    },
    end() {
      return { sum: memory.f64.slice(shop.sums / 8, shop.sums / 8 + plan.parameterCount), nonFinite };
    },
  };

  const clipped = (): boolean => clipNorms.length > 1 || clipNorms[0] !== Infinity;

  function addExampleNorms({ trained }: BoundStep, row: number): void {
    for (const tensor of trained) {
      const at = normAt(tensor, row) / 8;
      memory.f64[at] = (memory.f64[at] as number) + kernels.sumSquares(tensor.scratch, tensor.tensor.size);
    }
  }

  function exampleGradient({ layer, site, trained }: BoundStep, row: number): void {
    layer.exampleGradient?.(
      site,
      { from: row, count: 1 },
      trained.map(({ scratch }) => scratch),
    );
  }

  /** Phase B, backward: gradients by activations and norms, for all rows. */
  function backwardSuffix(count: number): void {
    for (const bound of suffix.toReversed()) {
      const { layer, site, gradients, trained } = bound;
      if (!bound.backward) break;
      if (clipped()) {
        if (gradients === 'ghost') {
          layer.ghostNorm?.(
            site,
            { from: 0, count },
            trained.map((tensor) => normAt(tensor, 0)),
          );
        } else if (gradients === 'example') {
          for (let row = 0; row < count; row += 1) {
            exampleGradient(bound, row);
            addExampleNorms(bound, row);
          }
        }
      }
      if (site.needsInputGradient) layer.backward(site, { from: 0, count });
    }
  }

  /** Phase C for one example: back through the first steps, then its clip factors, then its gradients into the block. */
  function finishExample(row: number, norms: Float64Array | undefined): void {
    for (const bound of prefix.toReversed()) {
      if (!bound.backward) break;
      if (bound.gradients === 'example') {
        exampleGradient(bound, row);
        if (clipped()) addExampleNorms(bound, row);
      }
      if (bound.site.needsInputGradient) bound.layer.backward(bound.site, { from: row, count: 1 });
    }
    const good = setFactors(row, norms);
    if (!good) {
      nonFinite += 1;
      for (const { site } of ghosts) {
        memory.f32.fill(0, site.x(row) / 4, site.x(row) / 4 + site.inputWidth);
        memory.f32.fill(0, site.dy(row) / 4, site.dy(row) / 4 + site.outputWidth);
      }
      return;
    }
    for (const bound of byExample) {
      if (suffix.includes(bound)) exampleGradient(bound, row);
      for (const tensor of bound.trained) {
        const factor = memory.f32[factorAt(tensor, row) / 4] as number;
        kernels.axpy(factor, tensor.scratch, tensor.blockSum, tensor.tensor.size);
      }
    }
  }

  /** Sets the clip factor of every group; false (and zeros) when the example's gradient is not finite. */
  function setFactors(row: number, norms: Float64Array | undefined): boolean {
    let good = Number.isFinite(memory.f64[shop.losses / 8 + row]);
    let whole = 0;
    const stability = options.clipping.kind === 'automatic' ? options.clipping.stability : undefined;
    for (const [group, clipNorm] of clipNorms.entries()) {
      const squared = memory.f64[shop.norms / 8 + group * capacity + row] as number;
      whole += squared;
      good &&= Number.isFinite(squared);
      memory.f32[shop.factors / 4 + group * capacity + row] = computeClipFactor(squared, clipNorm, stability);
    }
    if (norms !== undefined) norms[row] = Math.sqrt(whole);
    if (!good) {
      for (let group = 0; group < clipNorms.length; group += 1) {
        memory.f32[shop.factors / 4 + group * capacity + row] = 0;
      }
    }
    return good;
  }

  function flushBlock(rows: Block): void {
    for (const { trained } of byExample) {
      for (const { blockSum, sums, tensor } of trained) {
        kernels.flushGrid(blockSum, sums, tensor.size, options.magic);
      }
    }
    for (const { layer, site, trained } of ghosts) {
      layer.accumulate?.(site, rows, {
        factors: trained.map((tensor) => factorAt(tensor, rows.from)),
        sums: trained.map(({ sums }) => sums),
        magic: options.magic,
      });
    }
  }

  return runner;
}

function gatherInputs(
  { inputWidth }: Plan,
  { kernels, memory, staging, input }: Workshop,
  { dataset, rows }: { dataset: Dataset; rows: Uint32Array },
): void {
  const { inputs, inputScale, inputOffset } = dataset;
  const scale = Math.fround(inputScale);
  const offset = Math.fround(inputOffset);
  const count = rows.length * inputWidth;
  if (inputs instanceof Float32Array) {
    for (const [i, row] of rows.entries()) {
      memory.f32.set(inputs.subarray(row * inputWidth, (row + 1) * inputWidth), input / 4 + i * inputWidth);
    }
    if (scale !== 1 || offset !== 0) kernels.affine(input, count, scale, offset);
    return;
  }
  const size = inputs.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  for (const [i, row] of rows.entries()) {
    const from = row * inputWidth * size;
    memory.u8.set(bytes.subarray(from, from + inputWidth * size), staging + i * inputWidth * size);
  }
  if (size === 1) kernels.bytesToFloats(staging, input, count, scale, offset);
  else kernels.wordsToFloats(staging, input, count, scale, offset);
}

function gatherLabels(
  { loss }: Plan,
  { memory, labels: target }: Workshop,
  { dataset, rows }: { dataset: Dataset; rows: Uint32Array },
): void {
  const { labels, labelWidth } = dataset;
  if (loss === 'softmaxCrossEntropy') {
    for (const [i, row] of rows.entries()) memory.i32[target / 4 + i] = labels[row * labelWidth] as number;
    return;
  }
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < labelWidth; j += 1) {
      memory.f32[target / 4 + i * labelWidth + j] = labels[row * labelWidth + j] as number;
    }
  }
}

function scoreRows({ loss, outputWidth }: Plan, shop: Workshop, count: number): { loss: number; correct: number } {
  const { memory, logits, labels, losses } = shop;
  let total = 0;
  let correct = 0;
  for (let row = 0; row < count; row += 1) {
    total += memory.f64[losses / 8 + row] as number;
    const at = logits / 4 + row * outputWidth;
    if (loss === 'softmaxCrossEntropy') {
      let best = 0;
      for (let j = 1; j < outputWidth; j += 1) {
        if ((memory.f32[at + j] as number) > (memory.f32[at + best] as number)) best = j;
      }
      if (best === memory.i32[labels / 4 + row]) correct += 1;
    } else if (loss === 'binaryCrossEntropy') {
      let right = true;
      for (let j = 0; j < outputWidth; j += 1) {
        const target = memory.f32[labels / 4 + row * outputWidth + j] as number;
        if ((memory.f32[at + j] as number) > 0 !== target > 0.5) right = false;
      }
      if (right) correct += 1;
    }
  }
  return { loss: total, correct };
}
