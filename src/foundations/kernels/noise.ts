/**
 * Integer noise from the WebAssembly kernel: follows a table (made by the discrete mechanisms) with one keyed ChaCha20
 * stream, and hands back the rare draws that need exact arithmetic.
 *
 * @module
 */

import { instantiateKernel, type KernelInstance } from './instance.ts';
import { noiseWasm } from './noise.wasm.ts';

interface NoiseExports {
  start(context: number, key: number, nonce: number): void;
  fillBlocks(context: number, out: number, count: number): number;
  fillValues(
    context: number,
    table: number,
    columnsLog2: number,
    first: number,
    residual: number,
    out: number,
    count: number,
  ): number;
}

/** A rejection table over blocks of equal length (a power of two). Arrays have one entry a block, at most 256. */
export interface BlockNoiseTable {
  readonly kind: 'blocks';
  /** Log2 of the block length. */
  readonly lengthLog2: number;
  /** The block whose draws are all handed back. */
  readonly tail: number;
  /** Half the second derivative of −ln of the density. */
  readonly curvature: number;
  /** The alias table: 256 pairs of threshold (of 2^24) and other block. */
  readonly columns: Uint32Array;
  /** First magnitude of each block. */
  readonly bases: Uint32Array;
  /** A 31-bit uniform below this is accepted at once. */
  readonly squeezes: Uint32Array;
  /** Probability of acceptance at the first magnitude of each block. */
  readonly heights: Float64Array;
  /** The derivative of −ln of the density at the first magnitude of each block. */
  readonly slopes: Float64Array;
}

/** A table of values: item i means first + i, and one item means that the caller draws. */
export interface ValueNoiseTable {
  readonly kind: 'values';
  readonly columnsLog2: number;
  /** 2^columnsLog2 pairs of threshold (of 2^32) and other item. */
  readonly columns: Uint32Array;
  readonly first: number;
  /** The item whose draws are all handed back. */
  readonly residual: number;
}

export type NoiseTable = BlockNoiseTable | ValueNoiseTable;

/** A draw that the kernel could not decide. */
export type PendingDraw =
  | { readonly kind: 'tail'; readonly negative: boolean }
  | {
      readonly kind: 'band';
      readonly block: number;
      readonly offset: number;
      readonly negative: boolean;
      /** The first 63 bits of the uniform that decides acceptance. */
      readonly uniform: bigint;
    }
  | { readonly kind: 'residual' };

const RANDOM_AT = 10_352;
const CONTEXT_BYTES = RANDOM_AT + 4_096;
const OUT_ENTRIES = 16_384;
/** Entries one key may serve: 16 bytes a draw out of the 2^38 bytes of a stream, with room for rejected draws. */
const MAX_ENTRIES = 2 ** 32;

interface Kernel {
  readonly instance: KernelInstance<NoiseExports>;
  readonly context: number;
  readonly key: number;
  readonly nonce: number;
  readonly out: number;
  /** Room for value tables, at the end of the memory so that it can grow. */
  readonly table: number;
  blocks?: BlockNoiseTable;
  values?: ValueNoiseTable;
}

let shared: Kernel | undefined;

function kernel(): Kernel {
  if (shared !== undefined) return shared;
  const instance = instantiateKernel<NoiseExports>(noiseWasm);
  shared = {
    instance,
    context: instance.alloc(CONTEXT_BYTES),
    key: instance.alloc(32),
    nonce: instance.alloc(16),
    out: instance.alloc(OUT_ENTRIES * 4),
    table: instance.mark(),
  };
  return shared;
}

function loadBlocks(state: Kernel, table: BlockNoiseTable): void {
  if (state.blocks === table) return;
  const view = new DataView(state.instance.memory.buffer, state.context, CONTEXT_BYTES);
  view.setUint32(68, 2 ** table.lengthLog2 - 1, true);
  view.setUint32(72, table.tail, true);
  view.setFloat64(80, table.curvature, true);
  table.columns.forEach((word, index) => view.setUint32(112 + index * 4, word, true));
  table.bases.forEach((base, block) => {
    const at = 2_160 + block * 32;
    view.setUint32(at, base, true);
    view.setUint32(at + 4, table.squeezes[block] as number, true);
    view.setFloat64(at + 8, table.heights[block] as number, true);
    view.setFloat64(at + 16, table.slopes[block] as number, true);
  });
  state.blocks = table;
}

function loadValues(state: Kernel, table: ValueNoiseTable): void {
  if (state.values === table) return;
  state.instance.release(state.table);
  const at = state.instance.alloc(table.columns.byteLength);
  new Uint32Array(state.instance.memory.buffer, at, table.columns.length).set(table.columns);
  state.values = table;
}

function readPending(table: NoiseTable, view: DataView): PendingDraw {
  if (table.kind === 'values') return { kind: 'residual' };
  const negative = view.getUint32(100, true) === 1;
  if (view.getUint32(88, true) === 1) return { kind: 'tail', negative };
  return {
    kind: 'band',
    block: view.getUint32(92, true),
    offset: view.getUint32(96, true),
    negative,
    uniform: view.getBigUint64(104, true),
  };
}

/**
 * Fills `out` with draws that follow `table`, or adds them to what is there.
 * @param options - `key`, 32 fresh uniform bytes, used for this call alone; `decide` settles a pending draw: the value,
 * or undefined to reject it; `add` adds modulo 2^32 instead of overwriting.
 * @throws {RangeError} when the key is not 32 bytes or `out` has 2^32 entries or more.
 */
export function drawNoiseInto(
  out: Int32Array,
  table: NoiseTable,
  {
    key,
    decide,
    add = false,
  }: { key: Uint8Array; decide: (pending: PendingDraw) => number | undefined; add?: boolean },
): void {
  if (key.length !== 32) throw new RangeError(`"key" must be 32 bytes, got ${key.length}`);
  if (out.length >= MAX_ENTRIES) throw new RangeError(`"out" must have fewer than 2^32 entries, got ${out.length}`);
  const state = kernel();
  if (table.kind === 'blocks') loadBlocks(state, table);
  else loadValues(state, table);
  const { context, key: keyAt, nonce: nonceAt, out: outAt, table: tableAt } = state;
  const { exports, memory } = state.instance;
  const fill =
    table.kind === 'blocks'
      ? (at: number, count: number) => exports.fillBlocks(context, at, count)
      : (at: number, count: number) =>
          exports.fillValues(context, tableAt, table.columnsLog2, table.first, table.residual, at, count);
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer, context);
  const noise = new Int32Array(memory.buffer, outAt, OUT_ENTRIES);
  bytes.set(key, keyAt);
  exports.start(context, keyAt, nonceAt);
  try {
    for (let from = 0; from < out.length; from += OUT_ENTRIES) {
      const count = Math.min(OUT_ENTRIES, out.length - from);
      let done = fill(outAt, count);
      while (done < count) {
        const value = decide(readPending(table, view));
        if (value !== undefined) {
          noise[done] = value;
          done += 1;
        }
        done += fill(outAt + done * 4, count - done);
      }
      if (add) for (let i = 0; i < count; i += 1) out[from + i] = (out[from + i] as number) + (noise[i] as number);
      else out.set(noise.subarray(0, count), from);
    }
  } finally {
    bytes.fill(0, context, context + 68);
    bytes.fill(0, context + 88, context + 112);
    bytes.fill(0, context + RANDOM_AT, context + CONTEXT_BYTES);
    bytes.fill(0, keyAt, keyAt + 32);
    noise.fill(0);
  }
}
