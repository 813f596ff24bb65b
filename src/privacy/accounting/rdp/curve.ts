/**
 * A Rényi curve at fixed orders, and how curves add up.
 *
 * @module
 */

import type { NeighboringRelation } from '../events/event.ts';

/** What one event contributes: its divergences, its pure epsilon (∞: none), and −log(1 − delta) of outright failure. */
export interface EventCurve {
  readonly rdp: Float64Array;
  readonly pureEpsilon: number;
  readonly failure: number;
}

/** The orders and the relation a curve is asked for. */
export interface CurveRequest {
  readonly orders: readonly number[];
  readonly relation: NeighboringRelation;
}

/** Makes a curve from a function of the order; a pure guarantee bounds every order. */
export function createCurve(
  orders: readonly number[],
  rdp: (order: number) => number,
  pureEpsilon = Infinity,
): EventCurve {
  return { rdp: Float64Array.from(orders, (order) => Math.min(rdp(order), pureEpsilon)), pureEpsilon, failure: 0 };
}

/** Adds curves with multiplicities. Zero times an infinite curve is zero: the mechanism was not run. */
export function sumCurves(parts: readonly (readonly [EventCurve, number])[], length: number): EventCurve {
  const rdp = new Float64Array(length);
  let pureEpsilon = 0;
  let failure = 0;
  for (const [part, count] of parts) {
    if (count === 0) continue;
    for (let i = 0; i < length; i += 1) rdp[i] = (rdp[i] as number) + count * (part.rdp[i] as number);
    pureEpsilon += count * part.pureEpsilon;
    failure += count * part.failure;
  }
  return { rdp, pureEpsilon, failure };
}
