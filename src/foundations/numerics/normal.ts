/**
 * The error function's complement and the normal distribution, accurate to a few ulp in both tails and as logarithms
 * where the values themselves underflow.
 *
 * @module
 */

const INVERSE_SQRT_PI = 0.5641895835477563;

// Rational Chebyshev approximations of [Cody69] on three intervals, coefficients of his CALERF.
const SMALL_NUMERATOR = [3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694];
const SMALL_LEAD_NUMERATOR = 0.18577770618460315;
const SMALL_DENOMINATOR = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171];
const MIDDLE_NUMERATOR = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707,
  2051.0783778260716, 1230.3393547979972,
];
const MIDDLE_LEAD_NUMERATOR = 2.1531153547440383e-8;
const MIDDLE_DENOMINATOR = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247,
  3439.3676741437216, 1230.3393548037495,
];
const LARGE_NUMERATOR = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
];
const LARGE_LEAD_NUMERATOR = 0.016315387137302097;
const LARGE_DENOMINATOR = [
  2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
];

function ratio(x: number, lead: number, numerator: readonly number[], denominator: readonly number[]): number {
  const last = numerator.length - 1;
  let top = lead * x;
  let bottom = x;
  for (let i = 0; i < last; i += 1) {
    top = (top + (numerator[i] as number)) * x;
    bottom = (bottom + (denominator[i] as number)) * x;
  }
  return (top + (numerator[last] as number)) / (bottom + (denominator[last] as number));
}

/** exp(−x²) with the square split, so that its rounding error does not grow with x. */
function expMinusSquare(x: number): number {
  const head = Math.trunc(x * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head));
}

/** erf for |x| ≤ 0.46875. */
function erfSmall(x: number): number {
  return x * ratio(x * x, SMALL_LEAD_NUMERATOR, SMALL_NUMERATOR, SMALL_DENOMINATOR);
}

/** Returns the scaled complement exp(x²)·erfc(x) for x ≥ 0: no underflow at any x. */
export function erfcx(x: number): number {
  if (!(x >= 0)) throw new RangeError(`"x" must be ≥ 0, got ${x}`);
  if (x <= 0.46875) return Math.exp(x * x) * (1 - erfSmall(x));
  if (x <= 4) return ratio(x, MIDDLE_LEAD_NUMERATOR, MIDDLE_NUMERATOR, MIDDLE_DENOMINATOR);
  if (x > 1e8) return INVERSE_SQRT_PI / x;
  const y = 1 / (x * x);
  const tail = y * ratio(y, LARGE_LEAD_NUMERATOR, LARGE_NUMERATOR, LARGE_DENOMINATOR);
  return (INVERSE_SQRT_PI - tail) / x;
}

/** Returns the complementary error function 1 − erf(x). */
export function erfc(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return 1 - erfSmall(x);
  const tail = y > 27 ? 0 : expMinusSquare(y) * erfcx(y);
  return x > 0 ? tail : 2 - tail;
}

/** Returns log erfc(x), finite for every finite x. */
export function logErfc(x: number): number {
  if (x > 0.46875) return Math.log(erfcx(x)) - x * x;
  return x >= -0.46875 ? Math.log1p(-erfSmall(x)) : Math.log(erfc(x));
}

const SQRT_HALF = Math.SQRT1_2;

/** Returns the probability that a standard normal variable is below `x`. */
export function normalCdf(x: number): number {
  return erfc(-x * SQRT_HALF) / 2;
}

/** Returns the logarithm of {@link normalCdf}, finite for every finite x. */
export function logNormalCdf(x: number): number {
  // log(1 − tiny) for large x keeps its relative accuracy.
  return x > 1 ? Math.log1p(-erfc(x * SQRT_HALF) / 2) : logErfc(-x * SQRT_HALF) - Math.LN2;
}

/**
 * Returns the x with normalCdf(x) = exp(logP), by Newton steps on the logarithm: good to a few ulp for any logP < 0.
 * @throws {RangeError} when `logP` is not negative.
 */
export function normalQuantileFromLog(logP: number): number {
  if (!(logP < 0)) throw new RangeError(`"logP" must be < 0, got ${logP}`);
  if (logP === -Infinity) return -Infinity;
  if (logP > -Math.LN2) {
    const upper = Math.log(-Math.expm1(logP));
    return -normalQuantileFromLog(upper);
  }
  // The tail's leading order starts the iteration; the logarithm of the cdf is concave, so Newton does not leave it.
  let x = logP > -3 ? logP + Math.LN2 : -Math.sqrt(-2 * (logP + 0.5 * Math.log(-4 * Math.PI * logP)));
  for (let step = 0; step < 60; step += 1) {
    const log = logNormalCdf(x);
    const slope = Math.exp(-x * x * 0.5 - 0.9189385332046728 - log);
    const move = (log - logP) / slope;
    x -= move;
    if (Math.abs(move) <= 4e-16 * Math.abs(x)) break;
  }
  return x;
}

/** Returns the x below which a standard normal variable falls with probability `p` in (0, 1). */
export function normalQuantile(p: number): number {
  return p > 0.5 ? -normalQuantileFromLog(Math.log1p(-p)) : normalQuantileFromLog(Math.log(p));
}
