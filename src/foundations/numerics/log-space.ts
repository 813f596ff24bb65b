/**
 * Sums and differences of numbers that are known by their logarithms, without overflow and without losing the small
 * ones. The logarithm of zero is −∞ throughout.
 *
 * @module
 */

/** Returns log(exp(x) + exp(y)). */
export function logAddExp(x: number, y: number): number {
  if (x === -Infinity) return y;
  if (y === -Infinity) return x;
  if (x === Infinity || y === Infinity) return Infinity;
  return x > y ? x + Math.log1p(Math.exp(y - x)) : y + Math.log1p(Math.exp(x - y));
}

/**
 * Returns log(exp(x) − exp(y)).
 * @throws {RangeError} when `y` exceeds `x`: the difference has no logarithm.
 */
export function logSubExp(x: number, y: number): number {
  if (y === -Infinity) return x;
  if (!(y <= x)) throw new RangeError(`"y" must not exceed "x" = ${x}, got ${y}`);
  if (x === y) return -Infinity;
  return x + log1mExp(y - x);
}

/** Returns log(1 − exp(x)) for x ≤ 0. */
export function log1mExp(x: number): number {
  // The branch point log 2 keeps both forms exact to an ulp.
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** Returns log(1 + exp(x)). */
export function log1pExp(x: number): number {
  if (x > 36) return x + Math.exp(-x);
  return Math.log1p(Math.exp(x));
}

/** Returns log(exp(x) − 1) for x ≥ 0; −∞ at 0. */
export function logExpm1(x: number): number {
  return x > 36 ? x + Math.log1p(-Math.exp(-x)) : Math.log(Math.expm1(x));
}

/** Returns log Σ exp(values[i]), or −∞ for no values. */
export function logSumExp(values: ArrayLike<number>): number {
  let max = -Infinity;
  for (let i = 0; i < values.length; i += 1) max = Math.max(max, values[i] as number);
  if (max === -Infinity || max === Infinity) return max;
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += Math.exp((values[i] as number) - max);
  return max + Math.log(sum);
}
