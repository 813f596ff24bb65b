/**
 * Ring arithmetic from the WebAssembly kernel: keystream added to residues modulo 2^32 and 2^64, and products of
 * matrices modulo 2^64 and 2^128, for computing on additive shares. Vectors are copied in and out of the kernel's memory,
 * which is cleared afterwards: shares do not outlive the call.
 *
 * @module
 */

import { instantiateKernel, type KernelInstance } from './instance.ts';
import { ringWasm } from './ring.wasm.ts';

interface RingExports {
  readonly init: (state: number, key: number, counter: number, nonce: number) => void;
  readonly addStream32: (state: number, target: number, groups: number, scratch: number, negative: number) => void;
  readonly addStream64: (state: number, target: number, groups: number, scratch: number, negative: number) => void;
  readonly add64: (target: number, a: number, count: number) => void;
  readonly add32: (target: number, a: number, count: number) => void;
  readonly multiplyAdd64: (target: number, a: number, b: number, count: number) => void;
  readonly matmul64: (a: number, b: number, out: number, m: number, k: number, n: number) => void;
  readonly add128: (target: number, a: number, count: number) => void;
  readonly subtract128: (target: number, a: number, count: number) => void;
  readonly multiplyAdd128: (target: number, a: number, b: number, count: number) => void;
  readonly matmul128: (a: number, b: number, out: number, m: number, k: number, n: number) => void;
  readonly splitBits: (x: number, even: number, odd: number, count: number) => void;
}

/** Bytes of one call of the stream kernel: four blocks of ChaCha20. */
const GROUP_BYTES = 256;
/** Bytes moved through the kernel at a time: fits the second-level cache. */
const TILE_BYTES = 1 << 18;

type Bytes = Uint32Array | BigUint64Array;

let shared:
  | { kernel: KernelInstance<RingExports>; state: number; key: number; nonce: number; scratch: number; tile: number }
  | undefined;

function ring() {
  if (shared !== undefined) return shared;
  const kernel = instantiateKernel<RingExports>(ringWasm);
  shared = {
    kernel,
    state: kernel.alloc(64),
    key: kernel.alloc(32),
    nonce: kernel.alloc(16),
    scratch: kernel.alloc(GROUP_BYTES),
    tile: kernel.alloc(TILE_BYTES),
  };
  return shared;
}

function bytesOf(words: Bytes): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * Adds the ChaCha20 keystream of a key to a vector, word by word modulo 2^32 (`Uint32Array` with wordBits 32) or 2^64.
 * @param target - changed in place; words of 64 bits are pairs of u32, low first, or a `BigUint64Array`.
 * @param options - `key` of 32 bytes, for one vector alone; `subtract` takes the stream away again.
 * @throws {RangeError} when the key is not 32 bytes.
 */
export function addKeystreamInto(
  target: Bytes,
  {
    key,
    wordBits,
    subtract = false,
  }: { readonly key: Uint8Array; readonly wordBits: 32 | 64; readonly subtract?: boolean },
): void {
  if (key.length !== 32) throw new RangeError(`"key" must be 32 bytes, got ${key.length}`);
  const { kernel, state, key: keyAt, nonce, scratch, tile } = ring();
  const memory = new Uint8Array(kernel.memory.buffer);
  memory.set(key, keyAt);
  memory.fill(0, nonce, nonce + 12);
  kernel.exports.init(state, keyAt, 0, nonce);
  const add = wordBits === 32 ? kernel.exports.addStream32 : kernel.exports.addStream64;
  const bytes = bytesOf(target);
  for (let at = 0; at < bytes.length; at += TILE_BYTES) {
    const part = bytes.subarray(at, Math.min(at + TILE_BYTES, bytes.length));
    memory.set(part, tile);
    add(state, tile, Math.ceil(part.length / GROUP_BYTES), scratch, subtract ? 1 : 0);
    part.set(memory.subarray(tile, tile + part.length));
  }
  memory.fill(0, state, tile + Math.min(bytes.length + GROUP_BYTES, TILE_BYTES));
}

