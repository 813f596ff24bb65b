// Wavelet scattering of four images at once: lane i of every vector belongs to image i. Planes are row-major; a real
// plane has one vector (16 bytes) a point, a complex plane two (real, then imaginary). Filters are real in the Fourier
// domain and shared by the lanes.

/** Bytes of a complex point of four lanes. */
const POINT: i32 = 32;

// @ts-ignore: decorator
@inline
function scaleOf(at: usize): v128 {
  return v128.load32_splat(at);
}

// One stage of a Stockham transform: n = radix · m, over `s` interleaved transforms. It reads points of `source`
// `sourceStride` bytes apart and writes points of `target` `targetStride` bytes apart. `re` and `im` are the byte offsets
// of the parts within a point; swapping them makes the transform inverse. `twiddles` holds for p = 1 … m − 1 the
// radix − 1 factors e^(−2πipk/n) as pairs; those of p = 0 are one, and left out.

/** Stores a point times a factor (c, d), or, `plain`, as it is. */
// @ts-ignore: decorator
@inline
function put(target: usize, valueRe: v128, valueIm: v128, plain: bool, c: v128, d: v128, re: i32, im: i32): void {
  if (plain) {
    v128.store(target + re, valueRe);
    v128.store(target + im, valueIm);
  } else {
    v128.store(target + re, f32x4.sub(f32x4.mul(valueRe, c), f32x4.mul(valueIm, d)));
    v128.store(target + im, f32x4.add(f32x4.mul(valueRe, d), f32x4.mul(valueIm, c)));
  }
}

// @ts-ignore: decorator
@inline
function row2(a: usize, aStep: i32, leap: i32, y: usize, yStep: i32, step: i32, s: i32, plain: bool, w: usize, re: i32, im: i32): void {
  const one = f32x4.splat(1);
  const c1 = plain ? one : scaleOf(w);
  const d1 = plain ? one : scaleOf(w + 4);
  for (let q = 0; q < s; q++) {
    const aRe = v128.load(a + re);
    const aIm = v128.load(a + im);
    const bRe = v128.load(a + leap + re);
    const bIm = v128.load(a + leap + im);
    v128.store(y + re, f32x4.add(aRe, bRe));
    v128.store(y + im, f32x4.add(aIm, bIm));
    put(y + step, f32x4.sub(aRe, bRe), f32x4.sub(aIm, bIm), plain, c1, d1, re, im);
    a += aStep;
    y += yStep;
  }
}

// @ts-ignore: decorator
@inline
function row3(a: usize, aStep: i32, leap: i32, y: usize, yStep: i32, step: i32, s: i32, plain: bool, w: usize, re: i32, im: i32): void {
  const one = f32x4.splat(1);
  const half = f32x4.splat(0.5);
  const sine = f32x4.splat(<f32>0.86602540378443864676);
  const c1 = plain ? one : scaleOf(w);
  const d1 = plain ? one : scaleOf(w + 4);
  const c2 = plain ? one : scaleOf(w + 8);
  const d2 = plain ? one : scaleOf(w + 12);
  for (let q = 0; q < s; q++) {
    const aRe = v128.load(a + re);
    const aIm = v128.load(a + im);
    const bRe = v128.load(a + leap + re);
    const bIm = v128.load(a + leap + im);
    const cRe = v128.load(a + 2 * leap + re);
    const cIm = v128.load(a + 2 * leap + im);
    const sumRe = f32x4.add(bRe, cRe);
    const sumIm = f32x4.add(bIm, cIm);
    // −i · sin(2π/3) · (b − c)
    const crossRe = f32x4.mul(sine, f32x4.sub(bIm, cIm));
    const crossIm = f32x4.mul(sine, f32x4.sub(cRe, bRe));
    const midRe = f32x4.sub(aRe, f32x4.mul(half, sumRe));
    const midIm = f32x4.sub(aIm, f32x4.mul(half, sumIm));
    v128.store(y + re, f32x4.add(aRe, sumRe));
    v128.store(y + im, f32x4.add(aIm, sumIm));
    put(y + step, f32x4.add(midRe, crossRe), f32x4.add(midIm, crossIm), plain, c1, d1, re, im);
    put(y + 2 * step, f32x4.sub(midRe, crossRe), f32x4.sub(midIm, crossIm), plain, c2, d2, re, im);
    a += aStep;
    y += yStep;
  }
}

