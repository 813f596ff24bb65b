/**
 * Dominating pairs: two distributions (P, Q) whose privacy loss log P/Q under P is all that matters of a mechanism under
 * composition ([ZDW22] theorem 10). A pair is a list of pieces with densities along a line, on which the loss rises, and
 * of atoms.
 *
 * @module
 */

import type { LossPmf } from './pmf.ts';

/** A continuous part of a pair: densities p and q over `from` < z < `to`, with log p/q rising in z. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** The limits of the loss at both ends. */
  readonly lossFrom: number;
  readonly lossTo: number;
  /** The widest panel on which five Gauss–Legendre nodes integrate p and q to rounding error. */
  readonly panel: number;
  /** Writes p(z) and q(z) to `out`. */
  densities(z: number, out: Float64Array): void;
  /** Returns the z at which the loss passes a value, or the end it does not reach. Need not be exact. */
  zAt(loss: number): number;
  /** Upper bounds on the masses outside a cut. */
  pBelow(z: number): number;
  pAbove(z: number): number;
  qBelow(z: number): number;
  qAbove(z: number): number;
}

/** An outcome with probability p under P and q under Q. q = 0: an outright failure. */
export interface Atom {
  readonly p: number;
  readonly q: number;
}

/** A dominating pair. */
export interface DominatingPair {
  readonly pieces: readonly Piece[];
  readonly atoms: readonly Atom[];
  /** Where heavy atoms lie: at `origin` plus multiples of `spacing`. A grid that contains them loses nothing there. */
  readonly lattice?: { readonly origin: number; readonly spacing: number };
  /** A way of its own onto a grid, for pairs with too many atoms to list. */
  readonly discretise?: (grid: Discretization, side: 'upper' | 'lower') => LossPmf;
  /** Such a pair's hockey stick at an epsilon. */
  readonly hockeyStick?: (epsilon: number) => number;
  /** The largest loss of such a pair. */
  readonly reach?: number;
}

/** A grid's width, and how much mass may be cut off at each end of each piece (it is counted against us). */
export interface Discretization {
  readonly step: number;
  readonly cut: number;
}

/** Returns the loss log p/q of a piece at z. */
export function lossAt(piece: Piece, z: number): number {
  if (z <= piece.from) return piece.lossFrom;
  if (z >= piece.to) return piece.lossTo;
  piece.densities(z, scratch);
  const p = scratch[0] as number;
  const q = scratch[1] as number;
  return p === 0 || q === 0 ? (z < 0 ? piece.lossFrom : piece.lossTo) : Math.log(p / q);
}

const scratch = new Float64Array(2);

/** Exchanges the roles of P and Q: the loss changes its sign, and so does z. */
export function swapPair({ pieces, atoms, lattice }: DominatingPair): DominatingPair {
  const swapped = {
    pieces: pieces.map(swapPiece),
    // An outcome that P never has carries no loss under P.
    atoms: atoms.map(({ p, q }) => ({ p: q, q: p })).filter(({ p }) => p > 0),
  };
  return lattice === undefined
    ? swapped
    : { ...swapped, lattice: { origin: -lattice.origin, spacing: lattice.spacing } };
}

/** The same piece seen from the other side. */
export function swapPiece(piece: Piece): Piece {
  return {
    from: -piece.to,
    to: -piece.from,
    lossFrom: -piece.lossTo,
    lossTo: -piece.lossFrom,
    panel: piece.panel,
    densities(z, out) {
      piece.densities(-z, out);
      const p = out[0] as number;
      out[0] = out[1] as number;
      out[1] = p;
    },
    zAt: (loss) => -piece.zAt(-loss),
    pBelow: (z) => piece.qAbove(-z),
    pAbove: (z) => piece.qBelow(-z),
    qBelow: (z) => piece.pAbove(-z),
    qAbove: (z) => piece.pBelow(-z),
  };
}

/** Weighs a pair, as one branch of a public choice. */
export function scalePair({ pieces, atoms }: DominatingPair, weight: number): DominatingPair {
  return {
    pieces: pieces.map((piece) => ({
      ...piece,
      densities(z, out) {
        piece.densities(z, out);
        out[0] = weight * (out[0] as number);
        out[1] = weight * (out[1] as number);
      },
      pBelow: (z) => weight * piece.pBelow(z),
      pAbove: (z) => weight * piece.pAbove(z),
      qBelow: (z) => weight * piece.qBelow(z),
      qAbove: (z) => weight * piece.qAbove(z),
    })),
    atoms: atoms.map(({ p, q }) => ({ p: weight * p, q: weight * q })),
  };
}

/** Puts the branches of a public choice together. */
export function joinPairs(pairs: readonly DominatingPair[]): DominatingPair {
  return { pieces: pairs.flatMap(({ pieces }) => pieces), atoms: pairs.flatMap(({ atoms }) => atoms) };
}

/**
 * Replaces P by (1 − rate)·Q + rate·P: Poisson sampling seen from "record present" ([ZDW22] theorem 11). The order of
 * losses stays, so z stays.
 */
export function samplePair({ pieces, atoms }: DominatingPair, rate: number): DominatingPair {
  // exp(loss) = 1 − rate + rate·exp(inner).
  const outer = (inner: number): number => (inner === Infinity ? Infinity : Math.log1p(rate * Math.expm1(inner)));
  const inner = (loss: number): number => {
    const x = Math.expm1(loss) / rate;
    return x <= -1 ? -Infinity : Math.log1p(x);
  };
  return {
    pieces: pieces.map((piece) => ({
      ...piece,
      lossFrom: outer(piece.lossFrom),
      lossTo: outer(piece.lossTo),
      densities(z, out) {
        piece.densities(z, out);
        out[0] = (1 - rate) * (out[1] as number) + rate * (out[0] as number);
      },
      zAt: (loss) => piece.zAt(inner(loss)),
      pBelow: (z) => (1 - rate) * piece.qBelow(z) + rate * piece.pBelow(z),
      pAbove: (z) => (1 - rate) * piece.qAbove(z) + rate * piece.pAbove(z),
    })),
    atoms: atoms.map(({ p, q }) => ({ p: (1 - rate) * q + rate * p, q })),
  };
}

/** Finds where a rising function of z passes a value, by bisection between finite ends. */
export function bisectRising(
  f: (z: number) => number,
  value: number,
  { low, high }: { low: number; high: number },
): number {
  let a = low;
  let b = high;
  for (let step = 0; step < 200; step += 1) {
    const middle = (a + b) / 2;
    if (middle <= a || middle >= b) break;
    if (f(middle) < value) a = middle;
    else b = middle;
  }
  return b;
}
