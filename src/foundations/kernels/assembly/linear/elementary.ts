// Elementary functions on four floats, by the polynomials of the Cephes library [MOS92] (expf, tanhf, erff): plain simd128 in a
// fixed order, so that every machine computes the same bits. NaN stays NaN.

/** e^x, relative error below 2e-7; x is clamped to [-87.3, 88.3], where the result is a normal number. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(88.3762626647949)), f32x4.splat(-87.3365447505)) as v128;
  const n = f32x4.floor(f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(0.5)));
  x = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  x = f32x4.sub(x, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let y = f32x4.splat(1.9875691500e-4);
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(1.3981999507e-3));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(8.3334519073e-3));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(4.1665795894e-2));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(1.6666665459e-1));
  y = f32x4.add(f32x4.mul(y, x), f32x4.splat(5.0000001201e-1));
  y = f32x4.add(f32x4.mul(y, f32x4.mul(x, x)), f32x4.add(x, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(y, power);
}

/** tanh x. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const e = exp4(f32x4.add(size, size));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(e, f32x4.splat(1))));
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)));
  const z = f32x4.mul(x, x);
  let y = f32x4.splat(-5.70498872745e-3);
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(2.06390887954e-2));
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(-5.37397155531e-2));
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(1.33314422036e-1));
  y = f32x4.add(f32x4.mul(y, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(x, f32x4.mul(x, f32x4.mul(z, y)));
  return v128.bitselect(near, signed, f32x4.lt(size, f32x4.splat(0.625)));
}

/** 1 / (1 + e^-x). */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

/** The normal cdf, Φ(x) = erfc(-x/√2) / 2, by the rational Chebyshev fit of erfc [PTVF92] §6.2 (relative error 1.2e-7). */
// @ts-ignore: decorator
@inline
export function normalCdf4(x: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678118654752));
  const t = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(0.5), z)));
  let y = f32x4.splat(0.17087277);
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(-0.82215223));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1.48851587));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(-1.13520398));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(0.27886807));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(-0.18628806));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(0.09678418));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(0.37409196));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1.00002368));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(-1.26551223));
  const half = f32x4.mul(f32x4.mul(f32x4.splat(0.5), t), exp4(f32x4.sub(y, f32x4.mul(z, z))));
  return v128.bitselect(half, f32x4.sub(f32x4.splat(1), half), f32x4.lt(x, f32x4.splat(0)));
}
