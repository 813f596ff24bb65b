/**
 * A single application of one event: its hockey stick is an integral, and needs no grid.
 *
 * @module
 */

import { narrowBracket } from '../../../foundations/numerics/index.ts';
import type { Interval } from '../accountant.ts';
import { cutPiece } from './cut.ts';
import type { DominatingPair } from './pair.ts';
import { integrateTilted, type TiltedIntegral } from './panels.ts';

/** Relative error allowed for: quadrature and sums err by much less. */
const ERROR = 1e-11;
/** Mass left out beyond the last panel. */
const BEYOND = 1e-300;

/** Computes ∫(p − e^ε·q)₊ of a pair. */
export function computeHockeyStick(pair: DominatingPair, epsilon: number): number {
  if (pair.hockeyStick !== undefined) return pair.hockeyStick(epsilon);
  const factor = Math.exp(epsilon);
  let sum = 0;
  for (const { p, q } of pair.atoms) if (p > factor * q) sum += p - factor * q;
  for (const piece of pair.pieces) {
    const { from, to } = cutPiece(piece, BEYOND);
    const start = Math.max(from, Math.min(to, piece.zAt(epsilon)));
    const part: TiltedIntegral = { p: 0, tilted: 0 };
    integrateTilted(piece, { from: start, to, factor }, part);
    sum += Math.max(0, part.tilted);
  }
  return Math.min(1, sum);
}

/** Bounds delta of one application, the larger of both directions. */
export function boundSingleDelta(directions: readonly DominatingPair[], epsilon: number): Interval {
  const value = Math.max(...directions.map((pair) => computeHockeyStick(pair, epsilon)));
  return { lower: Math.max(0, value * (1 - ERROR) - BEYOND), upper: Math.min(1, value * (1 + ERROR) + 4 * BEYOND) };
}

/** Bounds epsilon of one application; `cap` is its pure guarantee. */
export function boundSingleEpsilon(directions: readonly DominatingPair[], delta: number, cap: number): Interval {
  const excess = (epsilon: number): number =>
    Math.log(Math.max(...directions.map((pair) => computeHockeyStick(pair, epsilon)), BEYOND)) - Math.log(delta);
  if (excess(0) <= 0) return { lower: 0, upper: 0 };
  let high = Math.min(cap, 1);
  while (excess(high) > 0) {
    if (high >= Math.min(cap, 1e5)) return { lower: cap < Infinity ? cap * (1 - ERROR) : high, upper: cap };
    high = Math.min(cap, 2 * high);
  }
  const bracket = narrowBracket(excess, { low: 0, high }, { tolerance: high * 1e-13 });
  // An error of the logarithm moves epsilon by that over the curve's slope, which is at least one.
  return { lower: Math.max(0, bracket.low - 2 * ERROR), upper: bracket.high + 2 * ERROR };
}
