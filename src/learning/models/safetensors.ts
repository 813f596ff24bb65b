/**
 * The safetensors file format [Safetensors]: eight bytes of header length, a JSON header, then the tensors' bytes,
 * little-endian, without gaps. Reading refuses everything the format forbids (a header above 100 MB, duplicate keys,
 * tensors that overlap, leave a gap or do not fit their shape), so that two readers can never see two different models
 * in one file. Writing is canonical: the same tensors make the same bytes.
 *
 * @module
 */

import { ModelError } from './errors.ts';
import { findDuplicateKey } from './strict-json.ts';

/** Element types and the arrays that hold them. Floats of 16 bits are held as their bits. */
const ARRAYS = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** An element type of the format. */
export type SafetensorsType = keyof typeof ARRAYS;

/** A tensor of a model file, row-major. */
export interface SafetensorsTensor {
  readonly shape: readonly number[];
  readonly data: InstanceType<(typeof ARRAYS)[SafetensorsType]>;
  /** Needed for what an array alone does not tell: `F16`, `BF16` (bits in 16-bit words), `BOOL` (bytes). */
  readonly type?: SafetensorsType;
}

/** What a model file holds. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, Required<SafetensorsTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The largest header the format's own implementation reads. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const METADATA_KEY = '__metadata__';

/**
 * Reads a floating-point tensor as 32-bit floats; F64 is rounded to nearest, F16 and BF16 are exact.
 * @throws {ModelError} when the tensor holds something else.
 */
export function tensorToFloat32(tensor: SafetensorsTensor): Float32Array {
  const { data } = tensor;
  const type = typeOf(tensor);
  if (data instanceof Float32Array) return data.slice();
  if (data instanceof Float64Array) return Float32Array.from(data);
  if (data instanceof Uint16Array && type === 'F16') return Float32Array.from(data, decodeHalf);
  if (data instanceof Uint16Array && type === 'BF16') return new Float32Array(Uint32Array.from(data, widen).buffer);
  throw new ModelError('models/file-tensor', `a tensor of floating-point numbers was expected, got ${type}`);
}

/**
 * Encodes tensors and metadata as a safetensors file: wide types first, then by name; the header is padded with spaces
 * so that the tensors start at a multiple of 8.
 * @throws {RangeError} when a tensor's bytes do not fit its type and shape, or a name is reserved.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = [...tensors].map(([name, tensor]) => ({ name, type: typeOf(tensor), ...tensor }));
  entries.sort((a, b) => widthOf(b.type) - widthOf(a.type) || compare(a.name, b.name));
  const fields: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  if (notes.length > 0) fields.push(`"${METADATA_KEY}":{${notes.map(([key, note]) => field(key, note)).join(',')}}`);
  let end = 0;
  for (const { name, type, shape, data } of entries) {
    if (name === METADATA_KEY) throw new RangeError(`a tensor cannot be named ${METADATA_KEY}`);
    if (!(data instanceof ARRAYS[type]) || data.length !== product(shape)) {
      throw new RangeError(
        `tensor "${name}" (${describe(type, shape)}) must be ${ARRAYS[type].name} of ${product(shape)}, got ${data.constructor.name} of ${data.length}`,
      );
    }
    fields.push(field(name, { dtype: type, shape, data_offsets: [end, end + data.byteLength] }));
    end += data.byteLength;
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) throw new RangeError(`the header would have ${headerBytes} bytes`);
  const out = new Uint8Array(LENGTH_BYTES + headerBytes + end).fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of entries) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

/**
 * Decodes a safetensors file. The tensors are copies.
 * @throws {ModelError} when the file breaks a rule of the format; the message names the tensor and the rule.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  if (bytes.length < LENGTH_BYTES) {
    throw new ModelError('models/file-truncated', `a safetensors file has at least 8 bytes, got ${bytes.length}`);
  }
  const announced = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (announced > BigInt(MAX_HEADER_BYTES)) {
    throw new ModelError(
      'models/file-header',
      `the header announces ${announced} bytes; at most ${MAX_HEADER_BYTES} are read (is this a safetensors file?)`,
    );
  }
  const start = LENGTH_BYTES + Number(announced);
  if (bytes.length < start) {
    throw new ModelError(
      'models/file-truncated',
      `the file is truncated: its header ends at byte ${start}, the file has ${bytes.length}`,
    );
  }
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, start));
  const data = bytes.subarray(start);
  const metadata = new Map<string, string>();
  const tensors = new Map<string, Required<SafetensorsTensor>>();
  const ranges: Range[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) {
      for (const [key, note] of Object.entries(asObject(value, METADATA_KEY))) {
        if (typeof note !== 'string') throw headerError(`${METADATA_KEY}.${key} must be a string`);
        metadata.set(key, note);
      }
      continue;
    }
    const { type, shape, from, to } = parseTensor(name, value);
    if (to > data.length) {
      throw new ModelError(
        'models/file-truncated',
        `the file is truncated: tensor "${name}" ends at byte ${to} of the data, which has ${data.length}`,
      );
    }
    ranges.push({ name, type, shape, from, to });
  }
  // Before anything is copied: tensors over one another could make a small file a large memory.
  checkRanges(ranges, data.length);
  for (const { name, type, shape, from, to } of ranges) {
    // A copy of its own: `slice` of Node's Buffer is none.
    tensors.set(name, { type, shape, data: new ARRAYS[type](new Uint8Array(data.subarray(from, to)).buffer) });
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/** A tensor of the header. */
interface Range {
  readonly name: string;
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function parseHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes[0] !== 0x7b) throw headerError('it must begin with {');
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new ModelError('models/file-header', 'the header is not JSON in UTF-8', { cause });
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) throw headerError(`the key ${JSON.stringify(duplicate)} appears twice`);
  return asObject(value, 'the header');
}

