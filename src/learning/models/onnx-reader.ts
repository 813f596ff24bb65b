/**
 * Reads the operators of an ONNX graph as layers. Graphs of other tools have their channels first: kernels are turned,
 * and the weights behind a flattened image are put in our order (height, width, channel), so that the imported model
 * computes the same from channel-last images.
 *
 * @module
 */

import { BATCH_NORM_REASON, type LayerDeclaration } from './declaration.ts';
import { widthOf, type Shape } from './layers/layer.ts';
import { unsupported, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx-format.ts';

/** What a graph says. */
export interface ReadGraph {
  readonly input: Shape;
  readonly layers: readonly LayerDeclaration[];
  /** Parameters by their names in the plan, in its order. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** A value on its way from the input. */
interface Value {
  /** Channel-last extents of one example. */
  readonly shape: Shape;
  readonly channelsFirst: boolean;
  /** The image that was flattened with its channels first, in channel-last extents. */
  readonly flattened?: Shape;
  /** Layers from the input to here. A residual connection shares its beginning with what it goes around. */
  readonly layers: readonly LayerDeclaration[];
}

/** Reads a graph. @throws {ModelError} when an operator or the way it is used has no layer. */
export function readOperators(file: OnnxModel): ReadGraph {
  const [input, ...moreInputs] = file.inputs;
  const [output, ...moreOutputs] = file.outputs;
  if (input === undefined || output === undefined || moreInputs.length > 0 || moreOutputs.length > 0) {
    throw unsupported(`it has ${file.inputs.length} inputs and ${file.outputs.length} outputs; one of each is read`);
  }
  const extents = input.shape.slice(1);
  if (extents.length === 0 || extents.some((extent) => typeof extent !== 'number' || extent < 1)) {
    throw unsupported(`its input [${input.shape.join(', ')}] must be a batch of examples of a known shape`);
  }
  const constants = new Map<string, OnnxTensor>(file.initializers);
  const tensors = new Map<string, Float32Array>();
  const values = new Map<string, Value>();
  const first = (extents as number[]).length === 3 && !startsWithTurn(file.nodes, input.name);
  const [channels, height, width] = extents as [number, number, number];
  const shape = first ? [height, width, channels] : (extents as number[]);
  values.set(input.name, { shape, channelsFirst: first, layers: [] });
  for (const node of file.nodes) {
    const reader = Object.hasOwn(readers, node.operation) ? readers[node.operation] : undefined;
    if (reader === undefined) {
      throw unsupported(
        node.operation === 'BatchNormalization'
          ? `${BATCH_NORM_REASON}; or fold it into the layer before it when you export`
          : `there is no layer for the operator ${node.operation}; known are ${Object.keys(readers).join(', ')}`,
      );
    }
    reader({ node, constants, values, tensors });
  }
  const last = values.get(output.name);
  if (last === undefined) throw unsupported(`its output "${output.name}" is computed by no node`);
  if (last.flattened !== undefined || last.channelsFirst)
    throw unsupported('its output is an image with channels first');
  return { input: shape, layers: last.layers, tensors };
}

/** Whether the first thing done with an image is to put its channels first. */
function startsWithTurn(nodes: readonly OnnxNode[], input: string): boolean {
  const user = nodes.find(({ inputs }) => inputs.includes(input));
  return user?.operation === 'Transpose' && integersOf(user, 'perm')?.join() === '0,3,1,2';
}

interface Context {
  readonly node: OnnxNode;
  readonly constants: Map<string, OnnxTensor>;
  readonly values: Map<string, Value>;
  readonly tensors: Map<string, Float32Array>;
}

type Reader = (context: Context) => void;

function refuse({ operation, outputs }: OnnxNode, rule: string): never {
  throw unsupported(`the operator ${operation} that makes "${outputs[0] ?? ''}" ${rule}`);
}

function integersOf({ attributes }: OnnxNode, name: string): number[] | undefined {
  const value = attributes[name];
  return Array.isArray(value) ? value.map(Number) : undefined;
}

function numberOf({ attributes }: OnnxNode, name: string, otherwise: number): number {
  const value = attributes[name];
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : otherwise;
}

function valueOf({ node, values }: Context, index = 0): Value {
  return values.get(node.inputs[index] ?? '') ?? refuse(node, `reads "${node.inputs[index] ?? ''}", which is no value`);
}

function floatsOf({ node, constants }: Context, index: number): { shape: Shape; data: Float32Array } {
  const tensor = constants.get(node.inputs[index] ?? '');
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) {
    return refuse(node, `needs constant weights as its input ${index + 1}`);
  }
  return { shape: tensor.shape, data: tensor.data };
}

/** Sets the output of a node: the value with one layer more, unless there is none. */
function put({ node, values }: Context, from: Value, change: Partial<Value>, layer?: LayerDeclaration): void {
  const layers = layer === undefined ? from.layers : [...from.layers, layer];
  values.set(node.outputs[0] as string, { ...from, ...change, layers });
}

/** A name for the next layer with parameters. */
function nameFor(stem: string, tensors: ReadonlyMap<string, unknown>): string {
  let ordinal = 1;
  while (tensors.has(`${stem}${ordinal}.weight`)) ordinal += 1;
  return `${stem}${ordinal}`;
}

const elementwise =
  (layer: LayerDeclaration): Reader =>
  (context) =>
    put(context, valueOf(context), {}, layer);

const pass: Reader = (context) => put(context, valueOf(context), {});

/** Adds a dense layer, W in the order [in, out] of the graph. */
function putDense(context: Context, weight: Float32Array, out: number, bias: Float32Array | undefined): void {
  const { node, tensors } = context;
  const { flattened, ...from } = valueOf(context);
  const inputs = weight.length / out;
  if (from.shape.length !== 1 || from.shape[0] !== inputs) {
    refuse(node, `has ${inputs} inputs for a value of shape [${from.shape.join(', ')}]`);
  }
  const name = nameFor('dense', tensors);
  tensors.set(`${name}.weight`, flattened === undefined ? weight : reorderRows(weight, out, flattened));
  if (bias !== undefined) tensors.set(`${name}.bias`, bias);
  const layer: LayerDeclaration = { kind: 'dense', out, name, ...(bias === undefined ? { bias: false } : {}) };
  put({ ...context, node }, from, { shape: [out] }, layer);
}

/** Rows from (channel, height, width) to (height, width, channel). */
function reorderRows(weight: Float32Array, out: number, image: Shape): Float32Array {
  const channels = image.at(-1) as number;
  const places = widthOf(image) / channels;
  const turned = new Float32Array(weight.length);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let place = 0; place < places; place += 1) {
      const from = (channel * places + place) * out;
      turned.set(weight.subarray(from, from + out), (place * channels + channel) * out);
    }
  }
  return turned;
}

