/**
 * tanh on shares: a piecewise linear function through points of tanh, written as a sum of ReLUs, all computed at once.
 *
 * @module
 */

import type { MpcContext } from './context.ts';
import { reluShares, truncateShares } from './signs.ts';

/** Where the slope changes: denser where tanh bends; beyond ±4 it is constant (error 0.0007). */
const KNOTS: readonly number[] = (() => {
  const positive = [0, 0.18, 0.34, 0.5, 0.66, 0.82, 0.98, 1.16, 1.36, 1.58, 1.84, 2.16, 2.6, 3.2, 4];
  return [
    ...positive
      .slice(1)
      .map((x) => -x)
      .reverse(),
    ...positive,
  ];
})();

/** The piecewise linear function in the clear. */
export function approximateTanh(x: number): number {
  const slopes = slopeChanges();
  return KNOTS.reduce(
    (sum, knot, i) => sum + (slopes[i] as number) * Math.max(0, x - knot),
    Math.tanh(KNOTS[0] as number),
  );
}

/** How much the slope changes at every knot. */
function slopeChanges(): readonly number[] {
  const slopes = KNOTS.slice(1).map((knot, i) => {
    const before = KNOTS[i] as number;
    return (Math.tanh(knot) - Math.tanh(before)) / (knot - before);
  });
  return KNOTS.map((_, i) => (slopes[i] ?? 0) - (slopes[i - 1] ?? 0));
}

/** Evaluates {@link approximateTanh} on fixed-point shares. */
export async function tanhShares(context: MpcContext, x: BigUint64Array): Promise<BigUint64Array> {
  const { fractionBits, party } = context;
  const scale = 2 ** fractionBits;
  const fixed = (value: number) => BigInt(Math.round(value * scale));
  const shifted = new BigUint64Array(x.length * KNOTS.length);
  KNOTS.forEach((knot, k) => {
    const offset = party === 0 ? fixed(knot) : 0n;
    for (let i = 0; i < x.length; i += 1) shifted[k * x.length + i] = BigInt.asUintN(64, (x[i] as bigint) - offset);
  });
  const rectified = await reluShares(context, shifted, 0);
  const out = new BigUint64Array(x.length);
  slopeChanges().forEach((change, k) => {
    const factor = fixed(change);
    for (let i = 0; i < x.length; i += 1)
      out[i] = BigInt.asUintN(64, (out[i] as bigint) + (rectified[k * x.length + i] as bigint) * factor);
  });
  const start = party === 0 ? fixed(Math.tanh(KNOTS[0] as number)) : 0n;
  const small = await truncateShares(context, out, fractionBits);
  return small.map((word) => BigInt.asUintN(64, word + start));
}
