/**
 * Runs chunks of rows through a plan: inputs into memory, forward, losses, backward with norms, clip factors, and the sum
 * of what is left, block by block.
 *
 * @module
 */

import { movesViews, spreadViews, type Augmentation } from './augmentation.ts';
import type { Block } from './blocks.ts';
import { ACTIVATION_LIMIT, clipNormsOf, computeClipFactor, type Clipping } from './clipping.ts';
import { gatherInputs, gatherLabels, setCoins, type Sample } from './gather.ts';
import type { Rows } from './layers/layer.ts';
import type { Plan } from './plan.ts';
import { computeLosses } from './scoring.ts';
import type { BoundStep, TrainedTensor, Workshop } from './sites.ts';

/** How the gradients of one call are clipped and added. */
export interface SumOptions {
  readonly clipping: Clipping;
  /** See `gridMagic`. */
  readonly magic: number;
  readonly stepSeed: bigint;
}

/** Adds up clipped gradients in an engine's memory. */
export interface GradientSummer {
  /** Sets the sum to zero. @throws {RangeError} when there are more or fewer clip norms than groups. */
  begin(options: SumOptions): void;
  /** Adds the blocks' clipped gradients; fills `norms`, if given, with the norm of each example's whole gradient. */
  add(sample: Sample, blocks: readonly Block[], norms?: Float64Array): void;
  /** The sum so far, whether it is finite (a clipped one always is), and the examples whose gradient was not. */
  end(into?: Float64Array): { sum: Float64Array; nonFinite: number; finite: boolean };
  /** Sets the sum to zero ahead of the next `begin`. */
  clear(): void;
}

/** Walks rows forward: the steps that want one example at a time first, then the rest for all rows. */
export function walkForward({ steps, exampleSteps }: Workshop, count: number): void {
  const first = steps.slice(0, exampleSteps);
  for (let row = 0; row < count && first.length > 0; row += 1) {
    for (const { layer, site } of first) layer.forward(site, { from: row, count: 1 });
  }
  for (const { layer, site } of steps.slice(exampleSteps)) layer.forward(site, { from: 0, count });
}

