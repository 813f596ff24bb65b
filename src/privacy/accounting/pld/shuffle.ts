/**
 * Privacy amplification by shuffling reports of local randomisers, computed exactly from the dominating pair.
 *
 * By [FMT21] theorem 3.1 and corollary (FOCS 2021, arXiv 2012.12803) the shuffled reports of n users, each ε₀-DP locally,
 * are post-processing of (A, C − A) with C ~ Bin(n − 1, e^{−ε₀}), A ~ Bin(C, 1/2), to which the first user adds one on
 * either side, on the true one with probability e^{ε₀}/(e^{ε₀} + 1).
 *
 * @module
 */

import { logBinomial, narrowBracket } from '../../../foundations/numerics/index.ts';
import { splitAtomInto } from './connect-dots.ts';
import { placeAtom } from './merge-cells.ts';
import type { Discretization, DominatingPair } from './pair.ts';
import { createPmfBuilder, type LossPmf } from './pmf.ts';

/** The users and their local guarantee. */
export interface ShuffledReports {
  readonly reports: number;
  readonly epsilon0: number;
}

/** Terms below e^−REACH of the largest are left out of a row, and rows below that of the largest row: counted against us. */
const REACH = 40;

/**
 * Calls `visit` with p, q (masses under both) of every outcome, row by row in C. Returns a bound on the mass, under either
 * law, of the outcomes left out.
 */
function visitOutcomes({ reports, epsilon0 }: ShuffledReports, visit: (p: number, q: number) => void): number {
  const n = reports - 1;
  const rate = Math.exp(-epsilon0);
  const own = 1 / (1 + rate);
  const other = 1 - own;
  let covered = 0;
  /** Visits the outcomes of one row, given the row's mass and the largest binomial weight in it. */
  const visitRow = (c: number, mass: number): void => {
    const centre = Math.floor(c / 2);
    const peak = mass * Math.exp(logBinomial(c, centre) - c * Math.LN2);
    const least = peak * Math.exp(-REACH);
    // Outcome a: A = a − 1 with the report on this side, A = a with it on the other; `here` is the weight of A = a.
    let here = peak;
    for (let a = centre + 1; a <= c + 1; a += 1) {
      const before = here;
      here = a > c ? 0 : (here * (c - a + 1)) / a;
      const p = own * before + other * here;
      visit(p, other * before + own * here);
      covered += p;
      if (before < least) break;
    }
    here = peak;
    for (let a = centre; a >= 0; a -= 1) {
      const before = a === 0 ? 0 : (here * a) / (c - a + 1);
      const p = own * before + other * here;
      visit(p, other * before + own * here);
      covered += p;
      if (here < least) break;
      here = before;
    }
  };
  const mode = Math.min(n, Math.floor((n + 1) * rate));
  const odds = rate === 1 ? Infinity : rate / -Math.expm1(-epsilon0);
  const top =
    rate === 1 ? 1 : Math.exp(logBinomial(n, mode) - mode * epsilon0 + (n - mode) * Math.log(-Math.expm1(-epsilon0)));
  const least = top * Math.exp(-REACH);
  for (let c = mode, mass = top; c <= n && mass >= least; c += 1) {
    visitRow(c, mass);
    mass *= ((n - c) / (c + 1)) * odds;
  }
  for (let c = mode, mass = top; c > 0;) {
    mass *= c / (n - c + 1) / odds;
    c -= 1;
    if (!(mass >= least)) break;
    visitRow(c, mass);
  }
  return Math.max(0, 1 - covered) + 1e-13;
}

/** Computes delta at an epsilon: the hockey stick of the pair, an upper bound for shuffling. */
export function computeShuffleDelta(shuffled: ShuffledReports, epsilon: number): number {
  if (epsilon >= shuffled.epsilon0) return 0;
  const factor = Math.exp(epsilon);
  let sum = 0;
  const missing = visitOutcomes(shuffled, (p, q) => {
    if (p > factor * q) sum += p - factor * q;
  });
  return Math.min(1, sum + missing);
}

/** Computes the least epsilon at a delta, rounded up; never above epsilon0. */
export function computeShuffleEpsilon(shuffled: ShuffledReports, delta: number): number {
  const { epsilon0 } = shuffled;
  // One pass gathers the masses; epsilon is then found on them.
  const losses: number[] = [];
  const ps: number[] = [];
  const missing = visitOutcomes(shuffled, (p, q) => {
    // By symmetry only half of the outcomes have a positive loss.
    if (p <= q) return;
    losses.push(Math.log(p / q));
    ps.push(p);
  });
  const at = (epsilon: number): number => {
    let sum = missing;
    for (let i = 0; i < losses.length; i += 1) {
      const distance = (losses[i] as number) - epsilon;
      if (distance > 0) sum += (ps[i] as number) * -Math.expm1(-distance);
    }
    return delta - sum;
  };
  if (at(0) >= 0) return 0;
  if (at(epsilon0) < 0) return epsilon0;
  return narrowBracket((x) => at(x), { low: 0, high: epsilon0 }, { tolerance: 1e-10 }).high;
}

/** Computes the closed-form bound of [FMT21] theorem 3.1; undefined unless epsilon0 ≤ log(n / (16·log(4/delta))). */
export function computeShuffleClosedForm({ reports, epsilon0 }: ShuffledReports, delta: number): number | undefined {
  if (epsilon0 > Math.log(reports / (16 * Math.log(4 / delta)))) return undefined;
  const spread = 8 * Math.sqrt((Math.exp(epsilon0) * Math.log(4 / delta)) / reports);
  const rest = (8 * Math.exp(epsilon0)) / reports;
  const inner = Math.log1p(spread + rest);
  return Math.log1p((-Math.expm1(-epsilon0) / (1 + Math.exp(-epsilon0 - inner))) * (spread + rest));
}

/** The dominating pair of shuffled reports, discretised row by row. Outcomes left out fail outright. */
export function createShufflePair(shuffled: ShuffledReports): DominatingPair {
  const discretise = ({ step }: Discretization, side: 'upper' | 'lower'): LossPmf => {
    const grid = { origin: 0, step };
    const builder = createPmfBuilder(grid);
    const missing = visitOutcomes(shuffled, (p, q) => {
      if (p === 0 || q === 0) return;
      const atom = { p, loss: Math.log(p / q) };
      if (side === 'upper') splitAtomInto(atom, grid, builder);
      else placeAtom(atom, { ...grid, tolerance: 0 }, builder);
    });
    if (side === 'upper') builder.addInfinite(missing);
    return builder.build();
  };
  return {
    pieces: [],
    atoms: [],
    discretise,
    hockeyStick: (epsilon) => computeShuffleDelta(shuffled, epsilon),
    reach: shuffled.epsilon0,
  };
}
