/**
 * The optimistic discretisation: neighbouring outcomes are merged into cells whose joint loss lies exactly on the grid.
 *
 * Merging outcomes is post-processing, so the result is dominated by the pair; as each cell keeps its masses under P and
 * Q, the error of one step is again of second order in the grid's width. Cells are laid one after another: with one end
 * given, the other is where ∫(p − e^{ε_j}·q) over the cell vanishes. A cell's surplus over half a step on one side turns
 * into the next cell's deficit, so cells stay centred once the first one is.
 *
 * @module
 */

import { type Discretization, type DominatingPair, lossAt, type Piece, swapPiece } from './pair.ts';
import { cutPiece } from './cut.ts';
import { integrateTilted, type TiltedIntegral } from './panels.ts';
import { createPmfBuilder, type LossPmf, type PmfBuilder } from './pmf.ts';

/** A cell's mass under P or Q at a grid index. */
interface Cell {
  readonly j: number;
  readonly p: number;
  readonly q: number;
}

interface Grid {
  readonly origin: number;
  readonly step: number;
}

/** An atom closer to the next grid point than this share of a step counts as on it; the whole grid is moved down by that. */
const ON_GRID = 1e-6;

/** A joint loss this close to its grid point counts as on it; the whole grid is moved down by what is left. */
const BALANCED = 1e-12;

/**
 * Discretises a pair optimistically.
 * **Guarantee**: the hockey stick of the result is nowhere above the pair's. Mass cut off is left out.
 */
export function mergeCells(pair: DominatingPair, { step, cut }: Discretization): LossPmf {
  if (pair.discretise !== undefined) return pair.discretise({ step, cut }, 'lower');
  const onLattice = pair.lattice !== undefined;
  const only = pair.pieces.length === 1 && pair.atoms.length === 0 ? (pair.pieces[0] as Piece) : undefined;
  // A single piece with a flat upper end is laid from there: seen from the other side it is its lower end.
  const mirrored = only !== undefined && Number.isFinite(only.lossTo) && !Number.isFinite(only.lossFrom);
  const pieces = mirrored ? [swapPiece(only)] : pair.pieces;
  const origin = onLattice
    ? pair.lattice.origin
    : only === undefined
      ? 0
      : findCentredOrigin(pieces[0] as Piece, { step, cut });
  const grid = { origin, step };
  // The lowest merged loss below its grid point: the grid is moved down by it, so that every rounding is downwards.
  let shift = 0;
  const cells: Cell[] = [];
  for (const piece of pieces) {
    shift = Math.max(
      shift,
      layCells(piece, { ...grid, cut, centred: only !== undefined && !onLattice, mirrored }, cells),
    );
  }
  const builder = createPmfBuilder(mirrored ? { origin: -origin, step } : grid);
  for (const { j, p, q } of cells) {
    if (mirrored) builder.add(-j, q);
    else builder.add(j, p);
  }
  for (const { p, q } of pair.atoms) {
    if (p > 0 && q > 0)
      shift = Math.max(shift, placeAtom({ p, loss: Math.log(p / q) }, { ...grid, tolerance: ON_GRID }, builder));
    else builder.addInfinite(p);
  }
  return builder.build(-shift);
}

/** Rounds an atom down to the grid; returns by how much it was taken to be higher than it is. */
export function placeAtom(
  { p, loss }: { readonly p: number; readonly loss: number },
  { origin, step, tolerance }: Grid & { readonly tolerance: number },
  builder: PmfBuilder,
): number {
  const place = (loss - origin) / step;
  const nearest = Math.round(place);
  const j = Math.abs(place - nearest) < tolerance ? nearest : Math.floor(place);
  builder.add(j, p);
  return Math.max(0, (j - place) * step);
}

/**
 * Chooses the grid's origin so that the first cell, from the lower end of a piece to some z, has its joint loss on the
 * grid and its upper end half a step above it. For a piece without a lower bound of the loss any origin will do.
 */
