/**
 * Lays a plan out in the kernels' memory: activations and gradients of a chunk of rows, parameters, sums, and the scratch
 * of gradients of one example. Everything is allocated once; the size follows from the plan and never from the batch.
 *
 * @module
 */

import { createLinearKernels, type KernelInstance, type LinearKernels } from '../../foundations/kernels/index.ts';
import { movesViews, type Augmentation } from './augmentation.ts';
import { BLOCK_EXAMPLES } from './blocks.ts';
import { ModelError } from './errors.ts';
import { layerOf, type StepDeclaration } from './layers/index.ts';
import { widthOf, type EngineMemory, type Layer, type Site } from './layers/layer.ts';
import type { Plan, PlanStep, PlanTensor } from './plan.ts';

/** A trained tensor of a step. */
export interface TrainedTensor {
  readonly tensor: PlanTensor;
  /** Number among the trained tensors of the plan. */
  readonly index: number;
  /** Number of its layer among the trained layers. */
  readonly layerIndex: number;
  /** Address of its float64 sums. */
  readonly sums: number;
  /** Addresses of the scratch for one example's gradient and for the float32 sum of a block; 0 when not needed. */
  readonly scratch: number;
  readonly blockSum: number;
}

/** A step with its layer object and its place in memory. */
export interface BoundStep {
  readonly step: PlanStep;
  readonly layer: Layer<StepDeclaration>;
  readonly site: Site<StepDeclaration>;
  /** How its gradients are taken; `none` for a step without trained parameters. */
  readonly gradients: 'none' | 'ghost' | 'example';
  readonly trained: readonly TrainedTensor[];
  /** Whether the backward pass enters this step, and whether it goes on below. */
  readonly backward: boolean;
}

/** Memory of an engine. */
export interface Workshop {
  readonly kernels: LinearKernels;
  readonly memory: EngineMemory;
  readonly steps: readonly BoundStep[];
  /** Rows that fit at a time. */
  readonly capacity: number;
  /** Steps walked one example at a time; all of them when an example has several views. */
  readonly exampleSteps: number;
  /** Whether rows need coins while training. */
  readonly tossesCoins: boolean;
  readonly parameters: number;
  readonly frozen: number;
  readonly sums: number;
  readonly staging: number;
  readonly input: number;
  readonly logits: number;
  readonly logitGradient: number;
  readonly labels: number;
  readonly losses: number;
  /** Squared norms (float64) and clip factors (float32): one row of `capacity` for each clipping group. */
  readonly norms: number;
  readonly factors: number;
  /** What the sites read while a chunk is under way. */
  readonly state: { training: boolean; coins: Uint32Array };
}

/** Activations are meant to stay within this many bytes, unless one block needs more. */
const ACTIVATION_BYTES = 4 << 20;
const MAX_ROWS = 256;

interface Value {
  readonly width: number;
  /** First value that shares the memory. */
  readonly root: number;
  address: number;
  gradient: number;
  gradientStride: number;
}

/** Whether training needs coins: the model drops out, or views are drawn. */
export function tossesCoins({ steps }: Pick<Plan, 'steps'>, augmentation: Augmentation): boolean {
  return movesViews(augmentation) || steps.some(({ declaration }) => declaration.kind === 'dropout');
}

/**
 * Lays out a plan.
 * @param augmentation - with more than one view of an example, every step is walked example by example.
 * @throws {ModelError} `models/too-large` when there is not the memory.
 */
