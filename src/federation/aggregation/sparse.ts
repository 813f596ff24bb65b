/**
 * Top-k: of an update only the largest coordinates are sent, and what is left out is kept and added to the next one
 * (error feedback [SCJ18]). On the wire: the count, then index and value of each, all uint32 and int32 little-endian.
 *
 * @module
 */

import { AggregationError } from './errors.ts';

/** Coordinates that are sent of `dimension`. */
export function topKCount(dimension: number, share: number): number {
  return Math.max(1, Math.ceil(dimension * share));
}

/**
 * Keeps the `keep` largest coordinates of a vector, in place; ties go to the lower index.
 * @param residual - what earlier rounds left out; added first, and set to what this round leaves out.
 */
export function keepLargestInto(
  values: Float64Array,
  { keep, residual }: { readonly keep: number; readonly residual: Float64Array },
): void {
  for (let i = 0; i < values.length; i += 1) values[i] = (values[i] as number) + (residual[i] as number);
  const order = Uint32Array.from(values.keys());
  order.sort((a, b) => Math.abs(values[b] as number) - Math.abs(values[a] as number) || a - b);
  residual.fill(0);
  for (const i of order.subarray(keep)) {
    residual[i] = values[i] as number;
    values[i] = 0;
  }
}

/** Encodes the coordinates that are not zero. */
export function encodeSparse(values: Int32Array): Uint8Array {
  const count = values.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
  const bytes = new Uint8Array(4 + 8 * count);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count, true);
  let at = 4;
  for (const [i, value] of values.entries()) {
    if (value === 0) continue;
    view.setUint32(at, i, true);
    view.setInt32(at + 4, value, true);
    at += 8;
  }
  return bytes;
}

/**
 * Decodes what {@link encodeSparse} wrote.
 * @throws {@link AggregationError} `aggregation/malformed` when lengths do not fit, or indices do not ascend below
 *   `entries`, or there are more than `most`.
 */
export function decodeSparse(
  bytes: Uint8Array,
  { entries, most }: { readonly entries: number; readonly most: number },
): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length < 4 ? 0 : view.getUint32(0, true);
  if (bytes.length !== 4 + 8 * count || count > most) {
    throw new AggregationError('aggregation/malformed', 'a sparse contribution has the wrong length');
  }
  const values = new Int32Array(entries);
  let before = -1;
  for (let at = 4; at < bytes.length; at += 8) {
    const index = view.getUint32(at, true);
    if (index <= before || index >= entries) {
      throw new AggregationError('aggregation/malformed', 'the indices of a sparse contribution must ascend');
    }
    values[index] = view.getInt32(at + 4, true);
    before = index;
  }
  return values;
}
