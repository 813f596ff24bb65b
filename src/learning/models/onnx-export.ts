/**
 * Writes a trained model as an ONNX inference graph [ONNX], operator set 17. The input is channel-last, as everywhere
 * here, with the batch in front; images are turned for the operators that want channels first. The declaration goes
 * along as metadata, so that `importOnnx` can give the very same model back.
 *
 * @module
 */

import { paddingOf } from './layers/embedding.ts';
import type { StepDeclaration } from './layers/index.ts';
import type { Shape } from './layers/layer.ts';
import { encodeOnnx, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './onnx-format.ts';
import type { Plan, PlanStep, PlanTensor } from './plan.ts';

/** Metadata key of the declaration. */
export const DECLARATION_KEY = 'sotto.model';
const OPSET = 17;
/** Extent of the batch: any. */
const BATCH = 'batch';
const EPSILON = 1e-5;

/** What a model is written with. */
export interface OnnxExport {
  /** The trained parameters, `plan.parameterCount` numbers. */
  readonly parameters: Float32Array;
  /** The frozen ones, `plan.frozenCount` numbers; none by default. */
  readonly frozen?: Float32Array;
  /** More metadata; keys that begin with `sotto.` are reserved. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A value of the graph under construction. */
interface Value {
  readonly name: string;
  readonly shape: Shape;
  /** An image with its channels first, though `shape` says them last. */
  readonly channelsFirst: boolean;
}

interface Graph {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  /** Adds a node with one output, and returns its name. */
  add(operation: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** Adds a constant. */
  floats(name: string, shape: Shape, data: ArrayLike<number>): string;
  integers(name: string, data: readonly number[]): string;
}

function createGraph(): Graph {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const place = (name: string, tensor: OnnxTensor): string => {
    initializers.set(name, tensor);
    return name;
  };
  return {
    nodes,
    initializers,
    add(operation, inputs, attributes = {}) {
      const output = `value${nodes.length + 1}`;
      nodes.push({ operation, inputs, outputs: [output], attributes });
      return output;
    },
    floats: (name, shape, data) => place(name, { shape, data: Float32Array.from(data) }),
    integers: (name, data) => place(name, { shape: [data.length], data: BigInt64Array.from(data.map(BigInt)) }),
  };
}

/** Emits the nodes of a step and returns the name of what they make. */
type Emitter<Declaration> = (context: {
  readonly graph: Graph;
  readonly step: PlanStep;
  readonly declaration: Declaration;
  readonly x: string;
  /** Places the parameters of a role as they are, or those that were put in another order. */
  readonly tensor: (
    role: string,
    reorder?: (data: Float32Array, shape: Shape) => { data: Float32Array; shape: Shape },
  ) => string;
  readonly hasTensor: (role: string) => boolean;
}) => string;

type Emitters = {
  readonly [Kind in Exclude<StepDeclaration['kind'], 'fork' | 'join' | 'flatten' | 'dropout'>]: {
    /** What images must look like: channels first, channels last, or either. */
    readonly layout: 'first' | 'last' | 'any';
    readonly emit: Emitter<Extract<StepDeclaration, { kind: Kind }>>;
  };
};

const pairOf = (value: number | readonly [number, number]): [bigint, bigint] =>
  typeof value === 'number' ? [BigInt(value), BigInt(value)] : [BigInt(value[0]), BigInt(value[1])];

/** Kernels from [height, width, in, out] to [out, in, height, width]. */
function kernelToChannelsFirst(data: Float32Array, shape: Shape): { data: Float32Array; shape: Shape } {
  const [height, width, seen, out] = shape as [number, number, number, number];
  const turned = new Float32Array(data.length);
  for (let place = 0; place < height * width; place += 1) {
    for (let i = 0; i < seen; i += 1) {
      for (let o = 0; o < out; o += 1) {
        turned[(o * seen + i) * height * width + place] = data[(place * seen + i) * out + o] as number;
      }
    }
  }
  return { data: turned, shape: [out, seen, height, width] };
}

const flat = (graph: Graph, { input }: PlanStep, x: string): string =>
  input.length > 1 ? graph.add('Flatten', [x], { axis: 1n }) : x;

const dense: Emitters['dense']['emit'] = ({ graph, step, x, tensor, hasTensor }) => {
  const inputs = [flat(graph, step, x), tensor('weight')];
  return hasTensor('bias') ? graph.add('Gemm', [...inputs, tensor('bias')]) : graph.add('MatMul', inputs);
};

const pool = (operation: 'MaxPool' | 'AveragePool') =>
  ({
    layout: 'first',
    emit: ({ graph, declaration: { size, stride = size }, x }) =>
      graph.add(operation, [x], { kernel_shape: pairOf(size), strides: pairOf(stride) }),
  }) satisfies Emitters['maxPool'] & Emitters['averagePool'];

const emitters: Emitters = {
  dense: { layout: 'last', emit: dense },
  lora: {
    layout: 'last',
    emit(context) {
      const { graph, step, declaration, tensor } = context;
      const { rank, alpha = rank } = declaration.lora;
      const x = flat(graph, step, context.x);
      const inputs = [x, tensor('weight')];
      const y = context.hasTensor('bias')
        ? graph.add('Gemm', [...inputs, tensor('bias')])
        : graph.add('MatMul', inputs);
      const scale = graph.floats(`${step.name}.scale`, [], [alpha / rank]);
      const hidden = graph.add('Mul', [graph.add('MatMul', [x, tensor('loraA')]), scale]);
      return graph.add('Add', [y, graph.add('MatMul', [hidden, tensor('loraB')])]);
    },
  },
  conv2d: {
    layout: 'first',
    emit({ graph, declaration, x, tensor, hasTensor }) {
      const { kernel, stride = 1, padding = 0, groups = 1 } = declaration;
      const inputs = [x, tensor('weight', kernelToChannelsFirst)];
      if (hasTensor('bias')) inputs.push(tensor('bias'));
      return graph.add('Conv', inputs, {
        kernel_shape: pairOf(kernel),
        strides: pairOf(stride),
        pads: [...pairOf(padding), ...pairOf(padding)],
        group: BigInt(groups),
      });
    },
  },
  maxPool: pool('MaxPool'),
  averagePool: pool('AveragePool'),
  embeddingBag: {
    layout: 'last',
    // Numbers outside of the vocabulary are no tokens: they read an extra row of zeros, and do not count in a mean.
    emit({ graph, step, declaration, x, tensor }) {
      const { vocabulary, mode } = declaration;
      const padding = paddingOf(declaration);
      const named = (role: string): string => `${step.name}.${role}`;
      const zero = graph.floats(named('zero'), [], [0]);
      const end = graph.floats(named('end'), [], [vocabulary]);
      const inside = graph.add('And', [graph.add('GreaterOrEqual', [x, zero]), graph.add('Less', [x, end])]);
      const isWord = (): string =>
        graph.add('Not', [graph.add('Equal', [x, graph.floats(named('padding'), [], [padding])])]);
      const valid = padding < 0 || padding >= vocabulary ? inside : graph.add('And', [inside, isWord()]);
      const tokens = graph.add('Cast', [graph.add('Where', [valid, x, end])], { to: 7n });
      const table = tensor('weight', (data, [rows, columns]) => {
        const longer = new Float32Array(data.length + (columns as number));
        longer.set(data);
        return { data: longer, shape: [(rows as number) + 1, columns as number] };
      });
      const axis = graph.integers(named('axis'), [1]);
      const sum = graph.add('ReduceSum', [graph.add('Gather', [table, tokens], { axis: 0n }), axis], { keepdims: 0n });
      if (mode === 'sum') return sum;
      const count = graph.add('ReduceSum', [graph.add('Cast', [valid], { to: 1n }), axis], { keepdims: 1n });
      return graph.add('Div', [sum, graph.add('Max', [count, graph.floats(named('one'), [], [1])])]);
    },
  },
  layerNorm: {
    layout: 'last',
    emit: ({ graph, declaration: { epsilon = EPSILON }, x, tensor }) =>
      graph.add('LayerNormalization', [x, tensor('weight'), tensor('bias')], { axis: 1n, epsilon }),
  },
  groupNorm: {
    layout: 'first',
    // Instance normalisation of [batch, groups, numbers], then scale and shift of each channel.
    emit({ graph, step, declaration: { groups, epsilon = EPSILON }, x, tensor }) {
      const named = (role: string): string => `${step.name}.${role}`;
      const channels = step.input.at(-1) as number;
      const grouped = graph.add('Reshape', [x, graph.integers(named('groups'), [0, groups, -1])]);
      const ones = graph.floats(
        named('ones'),
        [groups],
        Array.from({ length: groups }, () => 1),
      );
      const zeros = graph.floats(
        named('zeros'),
        [groups],
        Array.from({ length: groups }, () => 0),
      );
      const normal = graph.add('InstanceNormalization', [grouped, ones, zeros], { epsilon });
      const extents = [channels, ...step.input.slice(0, -1)];
      const back = graph.add('Reshape', [normal, graph.integers(named('shape'), [-1, ...extents])]);
      const perChannel = (data: Float32Array) => ({ data, shape: [channels, ...step.input.slice(0, -1).map(() => 1)] });
      return graph.add('Add', [graph.add('Mul', [back, tensor('weight', perChannel)]), tensor('bias', perChannel)]);
    },
  },
  relu: { layout: 'any', emit: ({ graph, x }) => graph.add('Relu', [x]) },
  tanh: { layout: 'any', emit: ({ graph, x }) => graph.add('Tanh', [x]) },
  temperedSigmoid: {
    layout: 'any',
    emit({ graph, step, declaration: { scale = 2, temperature = 2, offset = 1 }, x }) {
      const constant = (role: string, value: number): string => graph.floats(`${step.name}.${role}`, [], [value]);
      const steep = graph.add('Sigmoid', [graph.add('Mul', [x, constant('temperature', temperature)])]);
      return graph.add('Sub', [graph.add('Mul', [steep, constant('scale', scale)]), constant('offset', offset)]);
    },
  },
  gelu: {
    layout: 'any',
    emit({ graph, step, x }) {
      const constant = (role: string, value: number): string => graph.floats(`${step.name}.${role}`, [], [value]);
      const erf = graph.add('Erf', [graph.add('Mul', [x, constant('root', Math.SQRT1_2)])]);
      const cdf = graph.add('Mul', [graph.add('Add', [erf, constant('one', 1)]), constant('half', 0.5)]);
      return graph.add('Mul', [x, cdf]);
    },
  },
  softmax: {
    layout: 'last',
    emit({ graph, step, x }) {
      if (step.input.length === 1) return graph.add('Softmax', [x], { axis: 1n });
      const shares = graph.add('Softmax', [flat(graph, step, x)], { axis: 1n });
      return graph.add('Reshape', [shares, graph.integers(`${step.name}.shape`, [-1, ...step.input])]);
    },
  },
};

/** Turns an image to the layout that is wanted; what is no image has one layout. */
function turn(graph: Graph, value: Value, layout: 'first' | 'last' | 'any'): Value {
  const { shape, channelsFirst } = value;
  const wanted = layout === 'any' ? channelsFirst : layout === 'first' && shape.length > 1;
  if (wanted === channelsFirst) return value;
  const last = shape.length;
  const places = Array.from({ length: last - 1 }, (_, i) => i);
  const order = wanted ? [0, last, ...places.map((i) => i + 1)] : [0, ...places.map((i) => i + 2), 1];
  const name = graph.add('Transpose', [value.name], { perm: order.map(BigInt) });
  return { name, shape, channelsFirst: wanted };
}

/**
 * Encodes a model as an ONNX file with one input, `input` (batch × the model's input shape), and one output, `output`
 * (batch × the outputs of the last layer: logits). Dropout is left out; adapters stay apart from what they adapt.
 * @returns the bytes; the same model makes the same bytes.
 * @throws {RangeError} when a parameter vector has another length, or a reserved metadata key is used.
 */
export function exportOnnx(plan: Plan, { parameters, frozen, metadata = {} }: OnnxExport): Uint8Array {
  const frozenParameters = frozen ?? new Float32Array(0);
  for (const [title, vector, length] of [
    ['parameters', parameters, plan.parameterCount],
    ['frozen', frozenParameters, plan.frozenCount],
  ] as const) {
    if (vector.length !== length) throw new RangeError(`"${title}" must have ${length} entries, got ${vector.length}`);
  }
  const reserved = Object.keys(metadata).find((key) => key.startsWith('sotto.'));
  if (reserved !== undefined)
    throw new RangeError(`metadata keys that begin with "sotto." are reserved: "${reserved}"`);

  const graph = createGraph();
  const dataOf = ({ frozen: isFrozen, offset, size }: PlanTensor): Float32Array =>
    (isFrozen ? frozenParameters : parameters).slice(offset, offset + size);
  let value: Value = { name: 'input', shape: plan.input, channelsFirst: false };
  const forks = new Map<number, Value>();
  for (const [i, step] of plan.steps.entries()) {
    const { declaration } = step;
    switch (declaration.kind) {
      case 'dropout':
        break;
      case 'flatten': {
        const { name } = turn(graph, value, 'last');
        value = { name: flat(graph, step, name), shape: step.output, channelsFirst: false };
        break;
      }
      case 'fork':
        forks.set(i, value);
        break;
      case 'join': {
        const left = turn(graph, value, 'last');
        const right = turn(graph, forks.get(step.partner as number) as Value, 'last');
        value = { ...left, name: graph.add('Add', [right.name, left.name]) };
        break;
      }
      default: {
        const { layout, emit } = emitters[declaration.kind];
        const from = turn(graph, value, layout);
        const ofRole = (role: string) => step.tensors.find(({ name }) => name === `${step.name}.${role}`);
        const name = (emit as Emitter<StepDeclaration>)({
          graph,
          step,
          declaration,
          x: from.name,
          tensor(role, reorder = (data, shape) => ({ data, shape })) {
            const found = ofRole(role) as PlanTensor;
            const { data, shape } = reorder(dataOf(found), found.shape);
            return graph.floats(found.name, shape, data);
          },
          hasTensor: (role) => ofRole(role) !== undefined,
        });
        value = { name, shape: step.output, channelsFirst: from.channelsFirst && step.output.length > 1 };
      }
    }
  }
  const last = turn(graph, value, 'last');
  graph.nodes.push({ operation: 'Identity', inputs: [last.name], outputs: ['output'], attributes: {} });
  return encodeOnnx({
    opset: OPSET,
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs: [{ name: 'input', shape: [BATCH, ...plan.input] }],
    outputs: [{ name: 'output', shape: [BATCH, ...plan.output] }],
    metadata: { ...metadata, [DECLARATION_KEY]: JSON.stringify(plan.model) },
  });
}
