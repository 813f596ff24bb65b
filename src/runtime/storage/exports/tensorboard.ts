/**
 * TensorBoard event files: TFRecord framing with masked CRC-32C, and the three protobuf messages that scalars need (Event,
 * Summary, Value of tensorflow/core/util/event.proto and framework/summary.proto), written by hand.
 *
 * @module
 */

import { type MetricPoint } from './metrics.ts';

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli) [RFC3720 §12.1]. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The masked form that TFRecord stores: a CRC of data that holds CRCs stays sound. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  while (left >= 128) {
    bytes.push((left % 128) + 128);
    left = Math.floor(left / 128);
  }
  return [...bytes, left];
}

const delimited = (field: number, bytes: ArrayLike<number>): number[] => [
  ...varint(field * 8 + 2),
  ...varint(bytes.length),
  ...Array.from(bytes),
];
const text = (field: number, value: string): number[] => delimited(field, new TextEncoder().encode(value));

function fixed(field: number, value: number, sizeBytes: 4 | 8): number[] {
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  if (sizeBytes === 8) view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return [...varint(field * 8 + (sizeBytes === 8 ? 1 : 5)), ...bytes];
}

function frame(event: readonly number[]): Uint8Array {
  const out = new Uint8Array(event.length + 16);
  const view = new DataView(out.buffer);
  view.setUint32(0, event.length, true);
  view.setUint32(8, masked(out.subarray(0, 8)), true);
  out.set(event, 12);
  view.setUint32(12 + event.length, masked(out.subarray(12, 12 + event.length)), true);
  return out;
}

/** Encodes metrics as the bytes of one event file. */
export function encodeTensorBoard(points: readonly MetricPoint[], { wallTime }: { wallTime: Date }): Uint8Array {
  const seconds = wallTime.getTime() / 1000;
  const frames = [frame([...fixed(1, seconds, 8), ...text(3, 'brain.Event:2')])];
  for (const { step, values } of points) {
    const summary = Object.entries(values).flatMap(([tag, value]) =>
      delimited(1, [...text(1, `sotto/${tag}`), ...fixed(2, value, 4)]),
    );
    frames.push(frame([...fixed(1, seconds, 8), ...varint(2 * 8), ...varint(step), ...delimited(5, summary)]));
  }
  const out = new Uint8Array(frames.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const each of frames) {
    out.set(each, at);
    at += each.length;
  }
  return out;
}