// @ts-ignore: decorator
@inline
function row4(a: usize, aStep: i32, leap: i32, y: usize, yStep: i32, step: i32, s: i32, plain: bool, w: usize, re: i32, im: i32): void {
  const one = f32x4.splat(1);
  const c1 = plain ? one : scaleOf(w);
  const d1 = plain ? one : scaleOf(w + 4);
  const c2 = plain ? one : scaleOf(w + 8);
  const d2 = plain ? one : scaleOf(w + 12);
  const c3 = plain ? one : scaleOf(w + 16);
  const d3 = plain ? one : scaleOf(w + 20);
  for (let q = 0; q < s; q++) {
    const aRe = v128.load(a + re);
    const aIm = v128.load(a + im);
    const bRe = v128.load(a + leap + re);
    const bIm = v128.load(a + leap + im);
    const cRe = v128.load(a + 2 * leap + re);
    const cIm = v128.load(a + 2 * leap + im);
    const dRe = v128.load(a + 3 * leap + re);
    const dIm = v128.load(a + 3 * leap + im);
    const evenRe = f32x4.add(aRe, cRe);
    const evenIm = f32x4.add(aIm, cIm);
    const gapRe = f32x4.sub(aRe, cRe);
    const gapIm = f32x4.sub(aIm, cIm);
    const oddRe = f32x4.add(bRe, dRe);
    const oddIm = f32x4.add(bIm, dIm);
    // −i · (b − d)
    const crossRe = f32x4.sub(bIm, dIm);
    const crossIm = f32x4.sub(dRe, bRe);
    v128.store(y + re, f32x4.add(evenRe, oddRe));
    v128.store(y + im, f32x4.add(evenIm, oddIm));
    put(y + step, f32x4.add(gapRe, crossRe), f32x4.add(gapIm, crossIm), plain, c1, d1, re, im);
    put(y + 2 * step, f32x4.sub(evenRe, oddRe), f32x4.sub(evenIm, oddIm), plain, c2, d2, re, im);
    put(y + 3 * step, f32x4.sub(gapRe, crossRe), f32x4.sub(gapIm, crossIm), plain, c3, d3, re, im);
    a += aStep;
    y += yStep;
  }
}

/** c and s are the cosines and sines of 2π/5 and 4π/5. */
// @ts-ignore: decorator
@inline
function row5(a: usize, aStep: i32, leap: i32, y: usize, yStep: i32, step: i32, s: i32, plain: bool, w: usize, re: i32, im: i32): void {
  const one = f32x4.splat(1);
  const cos1 = f32x4.splat(<f32>0.30901699437494742410);
  const cos2 = f32x4.splat(<f32>-0.80901699437494742410);
  const sin1 = f32x4.splat(<f32>0.95105651629515357212);
  const sin2 = f32x4.splat(<f32>0.58778525229247312917);
  for (let q = 0; q < s; q++) {
    const aRe = v128.load(a + re);
    const aIm = v128.load(a + im);
    const bRe = v128.load(a + leap + re);
    const bIm = v128.load(a + leap + im);
    const cRe = v128.load(a + 2 * leap + re);
    const cIm = v128.load(a + 2 * leap + im);
    const dRe = v128.load(a + 3 * leap + re);
    const dIm = v128.load(a + 3 * leap + im);
    const eRe = v128.load(a + 4 * leap + re);
    const eIm = v128.load(a + 4 * leap + im);
    const outerRe = f32x4.add(bRe, eRe);
    const outerIm = f32x4.add(bIm, eIm);
    const innerRe = f32x4.add(cRe, dRe);
    const innerIm = f32x4.add(cIm, dIm);
    const farRe = f32x4.sub(bRe, eRe);
    const farIm = f32x4.sub(bIm, eIm);
    const nearRe = f32x4.sub(cRe, dRe);
    const nearIm = f32x4.sub(cIm, dIm);
    const midRe1 = f32x4.add(aRe, f32x4.add(f32x4.mul(cos1, outerRe), f32x4.mul(cos2, innerRe)));
    const midIm1 = f32x4.add(aIm, f32x4.add(f32x4.mul(cos1, outerIm), f32x4.mul(cos2, innerIm)));
    const midRe2 = f32x4.add(aRe, f32x4.add(f32x4.mul(cos2, outerRe), f32x4.mul(cos1, innerRe)));
    const midIm2 = f32x4.add(aIm, f32x4.add(f32x4.mul(cos2, outerIm), f32x4.mul(cos1, innerIm)));
    // −i · (sin1 · far + sin2 · near) and −i · (sin2 · far − sin1 · near)
    const crossRe1 = f32x4.add(f32x4.mul(sin1, farIm), f32x4.mul(sin2, nearIm));
    const crossIm1 = f32x4.neg(f32x4.add(f32x4.mul(sin1, farRe), f32x4.mul(sin2, nearRe)));
    const crossRe2 = f32x4.sub(f32x4.mul(sin2, farIm), f32x4.mul(sin1, nearIm));
    const crossIm2 = f32x4.sub(f32x4.mul(sin1, nearRe), f32x4.mul(sin2, farRe));
    const c1 = plain ? one : scaleOf(w);
    const d1 = plain ? one : scaleOf(w + 4);
    const c2 = plain ? one : scaleOf(w + 8);
    const d2 = plain ? one : scaleOf(w + 12);
    const c3 = plain ? one : scaleOf(w + 16);
    const d3 = plain ? one : scaleOf(w + 20);
    const c4 = plain ? one : scaleOf(w + 24);
    const d4 = plain ? one : scaleOf(w + 28);
    v128.store(y + re, f32x4.add(aRe, f32x4.add(outerRe, innerRe)));
    v128.store(y + im, f32x4.add(aIm, f32x4.add(outerIm, innerIm)));
    put(y + step, f32x4.add(midRe1, crossRe1), f32x4.add(midIm1, crossIm1), plain, c1, d1, re, im);
    put(y + 2 * step, f32x4.add(midRe2, crossRe2), f32x4.add(midIm2, crossIm2), plain, c2, d2, re, im);
    put(y + 3 * step, f32x4.sub(midRe2, crossRe2), f32x4.sub(midIm2, crossIm2), plain, c3, d3, re, im);
    put(y + 4 * step, f32x4.sub(midRe1, crossRe1), f32x4.sub(midIm1, crossIm1), plain, c4, d4, re, im);
    a += aStep;
    y += yStep;
  }
}