function parseTensor(name: string, value: unknown): Omit<Range, 'name'> {
  const { dtype, shape, data_offsets: offsets, ...rest } = asObject(value, `tensor "${name}"`);
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw headerError(`tensor "${name}" has the unknown key "${extra}"`);
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) {
    throw new ModelError('models/file-tensor', `tensor "${name}" has the unknown type ${JSON.stringify(dtype)}`);
  }
  if (!isNaturals(shape)) throw headerError(`tensor "${name}": shape must be a list of integers ≥ 0`);
  if (!isNaturals(offsets) || offsets.length !== 2) {
    throw headerError(`tensor "${name}": data_offsets must be two integers ≥ 0`);
  }
  const [from, to] = offsets as [number, number];
  const type = dtype as SafetensorsType;
  const expected = product(shape) * widthOf(type);
  if (to - from !== expected || !Number.isSafeInteger(expected)) {
    throw new ModelError(
      'models/file-tensor',
      `tensor "${name}" (${describe(type, shape)}) takes ${expected} bytes, its offsets [${from}, ${to}] say ${to - from}`,
    );
  }
  return { type, shape, from, to };
}

/** The ranges must tile the data: no byte twice, no byte unused. */
function checkRanges(ranges: readonly Range[], dataBytes: number): void {
  let end = 0;
  for (const { name, from, to } of ranges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < end) {
      throw new ModelError('models/file-overlap', `tensor "${name}" overlaps another at byte ${from} of the data`);
    }
    if (from > end) {
      throw new ModelError('models/file-gap', `bytes ${end} to ${from} of the data belong to no tensor`);
    }
    end = to;
  }
  if (end !== dataBytes) {
    throw new ModelError('models/file-gap', `bytes ${end} to ${dataBytes} of the data belong to no tensor`);
  }
}

function asObject(value: unknown, title: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw headerError(`${title} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && (entry as number) >= 0);
}

function typeOf({ type, data }: SafetensorsTensor): SafetensorsType {
  if (type !== undefined) return type;
  const names = Object.keys(ARRAYS) as SafetensorsType[];
  const found = names.find((name) => data instanceof ARRAYS[name]);
  if (found === undefined) throw new TypeError('a tensor must hold a typed array of a type the format knows');
  return found;
}

const widthOf = (type: SafetensorsType): number => ARRAYS[type].BYTES_PER_ELEMENT;

const describe = (type: SafetensorsType, shape: readonly number[]): string => `${type} [${shape.join(', ')}]`;

function headerError(rule: string): ModelError {
  return new ModelError('models/file-header', `the header is refused: ${rule}`);
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function field(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function widen(bits: number): number {
  return bits << 16;
}