/** Runs `body` with the given vectors laid out in the kernel's memory, and copies the first one back. */
function withVectors(
  out: Bytes,
  inputs: readonly Bytes[],
  body: (exports: RingExports, at: readonly number[]) => void,
): void {
  const { kernel } = ring();
  const mark = kernel.mark();
  const vectors = [out, ...inputs];
  const at = vectors.map((vector) => kernel.alloc(vector.byteLength));
  const memory = new Uint8Array(kernel.memory.buffer);
  vectors.forEach((vector, i) => memory.set(bytesOf(vector), at[i] as number));
  body(kernel.exports, at);
  bytesOf(out).set(memory.subarray(at[0] as number, (at[0] as number) + out.byteLength));
  memory.fill(0, mark, kernel.mark());
  kernel.release(mark);
}

/** Rows, inner length and columns of a product of two row-major matrices. */
export interface ProductShape {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

function assertProduct(a: number, b: number, out: number, { rows, inner, columns }: ProductShape): void {
  if (a !== rows * inner || b !== inner * columns || out !== rows * columns) {
    throw new RangeError(
      `a product of ${rows}×${inner} and ${inner}×${columns} needs ${rows * inner}, ${inner * columns} and ${rows * columns} entries, got ${a}, ${b} and ${out}`,
    );
  }
}

function assertSameLength(expected: number, ...lengths: readonly number[]): void {
  for (const length of lengths) {
    if (length !== expected) throw new RangeError(`vectors must have the same length, got ${expected} and ${length}`);
  }
}

/** Adds a · b to `out`, modulo 2^64. @throws {RangeError} when a length does not fit the shape. */
export function multiplyMatrices64Into(
  out: BigUint64Array,
  a: BigUint64Array,
  b: BigUint64Array,
  shape: ProductShape,
): void {
  assertProduct(a.length, b.length, out.length, shape);
  withVectors(out, [a, b], (exports, [at = 0, left = 0, right = 0]) =>
    exports.matmul64(left, right, at, shape.rows, shape.inner, shape.columns),
  );
}

/** Adds the products of entries of `a` and `b` to `out`, modulo 2^64. */
export function multiplyAdd64Into(out: BigUint64Array, a: BigUint64Array, b: BigUint64Array): void {
  assertSameLength(out.length, a.length, b.length);
  withVectors(out, [a, b], (exports, [at = 0, left = 0, right = 0]) =>
    exports.multiplyAdd64(at, left, right, out.length),
  );
}

/** Adds a · b to `out`, modulo 2^128; a number is two words, low first. */
export function multiplyMatrices128Into(
  out: BigUint64Array,
  a: BigUint64Array,
  b: BigUint64Array,
  shape: ProductShape,
): void {
  assertProduct(a.length / 2, b.length / 2, out.length / 2, shape);
  withVectors(out, [a, b], (exports, [at = 0, left = 0, right = 0]) =>
    exports.matmul128(left, right, at, shape.rows, shape.inner, shape.columns),
  );
}

/** Adds the products of entries of `a` and `b` to `out`, modulo 2^128. */
export function multiplyAdd128Into(out: BigUint64Array, a: BigUint64Array, b: BigUint64Array): void {
  assertSameLength(out.length, a.length, b.length);
  withVectors(out, [a, b], (exports, [at = 0, left = 0, right = 0]) =>
    exports.multiplyAdd128(at, left, right, out.length / 2),
  );
}

/** Adds `addend` to `out` (or takes it away), modulo 2^128. */
export function add128Into(out: BigUint64Array, addend: BigUint64Array, { subtract = false } = {}): void {
  assertSameLength(out.length, addend.length);
  withVectors(out, [addend], (exports, [at = 0, source = 0]) =>
    (subtract ? exports.subtract128 : exports.add128)(at, source, out.length / 2),
  );
}

/** Splits every word into its even and its odd bits, each packed into the low half of a word. */
export function splitBits64(words: BigUint64Array): { readonly even: BigUint64Array; readonly odd: BigUint64Array } {
  const both = new BigUint64Array(2 * words.length);
  withVectors(both, [words], (exports, [at = 0, source = 0]) =>
    exports.splitBits(source, at, at + 8 * words.length, words.length),
  );
  return { even: both.subarray(0, words.length), odd: both.subarray(words.length) };
}
