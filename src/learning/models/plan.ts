/**
 * Compiles a declared model into a plan: the steps in order with their shapes, the place of every parameter in one flat
 * vector (what secure aggregation sums, noise protects and files hold), and the order of work.
 *
 * @module
 */

import { BATCH_NORM_REASON, type LayerDeclaration, type LossDeclaration, type Model } from './declaration.ts';
import { ModelError } from './errors.ts';
import { layerOf, type StepDeclaration } from './layers/index.ts';
import { widthOf, type Shape, type TensorDeclaration } from './layers/layer.ts';
import { modelSchema } from './schema.ts';

/** A tensor of parameters and its place in the flat vector. */
export interface PlanTensor {
  /** `dense1.weight`, … */
  readonly name: string;
  readonly shape: Shape;
  /** Index of its first number, in the vector of trained parameters or, when frozen, in that of frozen ones. */
  readonly offset: number;
  readonly size: number;
  readonly frozen: boolean;
  readonly start: TensorDeclaration['start'];
}

/** One step of a plan. */
export interface PlanStep {
  readonly declaration: StepDeclaration;
  /** The layer's name, `dense1`. */
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  /** The output overwrites the input. */
  readonly inPlace: boolean;
  readonly tensors: readonly PlanTensor[];
  /** The step at the other end of a residual connection. */
  readonly partner?: number;
}

/** A model with every place fixed. Plain data. */
export interface Plan {
  readonly model: Model;
  readonly steps: readonly PlanStep[];
  readonly input: Shape;
  readonly inputWidth: number;
  readonly output: Shape;
  readonly outputWidth: number;
  readonly loss: LossDeclaration;
  /** Length of the trained vector. */
  readonly parameterCount: number;
  /** Its tensors, in order. */
  readonly parameters: readonly PlanTensor[];
  /** Length of the frozen vector, 0 when nothing is frozen. */
  readonly frozenCount: number;
  readonly frozenParameters: readonly PlanTensor[];
  /** Steps walked one example at a time: all up to the last one that wants it. */
  readonly exampleSteps: number;
  /** Names of the layers with trained parameters, in order: what is clipped apart in per-layer clipping. */
  readonly trainedLayers: readonly string[];
}

const STEMS: Readonly<Record<string, string>> = { conv2d: 'conv', embeddingBag: 'embedding', lora: 'dense' };

/** Bytes of an engine's memory for a trained number (float32, and float64 for its sum) and for a frozen one. */
const TRAINED_BYTES = 12;
const FROZEN_BYTES = 4;
/** What 32-bit addresses reach. */
const MAX_BYTES = 2 ** 32;

/**
 * Compiles a model.
 * @throws {ModelError} when a setting is out of range, shapes do not fit, a name is used twice, nothing is trained, the
 * parameters do not fit an engine's memory, or a layer mixes examples.
 */
export function compilePlan(model: Model): Plan {
  if (model.input.length === 0) throw shapeError('input', 'needs at least one extent', model.input);
  assertDeclared(model);
  const compiler = createCompiler(model.input);
  compiler.addAll(model.layers);
  const { steps, trained, frozen } = compiler;
  const last = steps.at(-1);
  if (last === undefined) throw shapeError('layers', 'needs at least one layer', model.input);
  if (trained.tensors.length === 0) throw shapeError('layers', 'holds no parameter to train', model.input);
  if (TRAINED_BYTES * trained.count + FROZEN_BYTES * frozen.count > MAX_BYTES) {
    throw new ModelError(
      'models/too-large',
      `the model has ${trained.count} trained and ${frozen.count} frozen parameters: more than the 4 GiB of an engine hold`,
    );
  }
  const { loss } = model;
  return {
    model,
    steps,
    input: model.input,
    inputWidth: widthOf(model.input),
    output: last.output,
    outputWidth: widthOf(last.output),
    loss,
    parameterCount: trained.count,
    parameters: trained.tensors,
    frozenCount: frozen.count,
    frozenParameters: frozen.tensors,
    exampleSteps: steps.findLastIndex(({ declaration }) => layerOf(declaration.kind)?.order === 'example') + 1,
    trainedLayers: [...new Set(steps.filter(({ tensors }) => tensors.some((t) => !t.frozen)).map(({ name }) => name))],
  };
}

