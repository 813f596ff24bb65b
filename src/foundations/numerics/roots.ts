/**
 * Roots of functions of one variable, bracketed from both sides so that a caller can take the safe end.
 *
 * @module
 */

/** The ends between which a monotone function crosses its target. */
export interface Bracket {
  readonly low: number;
  readonly high: number;
}

/**
 * Narrows a bracket with f(low) ≤ 0 < f(high) (or the reverse) until it is no wider than `tolerance`, or two
 * neighbouring doubles. Bisection guarded by the Illinois form of regula falsi, so smooth functions take few calls.
 * @returns the bracket; the signs at its ends are those at the ends given.
 * @throws {RangeError} when the ends do not have opposite signs.
 */
export function narrowBracket(
  f: (x: number) => number,
  { low, high }: Bracket,
  { tolerance = 0, maxSteps = 200 }: { readonly tolerance?: number; readonly maxSteps?: number } = {},
): Bracket {
  let a = low;
  let b = high;
  let fa = f(a);
  let fb = f(b);
  const risesAtLow = fa <= 0;
  if (Number.isNaN(fa) || Number.isNaN(fb) || risesAtLow === fb <= 0) {
    throw new RangeError(`"f" must change its sign between ${low} and ${high}, got ${fa} and ${fb}`);
  }
  let lastSide = 0;
  for (let step = 0; step < maxSteps && Math.abs(b - a) > tolerance; step += 1) {
    const middle = a + (b - a) / 2;
    let x = middle;
    if (step % 3 !== 2 && Number.isFinite(fa) && Number.isFinite(fb) && fa !== fb) {
      x = a - (fa * (b - a)) / (fb - fa);
      // Step a little over the estimate, so that both ends close in.
      const nudge = Math.max(Math.abs(b - a) * 1e-3, tolerance / 2);
      x += lastSide > 0 ? -nudge : lastSide < 0 ? nudge : 0;
      if (!(x > Math.min(a, b) && x < Math.max(a, b))) x = middle;
    }
    if (x === a || x === b) break;
    const fx = f(x);
    if (Number.isNaN(fx)) throw new RangeError(`"f" must be a number, got NaN at ${x}`);
    if (fx <= 0 === risesAtLow) {
      a = x;
      fa = fx;
      if (lastSide < 0) fb /= 2;
      lastSide = -1;
    } else {
      b = x;
      fb = fx;
      if (lastSide > 0) fa /= 2;
      lastSide = 1;
    }
  }
  return { low: a, high: b };
}

/**
 * Finds the smallest integer in [low, high] at which `holds` is true, for a predicate that stays true once it is.
 * @returns `high + 1` when it is true nowhere.
 */
export function findFirstInteger(holds: (n: number) => boolean, { low, high }: Bracket): number {
  let left = low;
  let right = high + 1;
  while (left < right) {
    const middle = left + Math.floor((right - left) / 2);
    if (holds(middle)) right = middle;
    else left = middle + 1;
  }
  return left;
}
