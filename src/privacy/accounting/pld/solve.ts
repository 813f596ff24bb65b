/**
 * Answers from composed privacy losses: the grid is refined until the bounds on both sides are as close as asked for.
 *
 * @module
 */

import type { Interval } from '../accountant.ts';
import { computeGaussianDelta, computeGaussianEpsilon } from '../analytic-gaussian.ts';
import { boundDelta, boundEpsilon, composeLosses, GridTooFine, type Side } from './compose.ts';
import { connectDots } from './connect-dots.ts';
import { createGaussianPair } from './continuous-pairs.ts';
import type { LossModel } from './loss-model.ts';
import { mergeCells } from './merge-cells.ts';
import { findTiltForDelta, findTiltForEpsilon, type Part } from './moments.ts';
import { boundSingleDelta, boundSingleEpsilon } from './single-draw.ts';
import { type Discretization, type DominatingPair, lossAt } from './pair.ts';
import { cutPiece } from './cut.ts';

/** An event's loss model and how often it was applied. */
export interface Charge {
  readonly model: LossModel;
  readonly count: number;
}

/** A pair, how often it is drawn, and whether it is attained. */
interface Entry {
  readonly pair: DominatingPair;
  readonly count: number;
  readonly tight: boolean;
}

/** The pairs of one direction, Gaussians taken together, and what is said about all of them. */
interface Composition {
  readonly directions: readonly (readonly Entry[])[];
  readonly mu: number;
  readonly tightMu: number;
  readonly slack: number;
  readonly pureEpsilon: number;
  readonly draws: number;
  /** The directions of the one application there is, when there is only one. */
  readonly single: readonly DominatingPair[] | undefined;
  /** Whether everything in it is attained. */
  readonly tight: boolean;
}

function gather(charges: readonly Charge[]): Composition {
  const square = (tightOnly: boolean): number =>
    charges.reduce((sum, { model: { mu = 0, tight }, count }) => sum + (tightOnly && !tight ? 0 : count * mu * mu), 0);
  const paired = charges.filter(({ model }) => model.directions !== undefined);
  const pairsOf = (direction: 0 | 1): Composition['directions'][number] =>
    paired.map(({ model, count }) => ({
      pair: (model.directions as readonly [DominatingPair, DominatingPair])[direction],
      count,
      tight: model.tight,
    }));
  const draws = paired.reduce((sum, { count }) => sum + count, 0);
  const oneWay = paired.every(({ model }) => model.directions?.[0] === model.directions?.[1]);
  return {
    directions: oneWay ? [pairsOf(0)] : [pairsOf(0), pairsOf(1)],
    mu: Math.sqrt(square(false)),
    tightMu: Math.sqrt(square(true)),
    slack: charges.reduce((sum, { model, count }) => sum + count * model.slack, 0),
    pureEpsilon: charges.reduce((sum, { model, count }) => sum + count * model.pureEpsilon, 0),
    draws: draws + 1,
    single: draws === 1 && square(false) === 0 ? paired[0]?.model.directions : undefined,
    tight: charges.every(({ model }) => model.tight),
  };
}

/** A small outward step for closed forms: a few rounding errors. */
const OUTWARD = 1e-13;

/** An interval and the grid's width it was found on (undefined: no grid was needed). */
export interface SolvedEpsilon extends Interval {
  readonly step?: number;
}

/**
 * Bounds epsilon at a delta; the interval is at most `tolerance` wide (that share of epsilon, when epsilon < 1). With a
 * `step` given only the upper bound is computed, on that grid.
 */