/** Whatever made the declaration, a program or a file of another tool, its numbers are those a task file may have. */
function assertDeclared(model: Model): void {
  if (model.layers.length === 0) return;
  const [issue] = modelSchema.safeParse(model).error?.issues ?? [];
  if (issue === undefined) return;
  throw issue.message === BATCH_NORM_REASON
    ? new ModelError('models/mixes-examples', BATCH_NORM_REASON)
    : new ModelError('models/shape-mismatch', `"${issue.path.join('.')}" of the model is refused: ${issue.message}`);
}

function shapeError(where: string, rule: string, shape: Shape): ModelError {
  return new ModelError('models/shape-mismatch', `"${where}" ${rule} (input ${shape.join(' × ')})`, {
    details: { layer: where, shape },
  });
}

function createCompiler(input: Shape) {
  const steps: PlanStep[] = [];
  const trained = { count: 0, tensors: [] as PlanTensor[] };
  const frozen = { count: 0, tensors: [] as PlanTensor[] };
  const ordinals = new Map<string, number>();
  const names = new Set<string>();
  let shape = input;
  /** Whether a backward pass will read the current value, so that the next step must not overwrite it. */
  let kept = false;

  function nameOf(declaration: StepDeclaration): string {
    const stem = STEMS[declaration.kind] ?? declaration.kind;
    const ordinal = (ordinals.get(stem) ?? 0) + 1;
    ordinals.set(stem, ordinal);
    const name = 'name' in declaration && declaration.name !== undefined ? declaration.name : `${stem}${ordinal}`;
    if (names.has(name)) {
      throw new ModelError('models/shape-mismatch', `two layers are called "${name}": give one another name`);
    }
    names.add(name);
    return name;
  }

  function place(name: string, tensor: TensorDeclaration, isFrozen: boolean): PlanTensor {
    const vector = isFrozen ? frozen : trained;
    const { shape: extents, start } = tensor;
    const size = widthOf(extents);
    const placed = {
      name: `${name}.${tensor.role}`,
      shape: extents,
      offset: vector.count,
      size,
      frozen: isFrozen,
      start,
    };
    vector.count += size;
    vector.tensors.push(placed);
    return placed;
  }

  function add(declaration: StepDeclaration, partner?: number): number {
    const layer = layerOf(declaration.kind);
    if (layer === undefined) {
      throw (declaration.kind as string) === 'batchNorm'
        ? new ModelError('models/mixes-examples', BATCH_NORM_REASON)
        : new ModelError('models/shape-mismatch', `there is no layer of kind "${String(declaration.kind)}"`);
    }
    const name = nameOf(declaration);
    const output = layer.shape(declaration, shape);
    if (output.some((extent) => !Number.isSafeInteger(extent) || extent < 1)) {
      throw shapeError(name, `would have the output ${output.join(' × ')}`, shape);
    }
    if (declaration.kind === 'embeddingBag') {
      if (trained.count > 0) {
        throw shapeError(name, 'must come before every trained layer: tokens have no gradient', shape);
      }
      if (steps.some((step) => step.declaration.kind !== 'flatten')) {
        throw shapeError(name, 'must come first: what another layer makes are no tokens', shape);
      }
    }
    const isFrozen = 'frozen' in declaration && declaration.frozen === true;
    const tensors = layer.tensors?.(declaration, shape) ?? [];
    const aliases = declaration.kind === 'flatten' || declaration.kind === 'fork';
    const inPlace = aliases || (layer.inPlace && !kept);
    steps.push({
      declaration,
      name,
      input: shape,
      output,
      inPlace,
      tensors: tensors.map((tensor) => place(name, tensor, isFrozen || tensor.frozen === true)),
      ...(partner === undefined ? {} : { partner }),
    });
    kept = layer.keepsOutput || (declaration.kind === 'flatten' && kept);
    shape = output;
    return steps.length - 1;
  }

  function addAll(layers: readonly LayerDeclaration[]): void {
    for (const declaration of layers) {
      if (declaration.kind === 'dense' && declaration.lora !== undefined) {
        add({ ...declaration, kind: 'lora', lora: declaration.lora });
        continue;
      }
      if (declaration.kind !== 'residual') {
        add(declaration);
        continue;
      }
      const before = shape;
      const fork = add({ kind: 'fork' });
      addAll(declaration.layers);
      if (shape.length !== before.length || shape.some((extent, i) => extent !== before[i])) {
        throw shapeError(
          'residual',
          `must keep the shape ${before.join(' × ')}, its layers make ${shape.join(' × ')}`,
          before,
        );
      }
      const join = add({ kind: 'join' }, fork);
      steps[fork] = { ...(steps[fork] as PlanStep), partner: join };
    }
  }

  return { steps, trained, frozen, addAll };
}