function transpose(data: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(data.length);
  for (let r = 0; r < rows; r += 1)
    for (let c = 0; c < columns; c += 1) turned[c * rows + r] = data[r * columns + c] as number;
  return turned;
}

/** Kernel, stride and padding of a sliding window; what our layers do not know is refused. */
function windowOf(context: Context, kernel: readonly number[]) {
  const { node } = context;
  const value = valueOf(context);
  if (!value.channelsFirst || value.shape.length !== 3 || kernel.length !== 2) refuse(node, 'must work on images');
  const stride = integersOf(node, 'strides') ?? [1, 1];
  const pads = integersOf(node, 'pads') ?? [0, 0, 0, 0];
  if ((integersOf(node, 'dilations') ?? [1, 1]).some((dilation) => dilation !== 1)) refuse(node, 'is dilated');
  if (!['NOTSET', 'VALID', undefined].includes(node.attributes.auto_pad as string | undefined)) {
    refuse(node, 'pads automatically: state the padding when you export');
  }
  if (numberOf(node, 'ceil_mode', 0) !== 0) refuse(node, 'rounds sizes up');
  if (pads[0] !== pads[2] || pads[1] !== pads[3]) refuse(node, 'pads its sides unevenly');
  const padding = [pads[0] as number, pads[1] as number] as const;
  const [height, width] = value.shape as [number, number];
  const size = (extent: number, axis: 0 | 1): number =>
    Math.floor((extent + 2 * padding[axis] - (kernel[axis] as number)) / (stride[axis] as number)) + 1;
  return {
    value,
    padding,
    stride: [stride[0] as number, stride[1] as number] as const,
    size: [size(height, 0), size(width, 1)] as const,
  };
}

