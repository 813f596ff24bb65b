// Integer noise drawn from one ChaCha20 stream, by rejection from a table of blocks (`fillBlocks`) or from a table of
// all values (`fillValues`). The tables are made by privacy/mechanisms/samplers (see block-table.ts and pmf-table.ts
// there for the proofs that the results are exact); this file only follows them. Nothing is rounded here in a way that decides a draw: a draw whose fate lies inside the error band of the
// double-precision test, or in the tail, is handed back to the caller, who decides it with exact arithmetic.
//
// Layout of the context at `ctx`:
//      0  ChaCha state (64 bytes)
//     64  u32 position in the buffer       68  u32 block length minus one (a power of two minus one)
//     72  u32 index of the tail block      80  f64 curvature c: a block's height falls as exp(−r·(slope + c·r))
//     88  pending draw: u32 kind (1 tail, 2 band), u32 block, u32 offset, u32 sign, u64 63 bits of the uniform
//    112  256 columns of the alias table: u32 threshold (of 2^24), u32 other block
//   2160  256 blocks: u32 base, u32 squeeze (of 2^31), f64 height, f64 slope, 8 bytes unused
//  10352  random bytes (4096)
import { chachaBlocks4, chachaInit } from './chacha20';

const POSITION: usize = 64;
const COLUMNS: usize = 112;
const BLOCKS: usize = 2160;
const RANDOM: usize = 10352;
const RANDOM_BYTES: u32 = 4096;
/** 2^-44: above every error of the double-precision test (bound in block-table.ts). */
const BAND: f64 = 5.684341886080802e-14;
const TWO_M63: f64 = 1.0842021724855044e-19;

/** Keys the stream; the buffer starts empty. */
export function start(ctx: usize, key: usize, nonce: usize): void {
  chachaInit(ctx, key, 0, nonce);
  store<u32>(ctx + POSITION, RANDOM_BYTES);
}

function refill(ctx: usize): void {
  let out = ctx + RANDOM;
  for (let i = 0; i < 16; i++) {
    chachaBlocks4(ctx, out, 20);
    out += 256;
  }
}

// exp(−t) for t in [0, 0.51] by Horner: the 16th term is below 2^-60.
// @ts-ignore: decorator
@inline
function expNeg(t: f64): f64 {
  let s: f64 = 1.0 - t * (1.0 / 15.0);
  s = 1.0 - t * s * (1.0 / 14.0);
  s = 1.0 - t * s * (1.0 / 13.0);
  s = 1.0 - t * s * (1.0 / 12.0);
  s = 1.0 - t * s * (1.0 / 11.0);
  s = 1.0 - t * s * (1.0 / 10.0);
  s = 1.0 - t * s * (1.0 / 9.0);
  s = 1.0 - t * s * (1.0 / 8.0);
  s = 1.0 - t * s * (1.0 / 7.0);
  s = 1.0 - t * s * (1.0 / 6.0);
  s = 1.0 - t * s * (1.0 / 5.0);
  s = 1.0 - t * s * (1.0 / 4.0);
  s = 1.0 - t * s * (1.0 / 3.0);
  s = 1.0 - t * s * (1.0 / 2.0);
  return 1.0 - t * s;
}

/**
 * Writes draws to `out` until `count` are done or one needs exact arithmetic. Returns how many were written; fewer than
 * `count` means that the pending draw of the context must be decided before going on.
 */
export function fillBlocks(ctx: usize, out: usize, count: i32): i32 {
  let position = load<u32>(ctx + POSITION);
  const mask = load<u32>(ctx, 68);
  const tail = load<u32>(ctx, 72);
  const c = load<f64>(ctx, 80);
  let done = 0;
  while (done < count) {
    // A draw takes 12 bytes, and 4 more when the squeeze does not decide; what is left over at the end is dropped.
    if (position + 16 > RANDOM_BYTES) {
      refill(ctx);
      position = 0;
    }
    const at = ctx + RANDOM + position;
    position += 12;
    const choice = load<u32>(at);
    const second = load<u32>(at, 4);
    const offset = load<u32>(at, 8) & mask;
    const column = choice >>> 24;
    const columnAt = ctx + COLUMNS + ((<usize>column) << 3);
    const block = select(column, load<u32>(columnAt, 4), (choice & 0xffffff) < load<u32>(columnAt));
    const sign = second & 1;
    const high = second >>> 1;
    const blockAt = ctx + BLOCKS + ((<usize>block) << 5);
    const magnitude = load<u32>(blockAt) + offset;
    if (high >= load<u32>(blockAt, 4)) {
      let kind: u32 = 0;
      let uniform: u64 = 0;
      if (block == tail) kind = 1;
      else {
        uniform = ((<u64>high) << 32) | (<u64>load<u32>(ctx + RANDOM + position));
        position += 4;
        const r = <f64>offset;
        const p = load<f64>(blockAt, 8) * expNeg(r * (load<f64>(blockAt, 16) + c * r));
        const d = <f64>uniform * TWO_M63 - p;
        if (d > BAND) continue;
        if (d >= -BAND) kind = 2;
      }
      if (kind != 0) {
        store<u32>(ctx, kind, 88);
        store<u32>(ctx, block, 92);
        store<u32>(ctx, offset, 96);
        store<u32>(ctx, sign, 100);
        store<u64>(ctx, uniform, 104);
        store<u32>(ctx + POSITION, position);
        return done;
      }
    }
    // Zero has one sign only.
    if ((magnitude | (sign ^ 1)) == 0) continue;
    store<i32>(out + ((<usize>done) << 2), (<i32>magnitude ^ -(<i32>sign)) + <i32>sign);
    done++;
  }
  store<u32>(ctx + POSITION, position);
  return done;
}

/**
 * Draws from a table of 2^columnsLog2 columns at `table` (u32 threshold of 2^32, u32 other item), value = first + item.
 * Stops as `fillBlocks` does when the item is `residual`: what a table of integers cannot hold is drawn by the caller.
 */
export function fillValues(
  ctx: usize,
  table: usize,
  columnsLog2: u32,
  first: i32,
  residual: u32,
  out: usize,
  count: i32,
): i32 {
  let position = load<u32>(ctx + POSITION);
  const mask: u32 = (1 << columnsLog2) - 1;
  let done = 0;
  while (done < count) {
    if (position + 8 > RANDOM_BYTES) {
      refill(ctx);
      position = 0;
    }
    const at = ctx + RANDOM + position;
    position += 8;
    const column = load<u32>(at) & mask;
    const columnAt = table + ((<usize>column) << 3);
    const item = select(column, load<u32>(columnAt, 4), load<u32>(at, 4) < load<u32>(columnAt));
    if (item == residual) break;
    store<i32>(out + ((<usize>done) << 2), first + <i32>item);
    done++;
  }
  store<u32>(ctx + POSITION, position);
  return done;
}