export function solveEpsilon(
  charges: readonly Charge[],
  delta: number,
  { tolerance, step }: { readonly tolerance: number; readonly step?: number | undefined },
): SolvedEpsilon {
  const whole = gather(charges);
  if (delta >= 1) return { lower: 0, upper: 0 };
  const cap = whole.pureEpsilon;
  // The factor e^{±slack} of lattice stand-ins: see lattice-gaussian.ts.
  const charged = delta * Math.exp(-whole.slack);
  const finish = ({ lower, upper, ...rest }: SolvedEpsilon): SolvedEpsilon => ({
    ...rest,
    lower: Math.min(lower, cap),
    upper: Math.min(cap, upper === 0 ? 0 : upper + 2 * whole.slack),
  });
  if (whole.mu === Infinity) return { lower: Infinity, upper: Infinity };
  if (delta === 0) return { lower: 0, upper: whole.mu > 0 ? Infinity : cap };
  if (whole.directions[0]?.length === 0) {
    return finish({
      lower: computeGaussianEpsilon(whole.tightMu, delta) * (1 - OUTWARD),
      upper: computeGaussianEpsilon(whole.mu, charged) * (1 + OUTWARD),
    });
  }
  if (whole.single !== undefined) {
    const { lower, upper } = boundSingleEpsilon(whole.single, charged, cap);
    return finish({ lower: whole.tight ? lower : 0, upper });
  }
  // A millionth of the width asked for is lost to the window; atoms on one lattice are exact, and keep the finest.
  const smooth = whole.directions.flat().some(({ pair }) => pair.pieces.length > 0);
  const outside = smooth ? Math.min(1e-9, tolerance * 1e-6) : 1e-12;
  const question: Question = {
    cut: (delta * Math.min(1e-3, tolerance * 0.1)) / whole.draws,
    goal: ({ upper }) => tolerance * Math.min(1, Math.max(upper, 1e-12)),
    bound: (parts, side) => {
      const target = side === 'upper' ? charged : delta;
      const tilt = (coarse: Parameters<typeof findTiltForDelta>[0]): number => findTiltForDelta(coarse, target);
      return Math.max(0, boundEpsilon(composeLosses(parts, tilt, { outside }), target, side));
    },
  };
  if (step !== undefined) return finish({ lower: 0, upper: boundAbove(whole, { ...question, step }), step });
  return finish(refine(whole, question));
}

/** Bounds delta at an epsilon; the interval is at most `tolerance` times delta wide. */
export function solveDelta(charges: readonly Charge[], epsilon: number, tolerance: number): Interval {
  const whole = gather(charges);
  if (whole.mu === Infinity) return { lower: 1, upper: 1 };
  if (epsilon >= whole.pureEpsilon) return { lower: 0, upper: 0 };
  const charged = Math.max(0, epsilon - 2 * whole.slack);
  const grow = Math.exp(whole.slack);
  const finish = ({ lower, upper }: Interval): Interval => ({ lower, upper: Math.min(1, upper * grow) });
  if (whole.directions[0]?.length === 0) {
    return finish({
      lower: computeGaussianDelta(whole.tightMu, epsilon) * (1 - 10 * OUTWARD),
      upper: computeGaussianDelta(whole.mu, charged) * (1 + 10 * OUTWARD),
    });
  }
  if (whole.single !== undefined) {
    const { lower, upper } = boundSingleDelta(whole.single, charged);
    return finish({ lower: whole.tight ? lower : 0, upper });
  }
  const bound = (parts: readonly Part[], side: Side): number => {
    const at = side === 'upper' ? charged : epsilon;
    return boundDelta(
      composeLosses(parts, (coarse) => findTiltForEpsilon(coarse, at)),
      at,
      side,
    );
  };
  let cut = 1e-9 / whole.draws;
  // Mass cut off widens the interval by itself: no grid is asked to do better.
  const goalAt =
    (within: number, cutOff: number) =>
    ({ upper }: Interval): number =>
      Math.max(upper * within, 8 * cutOff * whole.draws);
  let interval = refine(whole, { cut, goal: goalAt(Math.max(tolerance, 0.1), cut), bound });
  // The mass cut off has to be small against the answer, which is known only now, and at first only from below.
  for (let round = 0; round < MOST_ROUNDS && interval.upper > 0; round += 1) {
    const known = interval.lower > 0 ? interval.lower : interval.upper * 1e-6;
    const wanted = Math.max((known * tolerance * 0.01) / whole.draws, 1e-300);
    const last = interval.lower > interval.upper * (1 - tolerance) || (cut <= wanted && round > 0);
    if (last) break;
    cut = Math.min(cut, wanted);
    interval = refine(whole, { cut, goal: goalAt(tolerance, cut), bound });
  }
  return finish(interval);
}

interface Question {
  readonly cut: number;
  /** The width wanted, given the interval so far. */
  readonly goal: (interval: Interval) => number;
  readonly bound: (parts: readonly Part[], side: Side) => number;
}

/** Refinements at most; each divides the interval's width by four or more. */
const MOST_ROUNDS = 12;
/** Grid points on the widest single loss to begin with. */
const FIRST_CELLS = 1500;

function refine(whole: Composition, { cut, goal, bound }: Question): SolvedEpsilon {
  let step = chooseFirstStep(whole, cut);
  let used = alignStep(whole, step);
  let best: Interval = { lower: 0, upper: Infinity };
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    let found: Interval;
    try {
      found = boundBoth(whole, { step: alignStep(whole, step), cut, bound, best });
      used = alignStep(whole, step);
    } catch (error) {
      if (!(error instanceof GridTooFine)) throw error;
      if (best.upper < Infinity) break;
      step *= 4;
      continue;
    }
    best = { lower: Math.max(best.lower, found.lower), upper: Math.min(best.upper, found.upper) };
    const width = best.upper - best.lower;
    const wanted = goal(best);
    if (!(width > wanted)) break;
    // The width falls with the square of the step; without a usable width take a plain factor.
    const usable = best.lower > 0 && best.upper < Infinity;
    const ratio = usable ? Math.sqrt(wanted / width) * 0.85 : 0;
    step = used * Math.min(0.7, Math.max(ratio, 1 / 24));
  }
  return { ...tightInterval(whole, best, { step: used, cut, bound }), step: used };
}