function stage2(source: usize, sourceStride: i32, target: usize, targetStride: i32, m: i32, s: i32, twiddles: usize, re: i32, im: i32): void {
  const leap = s * m * sourceStride;
  const step = s * targetStride;
  row2(source, sourceStride, leap, target, targetStride, step, s, true, 0, re, im);
  for (let p = 1; p < m; p++) {
    source += s * sourceStride;
    target += 2 * step;
    row2(source, sourceStride, leap, target, targetStride, step, s, false, twiddles, re, im);
    twiddles += 8;
  }
}

function stage3(source: usize, sourceStride: i32, target: usize, targetStride: i32, m: i32, s: i32, twiddles: usize, re: i32, im: i32): void {
  const leap = s * m * sourceStride;
  const step = s * targetStride;
  row3(source, sourceStride, leap, target, targetStride, step, s, true, 0, re, im);
  for (let p = 1; p < m; p++) {
    source += s * sourceStride;
    target += 3 * step;
    row3(source, sourceStride, leap, target, targetStride, step, s, false, twiddles, re, im);
    twiddles += 16;
  }
}

function stage4(source: usize, sourceStride: i32, target: usize, targetStride: i32, m: i32, s: i32, twiddles: usize, re: i32, im: i32): void {
  const leap = s * m * sourceStride;
  const step = s * targetStride;
  row4(source, sourceStride, leap, target, targetStride, step, s, true, 0, re, im);
  for (let p = 1; p < m; p++) {
    source += s * sourceStride;
    target += 4 * step;
    row4(source, sourceStride, leap, target, targetStride, step, s, false, twiddles, re, im);
    twiddles += 24;
  }
}

function stage5(source: usize, sourceStride: i32, target: usize, targetStride: i32, m: i32, s: i32, twiddles: usize, re: i32, im: i32): void {
  const leap = s * m * sourceStride;
  const step = s * targetStride;
  row5(source, sourceStride, leap, target, targetStride, step, s, true, 0, re, im);
  for (let p = 1; p < m; p++) {
    source += s * sourceStride;
    target += 5 * step;
    row5(source, sourceStride, leap, target, targetStride, step, s, false, twiddles, re, im);
    twiddles += 32;
  }
}

/**
 * Transforms one line of n points, `stride` bytes apart, in place. `plan` is a list of 32-bit words: n, the number of
 * stages (at least two), then for each stage its radix and the address of its twiddles. `scratch` holds two lines.
 */