function findCentredOrigin(piece: Piece, { step, cut }: Discretization): number {
  const { from, to } = cutPiece(piece, cut);
  if (!Number.isFinite(piece.lossFrom)) return lossAt(piece, from) + step / 2;
  const gap = (z: number): number => {
    const sum: TiltedIntegral = { p: 0, tilted: 0 };
    integrateTilted(piece, { from, to: z, factor: 1 }, sum);
    return lossAt(piece, z) - Math.log(sum.p / (sum.p - sum.tilted));
  };
  let low = from;
  let high = to;
  for (let i = 0; i < 60 && high - low > 1e-12 * Math.max(1, Math.abs(high)); i += 1) {
    const middle = (low + high) / 2;
    if (gap(middle) > step / 2) high = middle;
    else low = middle;
  }
  return lossAt(piece, high) - step / 2;
}

/** Lays cells over a piece; returns by how much the worst cell's joint loss lies below its grid point. */
function layCells(
  piece: Piece,
  {
    origin,
    step,
    cut,
    centred,
    mirrored,
  }: Grid & { readonly cut: number; readonly centred: boolean; readonly mirrored: boolean },
  cells: Cell[],
): number {
  const { from, to } = cutPiece(piece, cut);
  let a = from;
  let worst = 0;
  const low = lossAt(piece, from);
  let j = Math.floor((low - origin) / step) + 1;
  // A centred grid has its first point at the first cell's joint loss, which may round to just below the lower end.
  if (centred) j = Math.max(j, 0);
  for (; a < to; j += 1) {
    const loss = origin + j * step;
    const factor = Math.exp(loss);
    const middle = loss >= piece.lossTo ? to : Math.min(to, piece.zAt(loss));
    if (middle <= a) continue;
    const sum: TiltedIntegral = { p: 0, tilted: 0 };
    integrateTilted(piece, { from: a, to: middle, factor }, sum);
    const b = balance(piece, { middle, to, factor, guess: 2 * middle - a }, sum);
    const q = (sum.p - sum.tilted) / factor;
    if (b === undefined) {
      // The piece ends before the cell is balanced: its joint loss is rounded down (left out where down is up).
      if (sum.p > 0 && q > 0 && !mirrored) {
        const place = (Math.log(sum.p / q) - origin) / step;
        cells.push({ j: Math.floor(place), p: sum.p, q });
      }
      break;
    }
    if (sum.p > 0) {
      // How far the joint loss lies on the wrong side of the grid point. A cell that did not balance is rounded instead.
      const wrong = (mirrored ? -1 : 1) * Math.log1p(-sum.tilted / sum.p);
      worst = Math.max(worst, wrong <= BALANCED ? wrong : 0);
      cells.push({ j: wrong <= BALANCED ? j : mirrored ? j + 1 : j - 1, p: sum.p, q });
    }
    a = b;
  }
  return worst;
}

/**
 * Finds b > middle with ∫(p − factor·q) over the whole cell zero, by Newton's method; `sum` holds the integral up to
 * `middle` and receives the rest. Returns undefined when the piece ends first (`sum` then covers it to its end).
 */
function balance(
  piece: Piece,
  {
    middle,
    to,
    factor,
    guess,
  }: { readonly middle: number; readonly to: number; readonly factor: number; readonly guess: number },
  sum: TiltedIntegral,
): number | undefined {
  const goal = -sum.tilted;
  if (goal <= 0) return middle;
  let b = Math.min(guess, to);
  integrateTilted(piece, { from: middle, to: b, factor }, sum);
  let low = middle;
  let high = to;
  const densities = new Float64Array(2);
  for (let i = 0; i < 60; i += 1) {
    if (Math.abs(sum.tilted) <= 1e-13 * goal) return b;
    if (sum.tilted > 0) high = b;
    else if (b >= to) return undefined;
    else low = b;
    piece.densities(b, densities);
    const slope = (densities[0] as number) - factor * (densities[1] as number);
    let next = b - sum.tilted / slope;
    if (!(next > low && next <= high)) {
      next = Number.isFinite(high) ? (low + high) / 2 : 2 * b - middle;
      if (next <= low || next === b) return sum.tilted < 0 && b >= to ? undefined : b;
    }
    if (next === b) return b;
    integrateTilted(piece, { from: b, to: next, factor }, sum);
    b = next;
  }
  return b;
}
