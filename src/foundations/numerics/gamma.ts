/**
 * The logarithm of the gamma function and what counts with it: factorials, binomial coefficients and probabilities.
 *
 * @module
 */

const HALF_LOG_TWO_PI = 0.9189385332046728;

/** From here on the Stirling series below is exact to less than an ulp. */
const STIRLING_FROM = 16;

/** Σ B_2k / (2k (2k−1) x^(2k−1)), k = 1…7. */
function stirlingTail(x: number): number {
  const y = 1 / (x * x);
  return (
    (1 / 12 + y * (-1 / 360 + y * (1 / 1260 + y * (-1 / 1680 + y * (1 / 1188 + y * (-691 / 360_360 + y / 156)))))) / x
  );
}

/**
 * Returns log Γ(x) with an absolute error of a few ulp of max(1, |log Γ(x)|).
 * @param x - a number > 0.
 * @throws {RangeError} when `x` is not positive.
 */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`"x" must be > 0, got ${x}`);
  if (x === Infinity) return Infinity;
  let product = 1;
  let shifted = x;
  while (shifted < STIRLING_FROM) {
    product *= shifted;
    shifted += 1;
  }
  const value = (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingTail(shifted);
  return product === 1 ? value : value - Math.log(product);
}

const factorials: number[] = [0, 0];

/** Returns log n! for an integer n ≥ 0. */
export function logFactorial(n: number): number {
  if (n >= 1024) return logGamma(n + 1);
  for (let k = factorials.length; k <= n; k += 1) {
    factorials.push(k < 171 ? Math.log(exactFactorial(k)) : logGamma(k + 1));
  }
  return factorials[n] as number;
}

function exactFactorial(n: number): number {
  let product = 1;
  for (let k = 2; k <= n; k += 1) product *= k;
  return product;
}

/** Returns log of the binomial coefficient for integers 0 ≤ k ≤ n, −∞ outside. */
export function logBinomial(n: number, k: number): number {
  if (k < 0 || k > n) return -Infinity;
  if (k === 0 || k === n) return 0;
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}