function transformLine(line: usize, stride: i32, plan: usize, scratch: usize, re: i32, im: i32): void {
  let n = load<i32>(plan);
  const stages = load<i32>(plan, 4);
  const line0 = scratch;
  const line1 = scratch + n * POINT;
  let s = 1;
  let entry = plan + 8;
  for (let i = 0; i < stages; i++) {
    const radix = load<i32>(entry);
    const twiddles = <usize>load<u32>(entry, 4);
    const m = n / radix;
    const first = i == 0;
    const last = i == stages - 1;
    const source = first ? line : (i & 1 ? line0 : line1);
    const target = last ? line : (i & 1 ? line1 : line0);
    const sourceStride = first ? stride : POINT;
    const targetStride = last ? stride : POINT;
    if (radix == 3) stage3(source, sourceStride, target, targetStride, m, s, twiddles, re, im);
    else if (radix == 4) stage4(source, sourceStride, target, targetStride, m, s, twiddles, re, im);
    else if (radix == 2) stage2(source, sourceStride, target, targetStride, m, s, twiddles, re, im);
    else stage5(source, sourceStride, target, targetStride, m, s, twiddles, re, im);
    n = m;
    s *= radix;
    entry += 8;
  }
}

/** Transforms a complex plane in place, without normalisation; `inverse` is 0 or 1. */
export function transformPlane(plane: usize, rowPlan: usize, columnPlan: usize, scratch: usize, inverse: i32): void {
  const columns = load<i32>(rowPlan);
  const rows = load<i32>(columnPlan);
  const re = inverse ? 16 : 0;
  const im = 16 - re;
  for (let r = 0; r < rows; r++) transformLine(plane + r * columns * POINT, POINT, rowPlan, scratch, re, im);
  for (let c = 0; c < columns; c++) transformLine(plane + c * POINT, columns * POINT, columnPlan, scratch, re, im);
}

/** target = source · filter on a plane of `count` points. */
export function multiply(source: usize, filter: usize, target: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const f = scaleOf(filter);
    v128.store(target, f32x4.mul(v128.load(source), f));
    v128.store(target, f32x4.mul(v128.load(source, 16), f), 16);
    source += POINT;
    target += POINT;
    filter += 4;
  }
}

/**
 * target = source · filter, folded onto half the rows and columns: what taking every second point is in the Fourier
 * domain, up to the factor 1/4, which the filter holds. `rows` and `columns` are those of the source, and even.
 */
export function multiplyFold(source: usize, filter: usize, target: usize, rows: i32, columns: i32): void {
  const halfColumns = columns >> 1;
  const halfRows = rows >> 1;
  const right = halfColumns * POINT;
  const down = halfRows * columns * POINT;
  const filterRight = halfColumns * 4;
  const filterDown = halfRows * columns * 4;
  for (let r = 0; r < halfRows; r++) {
    let at = source + r * columns * POINT;
    let by = filter + r * columns * 4;
    for (let c = 0; c < halfColumns; c++) {
      const f0 = scaleOf(by);
      const f1 = scaleOf(by + filterRight);
      const f2 = scaleOf(by + filterDown);
      const f3 = scaleOf(by + filterDown + filterRight);
      const upper = f32x4.add(f32x4.mul(v128.load(at), f0), f32x4.mul(v128.load(at + right), f1));
      const lower = f32x4.add(f32x4.mul(v128.load(at + down), f2), f32x4.mul(v128.load(at + down + right), f3));
      v128.store(target, f32x4.add(upper, lower));
      const upperIm = f32x4.add(f32x4.mul(v128.load(at, 16), f0), f32x4.mul(v128.load(at + right, 16), f1));
      const lowerIm = f32x4.add(f32x4.mul(v128.load(at + down, 16), f2), f32x4.mul(v128.load(at + down + right, 16), f3));
      v128.store(target, f32x4.add(upperIm, lowerIm), 16);
      target += POINT;
      at += POINT;
      by += 4;
    }
  }
}

/** Writes |source| of `count` complex points to vectors `targetStep` bytes apart. */
export function modulus(source: usize, target: usize, targetStep: i32, count: i32): void {
  for (let i = 0; i < count; i++) {
    const x = v128.load(source);
    const y = v128.load(source, 16);
    v128.store(target, f32x4.sqrt(f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y))));
    source += POINT;
    target += targetStep;
  }
}

/**
 * Parts the transform of x + iy, for real planes x and y, into those of x (in `first`) and y (in `second`):
 * X[k] = (Z[k] + conj Z[−k]) / 2 and Y[k] = (Z[k] − conj Z[−k]) / 2i.
 */