/** Creates the summer of a workshop. With more than one view, rows hold the views of one example at a time. */
export function createGradientSummer(
  plan: Plan,
  shop: Workshop,
  augmentation: Augmentation = { views: 1 },
): GradientSummer {
  const { kernels, memory, steps, state, capacity } = shop;
  const { views } = augmentation;
  const upward = steps.filter(({ backward }) => backward).toReversed();
  const isFirst = (bound: BoundStep): boolean => steps.indexOf(bound) < shop.exampleSteps;
  const first = upward.filter(isFirst);
  const rest = upward.filter((bound) => !isFirst(bound));
  const byExample = steps.filter(({ gradients }) => gradients === 'example');
  const ghosts = steps.filter(({ gradients }) => gradients === 'ghost');
  let options: SumOptions = { clipping: { kind: 'flat', clipNorm: 1 }, magic: 0, stepSeed: 0n };
  let clipNorms: readonly number[] = [1];
  let stability: number | undefined;
  let clipped = true;
  let nonFinite = 0;
  /** Whether inputs must be looked at: small integers are finite by themselves. */
  let checksInputs = false;
  let cleared = true;

  function groupOf({ index, layerIndex }: TrainedTensor): number {
    if (options.clipping.kind === 'perTensor') return index;
    return options.clipping.kind === 'perLayer' ? layerIndex : 0;
  }
  const normAt = (tensor: TrainedTensor, example: number): number =>
    shop.norms + 8 * (groupOf(tensor) * capacity + example);
  const factorAt = (tensor: TrainedTensor, example: number): number =>
    shop.factors + 4 * (groupOf(tensor) * capacity + example);

  function gather(sample: Sample): void {
    checksInputs = sample.dataset.inputs instanceof Float32Array;
    gatherInputs(plan, shop, sample);
    gatherLabels(plan, shop, sample, views);
    if (shop.tossesCoins) setCoins(shop, { identities: sample.identities, stepSeed: options.stepSeed, views });
  }

  /** Writes one example's gradient to the scratch of its tensors and, unless the factor is known, adds its norm. */
  function formGradient({ layer, site, trained }: BoundStep, example: number, { norm }: { norm: boolean }): void {
    const rows: Rows = views > 1 ? { from: 0, count: views } : { from: example, count: 1 };
    layer.exampleGradient?.(
      site,
      rows,
      trained.map(({ scratch }) => scratch),
    );
    if (!norm || !clipped) return;
    for (const tensor of trained) {
      const at = normAt(tensor, example) / 8;
      memory.f64[at] = (memory.f64[at] as number) + kernels.sumSquares(tensor.scratch, tensor.tensor.size);
    }
  }

  /** Phase B, backward: gradients by activations and norms, for all rows at once. */
  function walkBack(count: number): void {
    for (const bound of rest) {
      const { layer, site, gradients, trained } = bound;
      if (gradients === 'ghost' && clipped) {
        layer.ghostNorm?.(
          site,
          { from: 0, count },
          trained.map((tensor) => normAt(tensor, 0)),
        );
      } else if (gradients === 'example' && clipped) {
        for (let row = 0; row < count; row += 1) formGradient(bound, row, { norm: true });
      }
      if (site.needsInputGradient) layer.backward(site, { from: 0, count });
    }
  }

  /** Phase C for one example: back through the first steps, then its clip factors, then its gradients into the block. */
  function finishExample(example: number): boolean {
    const rows: Rows = views > 1 ? { from: 0, count: views } : { from: example, count: 1 };
    for (const bound of first) {
      if (bound.gradients === 'example') formGradient(bound, example, { norm: true });
      if (bound.site.needsInputGradient) bound.layer.backward(bound.site, rows);
    }
    if (!setFactors(example, rows)) {
      for (const { site } of ghosts) {
        memory.f32.fill(0, site.x(example) / 4, site.x(example) / 4 + site.inputWidth);
        memory.f32.fill(0, site.dy(example) / 4, site.dy(example) / 4 + site.outputWidth);
      }
      return false;
    }
    for (const bound of byExample) {
      // The scratch of a step in the batch part holds another row's gradient by now.
      if (!isFirst(bound)) formGradient(bound, example, { norm: false });
      for (const tensor of bound.trained) {
        const factor = memory.f32[factorAt(tensor, example) / 4] as number;
        kernels.axpy(factor, tensor.scratch, tensor.blockSum, tensor.tensor.size);
      }
    }
    return true;
  }

  /** Sets the clip factor of every group; false, and zeros, when the example's gradient is not finite. */
  function setFactors(example: number, { from, count }: Rows): boolean {
    let probe = 0;
    for (let row = from; row < from + count; row += 1) probe += memory.f64[shop.losses / 8 + row] as number;
    if (checksInputs) {
      const squares = kernels.sumSquares(shop.input + 4 * plan.inputWidth * from, count * plan.inputWidth);
      if (!(squares <= ACTIVATION_LIMIT)) probe = Number.NaN;
    }
    for (let group = 0; group < clipNorms.length; group += 1) {
      const squared = memory.f64[shop.norms / 8 + group * capacity + example] as number;
      probe += squared;
      const factor = computeClipFactor(squared, clipNorms[group] as number, stability);
      memory.f32[shop.factors / 4 + group * capacity + example] = factor;
    }
    if (Number.isFinite(probe)) return true;
    for (let group = 0; group < clipNorms.length; group += 1) {
      memory.f32[shop.factors / 4 + group * capacity + example] = 0;
    }
    return false;
  }

  function finishBlock(rows: Rows): void {
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

  function clear(): void {
    memory.f64.fill(0, shop.sums / 8, shop.sums / 8 + plan.parameterCount);
    cleared = true;
  }

  function clearNorms(): void {
    memory.f64.fill(0, shop.norms / 8, shop.norms / 8 + clipNorms.length * capacity);
  }

  const wholeNorm = (example: number): number => {
    let squared = 0;
    for (let group = 0; group < clipNorms.length; group += 1) {
      squared += memory.f64[shop.norms / 8 + group * capacity + example] as number;
    }
    return Math.sqrt(squared);
  };

  function addChunk(sample: Sample, blocks: readonly Block[], norms: Float64Array | undefined): void {
    const [start, count] = spanOf(blocks);
    gather(partOf(sample, { from: start, count }));
    for (let row = 0; row < count && movesViews(augmentation); row += 1) {
      spreadViews(plan, shop, { augmentation, from: row });
    }
    walkForward(shop, count);
    computeLosses(plan, shop, { count, gradient: true });
    clearNorms();
    walkBack(count);
    for (const block of blocks) {
      const from = block.from - start;
      for (let row = from; row < from + block.count; row += 1) {
        if (!finishExample(row)) nonFinite += 1;
        if (norms !== undefined) norms[start + row] = wholeNorm(row);
      }
      finishBlock({ from, count: block.count });
    }
  }

  function addViews(sample: Sample, blocks: readonly Block[], norms: Float64Array | undefined): void {
    for (const block of blocks) {
      for (let i = block.from; i < block.from + block.count; i += 1) {
        gather(partOf(sample, { from: i, count: 1 }));
        spreadViews(plan, shop, { augmentation, from: 0 });
        for (const { layer, site } of steps) layer.forward(site, { from: 0, count: views });
        computeLosses(plan, shop, { count: views, gradient: true });
        kernels.affine(shop.logitGradient, views * plan.outputWidth, 1 / views, 0);
        clearNorms();
        if (!finishExample(0)) nonFinite += 1;
        if (norms !== undefined) norms[i] = wholeNorm(0);
      }
      finishBlock({ from: 0, count: 0 });
    }
  }

  return {
    begin(next) {
      options = next;
      clipNorms = clipNormsOf(next.clipping);
      stability = next.clipping.kind === 'automatic' ? next.clipping.stability : undefined;
      clipped = clipNorms.some((norm) => norm !== Infinity);
      const groups = { perTensor: plan.parameters.length, perLayer: plan.trainedLayers.length, flat: 1, automatic: 1 };
      const expected = groups[next.clipping.kind];
      if (clipNorms.length !== expected) {
        throw new RangeError(`"clipNorms" must hold ${expected} numbers for this model, got ${clipNorms.length}`);
      }
      nonFinite = 0;
      if (!cleared) clear();
      cleared = false;
    },
    clear,
    add(sample, blocks, norms) {
      state.training = true;
      try {
        if (views > 1) addViews(sample, blocks, norms);
        else for (const chunk of chunksOf(blocks, capacity)) addChunk(sample, chunk, norms);
      } finally {
        state.training = false;
      }
    },
    end(into = new Float64Array(plan.parameterCount)) {
      const finite = clipped || kernels.allFinite(shop.sums, plan.parameterCount) !== 0;
      into.set(memory.f64.subarray(shop.sums / 8, shop.sums / 8 + plan.parameterCount));
      return { sum: into, nonFinite, finite };
    },
  };
}

function spanOf(blocks: readonly Block[]): [from: number, count: number] {
  const from = blocks[0]?.from ?? 0;
  return [from, blocks.reduce((total, { count }) => total + count, 0)];
}

function partOf({ dataset, rows, identities }: Sample, { from, count }: Rows): Sample {
  return { dataset, rows: rows.subarray(from, from + count), identities: identities.subarray(from, from + count) };
}

/** Groups consecutive blocks so that each group fits in memory. */
function chunksOf(blocks: readonly Block[], capacity: number): Block[][] {
  const chunks: Block[][] = [];
  let rows = capacity;
  for (const block of blocks) {
    rows += block.count;
    if (rows > capacity) {
      chunks.push([]);
      rows = block.count;
    }
    chunks.at(-1)?.push(block);
  }
  return chunks;
}
