// Matrix products that are added to float64 sums on a grid: where the clipped gradients of a block end.
import { CACHE } from './gemm';
import { keepTile, MR, NR, tile } from './gemm-tiles';

/**
 * Adds A·B to float64 sums on a grid: every float32 element of the product (K ≤ 64 terms, one chain) is rounded to the
 * grid of `magic` = 1.5 · 2^52 · grid and then added, which is exact while sums stay below 2^51 grid steps.
 * A(m, k) is at `a + (m + k·aK)·4`, the transposed activations of a block.
 */
export function gemmGrid(
  M: i32,
  N: i32,
  K: i32,
  a: usize,
  aK: i32,
  panels: usize,
  sums: usize,
  sumRow: i32,
  magic: f64,
): void {
  const kBytes: usize = (<usize>aK) << 2;
  const rowBytes: usize = (<usize>sumRow) << 3;
  const span = max(NR, (CACHE / (max(K, 1) << 2)) & ~(NR - 1));
  for (let n0 = 0; n0 < N; n0 += span) {
    const nEnd = min(N, n0 + span);
    for (let m = 0; m < M; m += MR) {
      const rows = min(MR, M - m);
      const a0 = a + ((<usize>m) << 2);
      for (let n = n0; n < nEnd; n += NR) {
        const b = panels + ((<usize>(n / NR) * <usize>K) << 5);
        const to = sums + (<usize>m) * rowBytes + ((<usize>n) << 3);
        tileGrid(a0, kBytes, b, K, to, rowBytes, rows, min(NR, N - n), magic);
      }
    }
  }
}

function tileGrid(
  a0: usize,
  kBytes: usize,
  b: usize,
  depth: i32,
  to: usize,
  rowBytes: usize,
  rows: i32,
  columns: i32,
  magic: f64,
): void {
  const r1: usize = rows > 1 ? 4 : 0;
  const r2: usize = rows > 2 ? 8 : 0;
  const r3: usize = rows > 3 ? 12 : 0;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  if (rows == MR) {
    for (let k = 0; k < depth; k++) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let x = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(x, b0));
      c01 = f32x4.add(c01, f32x4.mul(x, b1));
      x = v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(x, b0));
      c11 = f32x4.add(c11, f32x4.mul(x, b1));
      x = v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(x, b0));
      c21 = f32x4.add(c21, f32x4.mul(x, b1));
      x = v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(x, b0));
      c31 = f32x4.add(c31, f32x4.mul(x, b1));
      a0 += kBytes;
      b += 32;
    }
  } else {
    for (let k = 0; k < depth; k++) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let x = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(x, b0));
      c01 = f32x4.add(c01, f32x4.mul(x, b1));
      x = v128.load32_splat(a0 + r1);
      c10 = f32x4.add(c10, f32x4.mul(x, b0));
      c11 = f32x4.add(c11, f32x4.mul(x, b1));
      x = v128.load32_splat(a0 + r2);
      c20 = f32x4.add(c20, f32x4.mul(x, b0));
      c21 = f32x4.add(c21, f32x4.mul(x, b1));
      x = v128.load32_splat(a0 + r3);
      c30 = f32x4.add(c30, f32x4.mul(x, b0));
      c31 = f32x4.add(c31, f32x4.mul(x, b1));
      a0 += kBytes;
      b += 32;
    }
  }
  if (rows == MR && columns == NR) {
    const m = f64x2.splat(magic);
    addOnGrid(to, c00, m);
    addOnGrid(to + 32, c01, m);
    to += rowBytes;
    addOnGrid(to, c10, m);
    addOnGrid(to + 32, c11, m);
    to += rowBytes;
    addOnGrid(to, c20, m);
    addOnGrid(to + 32, c21, m);
    to += rowBytes;
    addOnGrid(to, c30, m);
    addOnGrid(to + 32, c31, m);
  } else {
    keepTile(c00, c01, c10, c11, c20, c21, c30, c31);
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < columns; j++) {
        const at = to + (<usize>r) * rowBytes + (j << 3);
        const value = <f64>load<f32>(tile + (r << 5) + (j << 2));
        store<f64>(at, load<f64>(at) + (value + magic - magic));
      }
    }
  }
}

/** Adds four floats, each rounded to the grid, to four float64 sums. */
// @ts-ignore: decorator
@inline
export function addOnGrid(to: usize, x: v128, magic: v128): void {
  const low = f64x2.promote_low_f32x4(x);
  const high = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 0));
  v128.store(to, f64x2.add(v128.load(to), f64x2.sub(f64x2.add(low, magic), magic)));
  v128.store(to, f64x2.add(v128.load(to, 16), f64x2.sub(f64x2.add(high, magic), magic)), 16);
}

/** Adds `count` floats, each rounded to the grid, to float64 sums, and sets them to zero. */
export function flushGrid(from: usize, sums: usize, count: i32, magic: f64): void {
  const m = f64x2.splat(magic);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    addOnGrid(sums, v128.load(from), m);
    v128.store(from, f32x4.splat(0));
    from += 16;
    sums += 32;
  }
  for (; i < count; i++) {
    const value = <f64>load<f32>(from);
    store<f64>(sums, load<f64>(sums) + (value + magic - magic));
    store<f32>(from, 0);
    from += 4;
    sums += 8;
  }
}
