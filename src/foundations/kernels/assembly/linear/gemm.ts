// Matrix products of the training engine. C (M×N) = A (M×K) · B (K×N): A by row and column strides, B packed in panels of
// eight columns, C row-major. Every element of C is one chain of K products added in ascending order of k, blocked by
// KC, whatever M, N and the position of its row: an example's numbers do not depend on who else is in the batch.
import { MR, NR, rowTile, tileAlongColumns, tileAlongRows } from './gemm-tiles';

/** Depth of a block: partial sums go through memory at its end. */
const KC: i32 = 256;
/** Bytes of packed B that are meant to stay in the first-level cache. */
export const CACHE: i32 = 32768;

/** C = A·B. */
const MODE_SET: i32 = 0;
/** C += A·B. */
const MODE_ADD: i32 = 1;

/**
 * Packs B, element (k, j) at `b + (k·kStride + j·jStride)·4`, into panels of eight columns, zero beyond N.
 * Panel p holds K rows of eight floats at `out + p·K·32`.
 */
export function packPanels(b: usize, kStride: i32, jStride: i32, K: i32, N: i32, out: usize): void {
  const kBytes: usize = (<usize>kStride) << 2;
  const jBytes: usize = (<usize>jStride) << 2;
  for (let j = 0; j < N; j += NR) {
    let from = b + (<usize>j) * jBytes;
    const width = min(NR, N - j);
    if (width == NR && jStride == 1) {
      for (let k = 0; k < K; k++) {
        v128.store(out, v128.load(from));
        v128.store(out, v128.load(from, 16), 16);
        from += kBytes;
        out += 32;
      }
    } else if (width == NR && kStride == 1) {
      let k = 0;
      for (; k + 4 <= K; k += 4) {
        packTransposed(from, jBytes, out);
        packTransposed(from + 4 * jBytes, jBytes, out + 16);
        from += 16;
        out += 128;
      }
      for (; k < K; k++) {
        for (let c = 0; c < NR; c++) store<f32>(out + (c << 2), load<f32>(from + <usize>c * jBytes));
        from += 4;
        out += 32;
      }
    } else {
      for (let k = 0; k < K; k++) {
        v128.store(out, f32x4.splat(0));
        v128.store(out, f32x4.splat(0), 16);
        for (let c = 0; c < width; c++) store<f32>(out + (c << 2), load<f32>(from + <usize>c * jBytes));
        from += kBytes;
        out += 32;
      }
    }
  }
}

/** Transposes 4 rows (`stride` bytes apart) of 4 floats into 4 rows of a panel, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function packTransposed(from: usize, stride: usize, out: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cd0 = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const cd1 = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(out, i64x2.shuffle(ab0, cd0, 0, 2));
  v128.store(out, i64x2.shuffle(ab0, cd0, 1, 3), 32);
  v128.store(out, i64x2.shuffle(ab1, cd1, 0, 2), 64);
  v128.store(out, i64x2.shuffle(ab1, cd1, 1, 3), 96);
}

/**
 * C = A·B or C += A·B in float32.
 * A(m, k) is at `a + (m·aRow + k·aK)·4`; C(m, j) at `c + (m·cRow + j)·4`; `mode` 0 sets, 1 adds.
 */
export function gemm(
  M: i32,
  N: i32,
  K: i32,
  a: usize,
  aRow: i32,
  aK: i32,
  panels: usize,
  c: usize,
  cRow: i32,
  mode: i32,
): void {
  const rowBytes: usize = (<usize>aRow) << 2;
  const kBytes: usize = (<usize>aK) << 2;
  const cBytes: usize = (<usize>cRow) << 2;
  for (let k0 = 0; k0 < K; k0 += KC) {
    const depth = min(KC, K - k0);
    const span = max(NR, (CACHE / (depth << 2)) & ~(NR - 1));
    const add = mode == MODE_ADD || k0 > 0;
    for (let n0 = 0; n0 < N; n0 += span) {
      const nEnd = min(N, n0 + span);
      for (let m = 0; m < M; m += MR) {
        const rows = min(MR, M - m);
        const a0 = a + (<usize>m) * rowBytes + (<usize>k0) * kBytes;
        let n = n0;
        if (rows < 3) {
          // One or two rows over: four panels at a time keep the adders busy.
          for (; n + 4 * NR <= nEnd; n += 4 * NR) {
            const b = panels + ((<usize>(n / NR) * <usize>K + <usize>k0) << 5);
            const to = c + (<usize>m) * cBytes + ((<usize>n) << 2);
            for (let r = 0; r < rows; r++) {
              rowTile(a0 + <usize>r * rowBytes, kBytes, b, (<usize>K) << 5, depth, to + <usize>r * cBytes, add);
            }
          }
        }
        for (; n < nEnd; n += NR) {
          const b = panels + ((<usize>(n / NR) * <usize>K + <usize>k0) << 5);
          const to = c + (<usize>m) * cBytes + ((<usize>n) << 2);
          if (aK == 1) tileAlongRows(a0, rowBytes, b, depth, to, cBytes, rows, min(NR, N - n), add);
          else tileAlongColumns(a0, rowBytes, kBytes, b, depth, to, cBytes, rows, min(NR, N - n), add);
        }
      }
    }
  }
}