const pool =
  (kind: 'maxPool' | 'averagePool'): Reader =>
  (context) => {
    const kernel = integersOf(context.node, 'kernel_shape') ?? [];
    const { value, padding, stride, size } = windowOf(context, kernel);
    if (padding.some((points) => points !== 0)) refuse(context.node, 'pads its input');
    const shape = [...size, value.shape[2] as number];
    put(context, value, { shape }, { kind, size: kernel as [number, number], stride });
  };

const flatten: Reader = (context) => {
  const value = valueOf(context);
  if (value.shape.length === 1) return put(context, value, {});
  const mixed = value.channelsFirst && value.shape.slice(0, -1).some((extent) => extent > 1);
  const flat = { shape: [widthOf(value.shape)], channelsFirst: false };
  put(context, value, mixed ? { ...flat, flattened: value.shape } : flat, { kind: 'flatten' });
};

const readers: Readonly<Record<string, Reader>> = {
  Relu: elementwise({ kind: 'relu' }),
  Tanh: elementwise({ kind: 'tanh' }),
  Sigmoid: elementwise({ kind: 'temperedSigmoid', scale: 1, temperature: 1, offset: 0 }),
  Identity: pass,
  Dropout: pass,
  Gelu(context) {
    if (context.node.attributes.approximate === 'tanh') refuse(context.node, 'approximates by tanh');
    put(context, valueOf(context), {}, { kind: 'gelu' });
  },
  Softmax(context) {
    const value = valueOf(context);
    const axis = numberOf(context.node, 'axis', -1);
    if (value.shape.length !== 1 || (axis !== 1 && axis !== -1)) refuse(context.node, 'must work on rows');
    put(context, value, {}, { kind: 'softmax' });
  },
  MaxPool: pool('maxPool'),
  AveragePool: pool('averagePool'),
  GlobalAveragePool(context) {
    const value = valueOf(context);
    const [height, width, channels] = value.shape as [number, number, number];
    if (!value.channelsFirst) refuse(context.node, 'must work on images');
    put(context, value, { shape: [1, 1, channels] }, { kind: 'averagePool', size: [height, width] });
  },
  Flatten(context) {
    if (numberOf(context.node, 'axis', 1) !== 1) refuse(context.node, 'must keep the batch apart');
    flatten(context);
  },
  Reshape(context) {
    const shape = context.constants.get(context.node.inputs[1] ?? '')?.data;
    const target = shape === undefined ? [] : Array.from(shape, Number);
    const width = widthOf(valueOf(context).shape);
    // (0 or −1 or 1, then −1 or the width): the batch stays, the rest becomes one row.
    if (target.length !== 2 || (target[1] !== -1 && target[1] !== width)) refuse(context.node, 'must flatten');
    flatten(context);
  },
  Transpose(context) {
    const value = valueOf(context);
    const order = integersOf(context.node, 'perm')?.join();
    if (value.shape.length === 3 && order === '0,3,1,2' && !value.channelsFirst) {
      return put(context, value, { channelsFirst: true });
    }
    if (value.shape.length === 3 && order === '0,2,3,1' && value.channelsFirst) {
      return put(context, value, { channelsFirst: false });
    }
    refuse(context.node, 'must move the channels of an image');
  },
  Conv(context) {
    const { node, tensors } = context;
    const { shape, data } = floatsOf(context, 1);
    const [out, seen, ...kernel] = shape as [number, number, number, number];
    const { value, padding, stride, size } = windowOf(context, kernel);
    const groups = numberOf(node, 'group', 1);
    if (seen * groups !== value.shape[2]) refuse(node, `has kernels for ${seen * groups} channels`);
    const name = nameFor('conv', tensors);
    const places = kernel[0] * kernel[1];
    // [out, in, height, width] → [height, width, in, out]: each is the transpose of a matrix of out rows.
    const turned = new Float32Array(data.length);
    for (let o = 0; o < out; o += 1) {
      const rows = transpose(data.subarray(o * seen * places, (o + 1) * seen * places), seen, places);
      for (const [i, weight] of rows.entries()) turned[i * out + o] = weight;
    }
    tensors.set(`${name}.weight`, turned);
    const biased = (node.inputs[2] ?? '') !== '';
    if (biased) tensors.set(`${name}.bias`, floatsOf(context, 2).data);
    const layer: LayerDeclaration = { kind: 'conv2d', out, kernel, stride, padding, groups, name, bias: biased };
    put(context, value, { shape: [...size, out] }, layer);
  },
  Gemm(context) {
    const { node } = context;
    if (numberOf(node, 'alpha', 1) !== 1 || numberOf(node, 'beta', 1) !== 1) refuse(node, 'scales its terms');
    if (numberOf(node, 'transA', 0) !== 0) refuse(node, 'transposes its input');
    const { shape, data } = floatsOf(context, 1);
    if (shape.length !== 2) refuse(node, 'must multiply by a matrix');
    const [rows, columns] = shape as [number, number];
    const turned = numberOf(node, 'transB', 0) !== 0;
    const out = turned ? rows : columns;
    const bias = (node.inputs[2] ?? '') === '' ? undefined : floatsOf(context, 2);
    if (bias !== undefined && (bias.data.length !== out || bias.shape.at(-1) !== out)) {
      refuse(node, `has a bias of [${bias.shape.join(', ')}] for ${out} outputs`);
    }
    putDense(context, turned ? transpose(data, rows, columns) : data, out, bias?.data);
  },
  MatMul(context) {
    const { shape, data } = floatsOf(context, 1);
    if (shape.length !== 2) refuse(context.node, 'must multiply by a matrix');
    putDense(context, data, shape[1] as number, undefined);
  },
  Add(context) {
    const { node, constants, values, tensors } = context;
    const at = node.inputs.findIndex((name) => constants.has(name));
    if (at >= 0) {
      const value = valueOf(context, 1 - at);
      const last = value.layers.at(-1);
      const { data } = floatsOf(context, at);
      if (last?.kind !== 'dense' || last.bias !== false || data.length !== last.out) {
        refuse(node, 'adds a constant to something else than the product of a dense layer');
      }
      tensors.set(`${last.name}.bias`, data);
      const layers = [...value.layers.slice(0, -1), { ...last, bias: true }];
      values.set(node.outputs[0] as string, { ...value, layers });
      return;
    }
    // One of the two was made from the other: a residual connection.
    const [a, b] = [valueOf(context, 0), valueOf(context, 1)];
    const [near, far] = a.layers.length < b.layers.length ? [a, b] : [b, a];
    const around = near.layers.every((layer, i) => layer === far.layers[i]);
    // A flattened image is in the graph's order until a dense layer has turned it: the two would not add up.
    const alike =
      near.shape.join() === far.shape.join() &&
      near.channelsFirst === far.channelsFirst &&
      near.flattened === far.flattened;
    const inner = far.layers.slice(near.layers.length);
    if (!around || !alike || inner.length === 0) refuse(node, 'adds two values that are no residual connection');
    put(context, near, {}, { kind: 'residual', layers: inner });
  },
  LayerNormalization(context) {
    const { node, tensors } = context;
    const value = valueOf(context);
    const axis = numberOf(node, 'axis', -1);
    const whole = axis === 1 || (axis === -1 && value.shape.length === 1);
    if (!whole || value.channelsFirst || value.flattened !== undefined)
      refuse(node, 'must take all numbers of an example');
    const name = nameFor('layerNorm', tensors);
    tensors.set(`${name}.weight`, floatsOf(context, 1).data);
    const shift = (node.inputs[2] ?? '') === '' ? new Float32Array(widthOf(value.shape)) : floatsOf(context, 2).data;
    tensors.set(`${name}.bias`, shift);
    put(context, value, {}, { kind: 'layerNorm', epsilon: numberOf(node, 'epsilon', 1e-5), name });
  },
  Constant({ node, constants }) {
    const value = node.attributes.value;
    if (typeof value !== 'object' || !('data' in value)) refuse(node, 'must hold a tensor');
    constants.set(node.outputs[0] as string, value);
  },
};