export function part(source: usize, first: usize, second: usize, rows: i32, columns: i32): void {
  const half = f32x4.splat(0.5);
  for (let r = 0; r < rows; r++) {
    const mirrorRow = source + (r == 0 ? 0 : rows - r) * columns * POINT;
    for (let c = 0; c < columns; c++) {
      const mirror = mirrorRow + (c == 0 ? 0 : columns - c) * POINT;
      const zRe = v128.load(source + (r * columns + c) * POINT);
      const zIm = v128.load(source + (r * columns + c) * POINT, 16);
      const wRe = v128.load(mirror);
      const wIm = v128.load(mirror, 16);
      v128.store(first, f32x4.mul(half, f32x4.add(zRe, wRe)));
      v128.store(first, f32x4.mul(half, f32x4.sub(zIm, wIm)), 16);
      v128.store(second, f32x4.mul(half, f32x4.add(zIm, wIm)));
      v128.store(second, f32x4.mul(half, f32x4.sub(wRe, zRe)), 16);
      first += POINT;
      second += POINT;
    }
  }
}

/**
 * out = down · plane · acrossᵀ: the low-pass filter and its subsampling as two small matrices. The points of the plane
 * are `step` bytes apart; `down` is outRows × rows, `across` outColumns × columns, both of floats; `scratch` holds
 * outRows × columns vectors. outRows and outColumns are at least four.
 */
export function lowpass(
  plane: usize,
  step: i32,
  rows: i32,
  columns: i32,
  down: usize,
  outRows: i32,
  across: usize,
  outColumns: i32,
  scratch: usize,
  out: usize,
): void {
  // Blocks of four rows; the last one overlaps when the count is no multiple of four.
  for (let block = 0; block < outRows; block += 4) {
    const i = min(block, outRows - 4);
    const matrix = down + i * rows * 4;
    for (let c = 0; c < columns; c++) {
      let at = plane + c * step;
      let by = matrix;
      let a0 = f32x4.splat(0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      for (let r = 0; r < rows; r++) {
        const x = v128.load(at);
        a0 = f32x4.add(a0, f32x4.mul(x, scaleOf(by)));
        a1 = f32x4.add(a1, f32x4.mul(x, scaleOf(by + rows * 4)));
        a2 = f32x4.add(a2, f32x4.mul(x, scaleOf(by + rows * 8)));
        a3 = f32x4.add(a3, f32x4.mul(x, scaleOf(by + rows * 12)));
        at += columns * step;
        by += 4;
      }
      const target = scratch + (i * columns + c) * 16;
      v128.store(target, a0);
      v128.store(target + columns * 16, a1);
      v128.store(target + columns * 32, a2);
      v128.store(target + columns * 48, a3);
    }
  }
  for (let i = 0; i < outRows; i++) {
    const line = scratch + i * columns * 16;
    for (let block = 0; block < outColumns; block += 4) {
      const j = min(block, outColumns - 4);
      let by = across + j * columns * 4;
      let at = line;
      let a0 = f32x4.splat(0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      for (let c = 0; c < columns; c++) {
        const x = v128.load(at);
        a0 = f32x4.add(a0, f32x4.mul(x, scaleOf(by)));
        a1 = f32x4.add(a1, f32x4.mul(x, scaleOf(by + columns * 4)));
        a2 = f32x4.add(a2, f32x4.mul(x, scaleOf(by + columns * 8)));
        a3 = f32x4.add(a3, f32x4.mul(x, scaleOf(by + columns * 12)));
        at += 16;
        by += 4;
      }
      const target = out + (i * outColumns + j) * 16;
      v128.store(target, a0);
      v128.store(target, a1, 16);
      v128.store(target, a2, 32);
      v128.store(target, a3, 48);
    }
  }
}

/** Brings `count` vectors to mean 0 and variance 1 in each lane: (x − mean) / √(variance + epsilon). */
export function standardize(values: usize, count: i32, epsilon: f32): void {
  let sum = f32x4.splat(0);
  for (let i = 0; i < count; i++) sum = f32x4.add(sum, v128.load(values + i * 16));
  const inverseCount = f32x4.splat(<f32>1 / <f32>count);
  const mean = f32x4.mul(sum, inverseCount);
  let squares = f32x4.splat(0);
  for (let i = 0; i < count; i++) {
    const x = f32x4.sub(v128.load(values + i * 16), mean);
    squares = f32x4.add(squares, f32x4.mul(x, x));
  }
  const spread = f32x4.sqrt(f32x4.add(f32x4.mul(squares, inverseCount), f32x4.splat(epsilon)));
  for (let i = 0; i < count; i++) {
    v128.store(values + i * 16, f32x4.div(f32x4.sub(v128.load(values + i * 16), mean), spread));
  }
}
