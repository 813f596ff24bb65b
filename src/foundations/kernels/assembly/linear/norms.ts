// Squared norms, with a relative error below 2^-21: float32 products and sums of four (γ_3 < 2^-22), float64 beyond. Where
// products may have underflowed, they are taken again in float64, which holds the square of every float32.

/** An example whose activations are larger than this (squared) counts as not finite: `clipping.ts` of the models room. */
const ACTIVATION_LIMIT: f64 = 1.2089258196146292e24;

/** 2^-80. Sums no smaller lose less than 2^30 · 2^-150 = 2^-120 of them, 2^-40 relative, to products that underflow. */
const SMALL: f64 = 8.271806125530277e-25;

/** Σ x². */
export function sumSquares(x: usize, count: i32): f64 {
  const total = sumSquaresFast(x, count);
  return total < SMALL ? sumSquaresExact(x, count) : total;
}

function sumSquaresExact(x: usize, count: i32): f64 {
  let total: f64 = 0;
  for (let i = 0; i < count; i++) {
    const v = <f64>load<f32>(x);
    total += v * v;
    x += 4;
  }
  return total;
}

/** Sixteen products at a time in float32 (three roundings each), their sums in float64. */
// @ts-ignore: decorator
@inline
function sumSquaresFast(x: usize, count: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const a = v128.load(x);
    const b = v128.load(x, 16);
    const c = v128.load(x, 32);
    const d = v128.load(x, 48);
    const v = f32x4.add(
      f32x4.add(f32x4.mul(a, a), f32x4.mul(b, b)),
      f32x4.add(f32x4.mul(c, c), f32x4.mul(d, d)),
    );
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(v));
    s1 = f64x2.add(s1, f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0)));
    x += 64;
  }
  s0 = f64x2.add(s0, s1);
  let total = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; i < count; i++) {
    const v = <f64>load<f32>(x);
    total += v * v;
    x += 4;
  }
  return total;
}

/**
 * The squared norm of a dense layer's gradient, row by row, without forming it: ‖δ aᵀ‖² = ‖δ‖²‖a‖² for the weights and
 * ‖δ‖² for the bias, each added to float64 numbers (8 bytes a row). `bias` 0: the layer has none.
 */
export function denseGhostNorms(
  a: usize,
  aWidth: i32,
  d: usize,
  dWidth: i32,
  rows: i32,
  weights: usize,
  bias: usize,
): void {
  for (let r = 0; r < rows; r++) {
    const aa = sumSquares(a, aWidth);
    const dd = sumSquares(d, dWidth);
    const product = aa <= ACTIVATION_LIMIT ? aa * dd : NaN;
    store<f64>(weights, load<f64>(weights) + product);
    if (bias != 0) {
      store<f64>(bias, load<f64>(bias) + dd);
      bias += 8;
    }
    weights += 8;
    a += (<usize>aWidth) << 2;
    d += (<usize>dWidth) << 2;
  }
}

/** Whether all of `count` float64 numbers are finite. */
export function allFinite(x: usize, count: i32): bool {
  let probe = f64x2.splat(0);
  const zero = probe;
  let i = 0;
  for (; i + 2 <= count; i += 2) {
    // 0 · x is NaN when x is not finite, and NaN stays.
    probe = f64x2.add(probe, f64x2.mul(v128.load(x), zero));
    x += 16;
  }
  let last = f64x2.extract_lane(probe, 0) + f64x2.extract_lane(probe, 1);
  if (i < count) last += 0 * load<f64>(x);
  return last == 0;
}
