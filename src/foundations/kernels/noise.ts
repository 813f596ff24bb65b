/**
 * Integer noise from the WebAssembly kernel: follows a table of blocks (made by the discrete mechanisms) with one keyed
 * ChaCha20 stream, and hands back the rare draws that need exact arithmetic.
 *
 * @module
 */

import { instantiateKernel } from './instance.ts';
import { noiseWasm } from './noise.wasm.ts';

interface NoiseExports {
  start(context: number, key: number, nonce: number): void;
  fill(context: number, out: number, count: number): number;
}

/** A rejection table over blocks of equal length (a power of two). Arrays have one entry a block, at most 256. */
export interface NoiseTable {
  /** Log2 of the block length. */
  readonly lengthLog2: number;
  /** The block whose draws are all handed back. */
  readonly tail: number;
  /** 1 ÷ (2 σ²). */
  readonly curvature: number;
  /** The alias table: 256 pairs of threshold (of 2^24) and other block. */
  readonly columns: Uint32Array;
  /** First magnitude of each block. */
  readonly bases: Uint32Array;
  /** A 31-bit uniform below this is accepted at once. */
  readonly squeezes: Uint32Array;
  /** Probability of acceptance at the first magnitude of each block. */
  readonly heights: Float64Array;
}

/** A draw that the kernel could not decide. */
export interface PendingDraw {
  readonly kind: 'tail' | 'band';
  readonly block: number;
  readonly offset: number;
  readonly negative: boolean;
  /** The first 63 bits of the uniform that decides acceptance (`band` only). */
  readonly uniform: bigint;
}

const CONTEXT_BYTES = 10_352 + 4_096;
const OUT_ENTRIES = 16_384;
/** Entries one key may serve: 16 bytes a draw out of the 2^38 bytes of a stream, with room for rejected draws. */
const MAX_ENTRIES = 2 ** 32;

let shared:
  | {
      exports: NoiseExports;
      memory: WebAssembly.Memory;
      context: number;
      key: number;
      nonce: number;
      out: number;
      table: NoiseTable | undefined;
    }
  | undefined;

function kernel() {
  if (shared !== undefined) return shared;
  const instance = instantiateKernel<NoiseExports>(noiseWasm);
  shared = {
    exports: instance.exports,
    memory: instance.memory,
    context: instance.alloc(CONTEXT_BYTES),
    key: instance.alloc(32),
    nonce: instance.alloc(16),
    out: instance.alloc(OUT_ENTRIES * 4),
    table: undefined,
  };
  return shared;
}

function load(table: NoiseTable): void {
  const state = kernel();
  if (state.table === table) return;
  const view = new DataView(state.memory.buffer, state.context, CONTEXT_BYTES);
  view.setUint32(68, 2 ** table.lengthLog2 - 1, true);
  view.setUint32(72, table.tail, true);
  view.setFloat64(80, table.curvature, true);
  table.columns.forEach((word, index) => view.setUint32(112 + index * 4, word, true));
  table.bases.forEach((base, block) => {
    const at = 2_160 + block * 32;
    view.setUint32(at, base, true);
    view.setUint32(at + 4, table.squeezes[block] as number, true);
    view.setFloat64(at + 8, table.heights[block] as number, true);
    view.setFloat64(at + 16, 2 * base, true);
  });
  state.table = table;
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
  load(table);
  const { exports, memory, context, key: keyAt, nonce: nonceAt, out: outAt } = kernel();
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer, context);
  const noise = new Int32Array(memory.buffer, outAt, OUT_ENTRIES);
  bytes.set(key, keyAt);
  exports.start(context, keyAt, nonceAt);
  try {
    for (let from = 0; from < out.length; from += OUT_ENTRIES) {
      const count = Math.min(OUT_ENTRIES, out.length - from);
      let done = 0;
      for (;;) {
        done += exports.fill(context, outAt + done * 4, count - done);
        if (done === count) break;
        const value = decide({
          kind: view.getUint32(88, true) === 1 ? 'tail' : 'band',
          block: view.getUint32(92, true),
          offset: view.getUint32(96, true),
          negative: view.getUint32(100, true) === 1,
          uniform: view.getBigUint64(104, true),
        });
        if (value !== undefined) {
          noise[done] = value;
          done += 1;
        }
        if (done === count) break;
      }
      if (add) for (let i = 0; i < count; i += 1) out[from + i] = (out[from + i] as number) + (noise[i] as number);
      else out.set(noise.subarray(0, count), from);
    }
  } finally {
    bytes.fill(0, context, context + 68);
    bytes.fill(0, context + 10_352, context + CONTEXT_BYTES);
    bytes.fill(0, keyAt, keyAt + 32);
    noise.fill(0);
  }
}
