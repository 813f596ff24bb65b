// The innermost loops of the matrix products: tiles of C that stay in registers. Whatever the tile, an element of C is the
// same chain of products and sums.

/** Columns of a packed panel. */
export const NR: i32 = 8;
/** Rows of a tile. */
export const MR: i32 = 4;

/** A tile of four rows and eight columns on its way to memory. */
export const tile: usize = memory.data(128, 16);

/** The tile for rows of A that are contiguous in k. Rows past `rows` repeat the first and are not stored. */
export function tileAlongRows(
  a0: usize,
  rowBytes: usize,
  b: usize,
  depth: i32,
  to: usize,
  cBytes: usize,
  rows: i32,
  columns: i32,
  add: bool,
): void {
  let a1 = rows > 1 ? a0 + rowBytes : a0;
  let a2 = rows > 2 ? a1 + rowBytes : a0;
  let a3 = rows > 3 ? a2 + rowBytes : a0;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let k = depth;
  for (; k >= 4; k -= 4) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a0, 4);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1, 4);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2, 4);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3, 4);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    b0 = v128.load(b, 64);
    b1 = v128.load(b, 80);
    x = v128.load32_splat(a0, 8);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1, 8);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2, 8);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3, 8);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    b0 = v128.load(b, 96);
    b1 = v128.load(b, 112);
    x = v128.load32_splat(a0, 12);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1, 12);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2, 12);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3, 12);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    b += 128;
  }
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2);
    c20 = f32x4.add(c20, f32x4.mul(x, b0));
    c21 = f32x4.add(c21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3);
    c30 = f32x4.add(c30, f32x4.mul(x, b0));
    c31 = f32x4.add(c31, f32x4.mul(x, b1));
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    b += 32;
  }
  storeTile(c00, c01, c10, c11, c20, c21, c30, c31, to, cBytes, rows, columns, add);
}

/** The tile for any strides of A; rows past `rows` repeat the first and are not stored. */
export function tileAlongColumns(
  a0: usize,
  rowBytes: usize,
  kBytes: usize,
  b: usize,
  depth: i32,
  to: usize,
  cBytes: usize,
  rows: i32,
  columns: i32,
  add: bool,
): void {
  const r1: usize = rows > 1 ? rowBytes : 0;
  const r2: usize = rows > 2 ? 2 * rowBytes : 0;
  const r3: usize = rows > 3 ? 3 * rowBytes : 0;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  if (rowBytes == 4 && rows == MR) {
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
  storeTile(c00, c01, c10, c11, c20, c21, c30, c31, to, cBytes, rows, columns, add);
}

/** One row and four whole panels, `panelBytes` apart. */
export function rowTile(
  a: usize,
  kBytes: usize,
  b0: usize,
  panelBytes: usize,
  depth: i32,
  to: usize,
  add: bool,
): void {
  let b1 = b0 + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  let c4 = c0;
  let c5 = c0;
  let c6 = c0;
  let c7 = c0;
  for (let k = 0; k < depth; k++) {
    const x = v128.load32_splat(a);
    c0 = f32x4.add(c0, f32x4.mul(x, v128.load(b0)));
    c1 = f32x4.add(c1, f32x4.mul(x, v128.load(b0, 16)));
    c2 = f32x4.add(c2, f32x4.mul(x, v128.load(b1)));
    c3 = f32x4.add(c3, f32x4.mul(x, v128.load(b1, 16)));
    c4 = f32x4.add(c4, f32x4.mul(x, v128.load(b2)));
    c5 = f32x4.add(c5, f32x4.mul(x, v128.load(b2, 16)));
    c6 = f32x4.add(c6, f32x4.mul(x, v128.load(b3)));
    c7 = f32x4.add(c7, f32x4.mul(x, v128.load(b3, 16)));
    a += kBytes;
    b0 += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
  }
  if (add) {
    c0 = f32x4.add(v128.load(to), c0);
    c1 = f32x4.add(v128.load(to, 16), c1);
    c2 = f32x4.add(v128.load(to, 32), c2);
    c3 = f32x4.add(v128.load(to, 48), c3);
    c4 = f32x4.add(v128.load(to, 64), c4);
    c5 = f32x4.add(v128.load(to, 80), c5);
    c6 = f32x4.add(v128.load(to, 96), c6);
    c7 = f32x4.add(v128.load(to, 112), c7);
  }
  v128.store(to, c0);
  v128.store(to, c1, 16);
  v128.store(to, c2, 32);
  v128.store(to, c3, 48);
  v128.store(to, c4, 64);
  v128.store(to, c5, 80);
  v128.store(to, c6, 96);
  v128.store(to, c7, 112);
}

// @ts-ignore: decorator
@inline
function storeTile(
  c00: v128,
  c01: v128,
  c10: v128,
  c11: v128,
  c20: v128,
  c21: v128,
  c30: v128,
  c31: v128,
  to: usize,
  cBytes: usize,
  rows: i32,
  columns: i32,
  add: bool,
): void {
  if (rows == MR && columns == NR) {
    const to1 = to + cBytes;
    const to2 = to1 + cBytes;
    const to3 = to2 + cBytes;
    if (add) {
      c00 = f32x4.add(v128.load(to), c00);
      c01 = f32x4.add(v128.load(to, 16), c01);
      c10 = f32x4.add(v128.load(to1), c10);
      c11 = f32x4.add(v128.load(to1, 16), c11);
      c20 = f32x4.add(v128.load(to2), c20);
      c21 = f32x4.add(v128.load(to2, 16), c21);
      c30 = f32x4.add(v128.load(to3), c30);
      c31 = f32x4.add(v128.load(to3, 16), c31);
    }
    v128.store(to, c00);
    v128.store(to, c01, 16);
    v128.store(to1, c10);
    v128.store(to1, c11, 16);
    v128.store(to2, c20);
    v128.store(to2, c21, 16);
    v128.store(to3, c30);
    v128.store(to3, c31, 16);
  } else {
    keepTile(c00, c01, c10, c11, c20, c21, c30, c31);
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < columns; j++) {
        const at = to + (<usize>r) * cBytes + (j << 2);
        const value = load<f32>(tile + (r << 5) + (j << 2));
        store<f32>(at, add ? load<f32>(at) + value : value);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
export function keepTile(c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128): void {
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
}
