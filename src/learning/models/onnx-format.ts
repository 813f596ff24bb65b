/**
 * ONNX models as plain data, and their bytes. [ONNX] Only what inference graphs need: one graph of nodes with
 * attributes, float and integer initializers, inputs and outputs of known rank, metadata.
 *
 * @module
 */

import { ModelError } from './errors.ts';
import { createMessageWriter, readMessage, type Message, type MessageWriter } from './protobuf.ts';

/** A constant of a graph. */
export interface OnnxTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

export type OnnxAttribute = number | bigint | string | readonly number[] | readonly bigint[] | OnnxTensor;

/** One operation. Integer attributes are bigints, floating-point ones numbers. */
export interface OnnxNode {
  readonly operation: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output: extents are numbers, or names where they vary (the batch). */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** A model file. */
export interface OnnxModel {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

// Numbers of fields and types as in onnx.proto.
const MODEL = { irVersion: 1, producer: 2, graph: 7, opsets: 8, metadata: 14 } as const;
const OPSET = { domain: 1, version: 2 } as const;
const GRAPH = { nodes: 1, name: 2, initializers: 5, inputs: 11, outputs: 12 } as const;
const NODE = { inputs: 1, outputs: 2, operation: 4, attributes: 5, domain: 7 } as const;
const ATTRIBUTE = { name: 1, float: 2, integer: 3, text: 4, tensor: 5, floats: 7, integers: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { float: 1, integer: 2, text: 3, tensor: 4, floats: 6, integers: 7 } as const;
const TENSOR = { dims: 1, type: 2, floats: 4, integers: 7, name: 8, raw: 9, external: 13 } as const;
const VALUE = { name: 1, type: 2 } as const;
const ENTRY = { key: 1, value: 2 } as const;
const FLOAT = 1;
const INT64 = 7;
/** The format version of opset 17. */
const IR_VERSION = 8;

/** Encodes a model; the same model makes the same bytes. */
export function encodeOnnx({ opset, nodes, initializers, inputs, outputs, metadata }: OnnxModel): Uint8Array {
  const writer = createMessageWriter();
  writer.integer(MODEL.irVersion, IR_VERSION).text(MODEL.producer, 'sotto');
  writer.message(MODEL.graph, (graph) => {
    for (const node of nodes) graph.message(GRAPH.nodes, (out) => writeNode(out, node));
    graph.text(GRAPH.name, 'model');
    for (const [name, tensor] of initializers) {
      graph.message(GRAPH.initializers, (out) => writeTensor(out, name, tensor));
    }
    for (const value of inputs) graph.message(GRAPH.inputs, (out) => writeValue(out, value));
    for (const value of outputs) graph.message(GRAPH.outputs, (out) => writeValue(out, value));
  });
  writer.message(MODEL.opsets, (out) => void out.text(OPSET.domain, '').integer(OPSET.version, opset));
  for (const [key, value] of Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.message(MODEL.metadata, (out) => void out.text(ENTRY.key, key).text(ENTRY.value, value));
  }
  return writer.finish();
}

function writeNode(writer: MessageWriter, { operation, inputs, outputs, attributes }: OnnxNode): void {
  for (const input of inputs) writer.text(NODE.inputs, input);
  for (const output of outputs) writer.text(NODE.outputs, output);
  writer.text(NODE.operation, operation);
  for (const [name, value] of Object.entries(attributes)) {
    writer.message(NODE.attributes, (out) => {
      out.text(ATTRIBUTE.name, name);
      writeAttribute(out, value);
    });
  }
}

function writeAttribute(writer: MessageWriter, value: OnnxAttribute): void {
  if (typeof value === 'number') writer.float(ATTRIBUTE.float, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.float);
  else if (typeof value === 'bigint') {
    writer.integer(ATTRIBUTE.integer, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.integer);
  } else if (typeof value === 'string') {
    writer.text(ATTRIBUTE.text, value).integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.text);
  } else if ('data' in value) {
    writer.message(ATTRIBUTE.tensor, (out) => writeTensor(out, '', value));
    writer.integer(ATTRIBUTE.type, ATTRIBUTE_TYPE.tensor);
  } else {
    for (const entry of value) {
      if (typeof entry === 'bigint') writer.integer(ATTRIBUTE.integers, entry);
      else writer.float(ATTRIBUTE.floats, entry);
    }
    const type = typeof value[0] === 'number' ? ATTRIBUTE_TYPE.floats : ATTRIBUTE_TYPE.integers;
    writer.integer(ATTRIBUTE.type, type);
  }
}

function writeTensor(writer: MessageWriter, name: string, { shape, data }: OnnxTensor): void {
  for (const extent of shape) writer.integer(TENSOR.dims, extent);
  writer.integer(TENSOR.type, data instanceof Float32Array ? FLOAT : INT64);
  if (name !== '') writer.text(TENSOR.name, name);
  writer.bytes(TENSOR.raw, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue(writer: MessageWriter, { name, shape }: OnnxValue): void {
  writer.text(VALUE.name, name).message(VALUE.type, (type) => {
    // TypeProto.tensor_type = 1: elem_type = 1, shape = 2: dim = 1: dim_value = 1 or dim_param = 2.
    type.message(1, (tensor) => {
      tensor.integer(1, FLOAT).message(2, (extents) => {
        for (const extent of shape) {
          extents.message(1, (out) => void (typeof extent === 'number' ? out.integer(1, extent) : out.text(2, extent)));
        }
      });
    });
  });
}

/**
 * Decodes a model file.
 * @throws {ModelError} when the bytes are no ONNX model, or the model has parts that are not read: other operator
 * domains, weights in other files or in other number formats, inputs of unknown shape.
 */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  const file = readMessage(bytes);
  const graph = file.message(MODEL.graph);
  if (graph === undefined) throw unsupported('it has no graph');
  const opset = file
    .messages(MODEL.opsets)
    .find((entry) => ['', 'ai.onnx', undefined].includes(entry.text(OPSET.domain)));
  const version = opset?.integer(OPSET.version);
  if (version === undefined) throw unsupported('it names no version of the ONNX operators');
  const initializers = new Map<string, OnnxTensor>();
  for (const tensor of graph.messages(GRAPH.initializers)) {
    const name = tensor.text(TENSOR.name) ?? '';
    if (initializers.has(name)) throw unsupported(`the tensor "${name}" appears twice`);
    initializers.set(name, readTensor(tensor, name));
  }
  return {
    opset: Number(version),
    nodes: graph.messages(GRAPH.nodes).map(readNode),
    initializers,
    // Older files list initializers among the inputs.
    inputs: graph
      .messages(GRAPH.inputs)
      .map(readValue)
      .filter(({ name }) => !initializers.has(name)),
    outputs: graph.messages(GRAPH.outputs).map(readValue),
    metadata: Object.fromEntries(
      file.messages(MODEL.metadata).map((entry) => [entry.text(ENTRY.key) ?? '', entry.text(ENTRY.value) ?? '']),
    ),
  };
}

function readNode(node: Message): OnnxNode {
  const operation = node.text(NODE.operation) ?? '';
  const domain = node.text(NODE.domain) ?? '';
  if (domain !== '' && domain !== 'ai.onnx')
    throw unsupported(`the operation ${domain}.${operation} is not an ONNX operator`);
  return {
    operation,
    inputs: node.texts(NODE.inputs),
    outputs: node.texts(NODE.outputs),
    attributes: Object.fromEntries(
      node
        .messages(NODE.attributes)
        .map((attribute) => [attribute.text(ATTRIBUTE.name) ?? '', readAttribute(attribute)]),
    ),
  };
}

function readAttribute(attribute: Message): OnnxAttribute {
  switch (Number(attribute.integer(ATTRIBUTE.type) ?? 0)) {
    case ATTRIBUTE_TYPE.float:
      return attribute.float(ATTRIBUTE.float) ?? 0;
    case ATTRIBUTE_TYPE.integer:
      return attribute.integer(ATTRIBUTE.integer) ?? 0n;
    case ATTRIBUTE_TYPE.text:
      return attribute.text(ATTRIBUTE.text) ?? '';
    case ATTRIBUTE_TYPE.tensor: {
      const tensor = attribute.message(ATTRIBUTE.tensor);
      if (tensor === undefined) throw unsupported('a tensor attribute is empty');
      return readTensor(tensor, 'of an attribute');
    }
    case ATTRIBUTE_TYPE.floats:
      return attribute.floats(ATTRIBUTE.floats);
    case ATTRIBUTE_TYPE.integers:
      return attribute.integers(ATTRIBUTE.integers);
    default:
      throw unsupported(`the attribute "${attribute.text(ATTRIBUTE.name)}" is of a type that is not read`);
  }
}

function readTensor(tensor: Message, name: string): OnnxTensor {
  const shape = tensor.integers(TENSOR.dims).map(Number);
  const type = Number(tensor.integer(TENSOR.type) ?? 0);
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (shape.some((extent) => extent < 0) || !Number.isSafeInteger(size)) {
    throw unsupported(`the tensor "${name}" has the shape [${shape.join(', ')}]`);
  }
  if (tensor.messages(TENSOR.external).length > 0) {
    throw unsupported(`the tensor "${name}" lies in another file: save the model as one file`);
  }
  if (type !== FLOAT && type !== INT64) {
    throw unsupported(`the tensor "${name}" has the element type ${type}; 32-bit floats and 64-bit integers are read`);
  }
  const raw = tensor.bytes(TENSOR.raw);
  const width = type === FLOAT ? 4 : 8;
  if (raw !== undefined && raw.length !== size * width) {
    throw new ModelError(
      'models/file-tensor',
      `the tensor "${name}" of shape [${shape.join(', ')}] takes ${size * width} bytes, the file has ${raw.length}`,
    );
  }
  const data =
    type === FLOAT
      ? raw === undefined
        ? Float32Array.from(tensor.floats(TENSOR.floats))
        : new Float32Array(new Uint8Array(raw).buffer)
      : raw === undefined
        ? BigInt64Array.from(tensor.integers(TENSOR.integers))
        : new BigInt64Array(new Uint8Array(raw).buffer);
  if (data.length !== size) {
    throw new ModelError(
      'models/file-tensor',
      `the tensor "${name}" should have ${size} values, the file has ${data.length}`,
    );
  }
  return { shape, data };
}

function readValue(value: Message): OnnxValue {
  const name = value.text(VALUE.name) ?? '';
  const tensor = value.message(VALUE.type)?.message(1);
  const extents = tensor?.message(2)?.messages(1);
  if (extents === undefined) throw unsupported(`the shape of "${name}" is not stated`);
  return {
    name,
    shape: extents.map((extent) => {
      const known = extent.integer(1);
      return known === undefined ? (extent.text(2) ?? '') : Number(known);
    }),
  };
}

/** An ONNX file that cannot be read, with the reason. */
export function unsupported(reason: string): ModelError {
  return new ModelError('models/unsupported-file', `the ONNX model is not read: ${reason}`);
}
