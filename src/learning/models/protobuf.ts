/**
 * The protocol-buffers wire format [Protobuf]: as much of it as ONNX files need. A message is a list of numbered fields;
 * what the numbers mean is the caller's affair.
 *
 * @module
 */

import { ModelError } from './errors.ts';

/** Builds one message. Fields are written in the order of the calls. */
export interface MessageWriter {
  /** A non-negative or, in two's complement of 64 bits, negative integer. */
  integer(field: number, value: number | bigint): MessageWriter;
  /** 32-bit floating point. */
  float(field: number, value: number): MessageWriter;
  bytes(field: number, value: Uint8Array): MessageWriter;
  text(field: number, value: string): MessageWriter;
  message(field: number, build: (writer: MessageWriter) => void): MessageWriter;
  /** The message so far. */
  finish(): Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Creates an empty message. */
export function createMessageWriter(): MessageWriter {
  const parts: Uint8Array[] = [];
  const tag = (field: number, wire: number): void => void parts.push(varint(BigInt(field * 8 + wire)));
  const writer: MessageWriter = {
    integer(field, value) {
      tag(field, VARINT);
      parts.push(varint(BigInt.asUintN(64, BigInt(value))));
      return writer;
    },
    float(field, value) {
      tag(field, FIXED32);
      const word = new Uint8Array(4);
      new DataView(word.buffer).setFloat32(0, value, true);
      parts.push(word);
      return writer;
    },
    bytes(field, value) {
      tag(field, LENGTH);
      parts.push(varint(BigInt(value.length)), value);
      return writer;
    },
    text: (field, value) => writer.bytes(field, new TextEncoder().encode(value)),
    message(field, build) {
      const inner = createMessageWriter();
      build(inner);
      return writer.bytes(field, inner.finish());
    },
    finish() {
      const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
      let at = 0;
      for (const part of parts) {
        out.set(part, at);
        at += part.length;
      }
      return out;
    },
  };
  return writer;
}

function varint(value: bigint): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** The fields of a message, by number, in the order they came. */
export interface Message {
  /** The last integer of a field, or undefined. */
  integer(field: number): bigint | undefined;
  /** All integers of a repeated field, packed or not. */
  integers(field: number): bigint[];
  /** The last 32-bit float of a field. */
  float(field: number): number | undefined;
  /** All 32-bit floats of a repeated field, packed or not. */
  floats(field: number): number[];
  bytes(field: number): Uint8Array | undefined;
  text(field: number): string | undefined;
  texts(field: number): string[];
  message(field: number): Message | undefined;
  messages(field: number): Message[];
}

type Value = { readonly wire: number; readonly integer: bigint } | { readonly wire: 2; readonly bytes: Uint8Array };

/**
 * Reads a message. Byte fields are views of `bytes`.
 * @throws {ModelError} when the bytes are no message: a field that runs past the end, a group, a varint of over ten bytes.
 */
export function readMessage(bytes: Uint8Array): Message {
  const fields = new Map<number, Value[]>();
  const cursor = createCursor(bytes);
  while (cursor.left() > 0) {
    const tag = cursor.varint();
    const field = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    if (field === 0) throw malformed('a field has the number 0');
    let value: Value;
    if (wire === VARINT) value = { wire, integer: cursor.varint() };
    else if (wire === FIXED64) value = { wire, integer: cursor.fixed(8) };
    else if (wire === FIXED32) value = { wire, integer: cursor.fixed(4) };
    else if (wire === LENGTH) value = { wire, bytes: cursor.take(cursor.varint()) };
    else throw malformed(`a field has the wire type ${wire}`);
    const known = fields.get(field);
    if (known === undefined) fields.set(field, [value]);
    else known.push(value);
  }

  const valuesOf = (field: number): Value[] => fields.get(field) ?? [];
  const bytesOf = (field: number): Uint8Array[] =>
    valuesOf(field).map((value) => {
      if (!('bytes' in value)) throw malformed(`field ${field} should be bytes`);
      return value.bytes;
    });
  const integers = (field: number): bigint[] =>
    valuesOf(field).flatMap((value) => {
      if (!('bytes' in value)) return [BigInt.asIntN(64, value.integer)];
      const packed = createCursor(value.bytes);
      const out: bigint[] = [];
      while (packed.left() > 0) out.push(BigInt.asIntN(64, packed.varint()));
      return out;
    });
  const floats = (field: number): number[] =>
    valuesOf(field).flatMap((value) => {
      if (!('bytes' in value)) return [toFloat(value.integer)];
      const packed = createCursor(value.bytes);
      const out: number[] = [];
      while (packed.left() > 0) out.push(toFloat(packed.fixed(4)));
      return out;
    });
  const texts = (field: number): string[] => bytesOf(field).map(decodeText);
  return {
    integers,
    floats,
    texts,
    integer: (field) => integers(field).at(-1),
    float: (field) => floats(field).at(-1),
    bytes: (field) => bytesOf(field).at(-1),
    text: (field) => texts(field).at(-1),
    message(field) {
      const found = bytesOf(field).at(-1);
      return found === undefined ? undefined : readMessage(found);
    },
    messages: (field) => bytesOf(field).map(readMessage),
  };
}

function createCursor(bytes: Uint8Array) {
  let at = 0;
  const take = (length: bigint): Uint8Array => {
    if (length > BigInt(bytes.length - at)) {
      throw new ModelError('models/file-truncated', `a field of ${length} bytes runs past the end of the file`);
    }
    at += Number(length);
    return bytes.subarray(at - Number(length), at);
  };
  return {
    left: () => bytes.length - at,
    take,
    fixed(size: number): bigint {
      return take(BigInt(size)).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    },
    varint(): bigint {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at];
        if (byte === undefined) throw new ModelError('models/file-truncated', 'the file ends within a number');
        at += 1;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asUintN(64, value);
      }
      throw malformed('a number has more than ten bytes');
    },
  };
}

const word = new DataView(new ArrayBuffer(4));

function toFloat(bits: bigint): number {
  word.setUint32(0, Number(BigInt.asUintN(32, bits)));
  return word.getFloat32(0);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelError('models/unsupported-file', 'the file is not an ONNX model: text that is not UTF-8', { cause });
  }
}

function malformed(rule: string): ModelError {
  return new ModelError('models/unsupported-file', `the file is not an ONNX model: ${rule}`);
}
