// Squared norms in float64: sums of squares of float32 values have a relative error below count · 2^-53.

/** An example whose activations are larger than this (squared) counts as not finite: `clipping.ts` of the models room. */
const ACTIVATION_LIMIT: f64 = 1.2089258196146292e24;

/** Σ x². */
export function sumSquares(x: usize, count: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const v = v128.load(x);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0));
    s0 = f64x2.add(s0, f64x2.mul(low, low));
    s1 = f64x2.add(s1, f64x2.mul(high, high));
    x += 16;
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