/**
 * Pairs that only dominate were bounded on both sides to know how fine the grid has to be; what is known to be spent is
 * the part that is attained.
 */
function tightInterval(
  whole: Composition,
  { lower, upper }: Interval,
  question: { readonly step: number; readonly cut: number } & Pick<Question, 'bound'>,
): Interval {
  if (whole.tight) return { lower, upper };
  const known = whole.directions.map((pairs) =>
    boundBelow(
      { mu: whole.tightMu },
      pairs.filter(({ tight }) => tight),
      question,
    ),
  );
  return { lower: Math.min(upper, Math.max(0, ...known)), upper };
}

function chooseFirstStep({ directions, mu }: Composition, cut: number): number {
  let widest = mu * mu + 16 * mu;
  for (const { pair } of directions.flat()) {
    widest = Math.max(widest, pair.reach ?? 0);
    for (const piece of pair.pieces) {
      const { from, to } = cutPiece(piece, cut);
      widest = Math.max(widest, lossAt(piece, to) - lossAt(piece, from));
    }
    for (const { p, q } of pair.atoms) if (p > 0 && q > 0) widest = Math.max(widest, Math.abs(Math.log(p / q)));
  }
  return Math.max(widest, 1e-12) / FIRST_CELLS;
}

/** Makes the step a fraction of the one lattice there is, so that heavy atoms lie on the grid. */
function alignStep({ directions, mu }: Composition, step: number): number {
  const spacings = new Set<number>();
  let onlyAtoms = mu === 0;
  for (const { pair } of directions.flat()) {
    if (pair.lattice !== undefined) spacings.add(pair.lattice.spacing);
    else onlyAtoms = false;
    if (pair.pieces.length > 0) onlyAtoms = false;
  }
  const [spacing] = spacings;
  // The two directions of a sampled bounded loss share one spacing up to rounding.
  const alike = spacing !== undefined && [...spacings].every((other) => Math.abs(other - spacing) < 1e-9 * spacing);
  if (!alike) return step;
  return onlyAtoms ? spacing : spacing / Math.ceil(spacing / step);
}

function boundBoth(
  whole: Composition,
  {
    step,
    cut,
    bound,
    best,
  }: { readonly step: number; readonly cut: number; readonly best: Interval } & Pick<Question, 'bound'>,
): Interval {
  let upper = 0;
  let lower = best.lower;
  for (const pairs of whole.directions) {
    const parts = pairs.map(({ pair, count }) => ({ pmf: connectDots(pair, { step, cut }), count }));
    const high = bound([...parts, ...gaussianPart(whole.mu, { step, cut }, connectDots)], 'upper');
    upper = Math.max(upper, high);
    // A direction that lies below what another one is known to cost need not be bounded from below.
    if (high > lower) lower = Math.max(lower, boundBelow(whole, pairs, { step, cut, bound }));
  }
  return { lower, upper };
}

/** Bounds all directions from above. */
function boundAbove(
  whole: Composition,
  { step, cut, bound }: { readonly step: number; readonly cut: number } & Pick<Question, 'bound'>,
): number {
  const above = whole.directions.map((pairs) => {
    const parts = pairs.map(({ pair, count }) => ({ pmf: connectDots(pair, { step, cut }), count }));
    return bound([...parts, ...gaussianPart(whole.mu, { step, cut }, connectDots)], 'upper');
  });
  return Math.max(...above);
}

/** Bounds one direction from below; 0 when nothing is in it. */
function boundBelow(
  whole: { readonly mu: number },
  pairs: readonly Entry[],
  { step, cut, bound }: { readonly step: number; readonly cut: number } & Pick<Question, 'bound'>,
): number {
  const parts = [
    ...pairs.map(({ pair, count }) => ({ pmf: mergeCells(pair, { step, cut }), count })),
    ...gaussianPart(whole.mu, { step, cut }, mergeCells),
  ];
  return parts.length === 0 ? 0 : bound(parts, 'lower');
}

function gaussianPart(mu: number, grid: Discretization, discretise: typeof connectDots): Part[] {
  return mu > 0 ? [{ pmf: discretise(createGaussianPair(1 / mu), grid), count: 1 }] : [];
}