export function createWorkshop(plan: Plan, augmentation: Augmentation): Workshop {
  const { views } = augmentation;
  const kernel = createLinearKernels();
  const alloc = (sizeBytes: number): number => {
    try {
      return kernel.alloc(sizeBytes);
    } catch (cause) {
      throw new ModelError('models/too-large', `the model does not fit one engine: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  const exampleSteps = views > 1 ? plan.steps.length : plan.exampleSteps;
  const firstTrained = plan.steps.findIndex(({ tensors }) => tensors.some(({ frozen }) => !frozen));
  const layers = plan.steps.map(({ declaration }) => layerOf(declaration.kind) as Layer<StepDeclaration>);
  const values = layValues(plan);
  const capacity = views > 1 ? views : chooseCapacity(plan, { values, layers, exampleSteps });

  for (const [i, value] of values.entries()) {
    if (value.root === i) value.address = alloc(4 * value.width * capacity);
    else value.address = (values[value.root] as Value).address;
  }
  // Gradients of values that only the example-by-example walk sees are kept for one example.
  const whole = new Set(values.slice(exampleSteps).map(({ root }) => root));
  for (const [i, value] of values.entries()) {
    const root = values[value.root] as Value;
    if (value.root === i && values.findLastIndex((other) => other.root === i) > firstTrained) {
      const all = views > 1 || whole.has(i);
      value.gradient = alloc(4 * value.width * (all ? capacity : 1));
      value.gradientStride = all ? 4 * value.width : 0;
    } else {
      value.gradient = root.gradient;
      value.gradientStride = root.gradientStride;
    }
  }

  const parameters = alloc(4 * plan.parameterCount);
  const frozen = alloc(4 * plan.frozenCount);
  const sums = alloc(8 * plan.parameterCount);
  const state = { training: false, coins: new Uint32Array(2 * capacity) };
  const sites: Site<StepDeclaration>[] = [];
  const shell = { memory: undefined as EngineMemory | undefined };
  const steps = plan.steps.map((step, i): BoundStep => {
    const layer = layers[i] as Layer<StepDeclaration>;
    const from = values[i] as Value;
    const to = values[i + 1] as Value;
    const trainedTensors = step.tensors.filter((tensor) => !tensor.frozen);
    const ghost = layer.ghostNorm !== undefined && i >= exampleSteps;
    const gradients = trainedTensors.length === 0 ? 'none' : ghost ? 'ghost' : 'example';
    const workspace = (layer.workspace?.(step.declaration, step.input) ?? []).map((area) =>
      alloc('fixed' in area ? area.fixed : area.perRow * capacity),
    );
    const site: Site<StepDeclaration> = {
      declaration: step.declaration,
      kernels: kernel.exports,
      get memory() {
        return shell.memory as EngineMemory;
      },
      input: step.input,
      output: step.output,
      inputWidth: from.width,
      outputWidth: to.width,
      x: (row) => from.address + 4 * from.width * row,
      y: (row) => to.address + 4 * to.width * row,
      dx: (row) => from.gradient + from.gradientStride * row,
      dy: (row) => to.gradient + to.gradientStride * row,
      needsInputGradient: i > firstTrained,
      parameters: step.tensors.map(({ frozen: isFrozen, offset }) => (isFrozen ? frozen : parameters) + 4 * offset),
      workspace,
      partner: () => sites[step.partner ?? i] as Site<StepDeclaration>,
      get training() {
        return state.training;
      },
      ordinal: i,
      coins: (row) => [state.coins[2 * row] as number, state.coins[2 * row + 1] as number],
    };
    sites.push(site);
    return {
      step,
      layer,
      site,
      gradients,
      backward: i >= firstTrained,
      trained: trainedTensors.map((tensor) => ({
        tensor,
        index: plan.parameters.indexOf(tensor),
        layerIndex: plan.trainedLayers.indexOf(step.name),
        sums: sums + 8 * tensor.offset,
        scratch: gradients === 'example' ? alloc(4 * tensor.size) : 0,
        blockSum: gradients === 'example' ? alloc(4 * tensor.size) : 0,
      })),
    };
  });

  const groups = plan.parameters.length;
  const last = values.at(-1) as Value;
  const labelWidth = Math.max(1, plan.outputWidth);
  const workshop = {
    kernels: kernel.exports,
    steps,
    capacity,
    exampleSteps,
    tossesCoins: movesViews(augmentation) || plan.steps.some(({ declaration }) => declaration.kind === 'dropout'),
    parameters,
    frozen,
    sums,
    staging: alloc(Math.max(4 * plan.inputWidth, 2 * plan.inputWidth * capacity)),
    input: (values[0] as Value).address,
    logits: last.address,
    logitGradient: last.gradient,
    labels: alloc(4 * labelWidth * capacity),
    losses: alloc(8 * capacity),
    norms: alloc(8 * groups * capacity),
    factors: alloc(4 * groups * capacity),
    state,
  };
  const memory = viewMemory(kernel);
  shell.memory = memory;
  return { ...workshop, memory };
}

function layValues(plan: Plan): Value[] {
  const values: Value[] = [{ width: plan.inputWidth, root: 0, address: 0, gradient: 0, gradientStride: 0 }];
  for (const [i, step] of plan.steps.entries()) {
    const root = step.inPlace ? (values[i] as Value).root : i + 1;
    values.push({ width: widthOf(step.output), root, address: 0, gradient: 0, gradientStride: 0 });
  }
  return values;
}

function chooseCapacity(
  plan: Plan,
  { values, layers, exampleSteps }: { values: Value[]; layers: Layer<StepDeclaration>[]; exampleSteps: number },
): number {
  let bytes = 0;
  for (const [i, value] of values.entries()) {
    if (value.root === i) bytes += 4 * value.width * (i >= exampleSteps ? 2 : 1);
  }
  for (const [i, layer] of layers.entries()) {
    const { declaration, input } = plan.steps[i] as PlanStep;
    for (const area of layer.workspace?.(declaration, input) ?? []) bytes += 'perRow' in area ? area.perRow : 0;
  }
  const rows = Math.floor(ACTIVATION_BYTES / bytes / 4) * 4;
  return Math.min(MAX_ROWS, Math.max(BLOCK_EXAMPLES, rows));
}

function viewMemory({ memory }: KernelInstance<LinearKernels>): EngineMemory {
  const { buffer } = memory;
  return {
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
    i32: new Int32Array(buffer),
    u8: new Uint8Array(buffer),
  };
}
