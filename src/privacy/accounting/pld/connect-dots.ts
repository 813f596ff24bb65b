/**
 * The pessimistic discretisation: connect the dots of [DGKKM22].
 *
 * A loss between two grid points is split between them so that its masses under P and under Q are both kept. The hockey
 * stick of the result, as a function of e^ε, passes through the true one at the grid points and joins them by chords; the
 * true one is convex, so the chords lie above it. The error of one step is of second order in the grid's width.
 *
 * @module
 */

import { type Discretization, type DominatingPair, lossAt, type Piece } from './pair.ts';
import { integrateTilted } from './panels.ts';
import { createPmfBuilder, type LossPmf, type PmfBuilder } from './pmf.ts';
import { cutPiece } from './cut.ts';

/**
 * Discretises a pair pessimistically.
 * **Guarantee**: the result dominates the pair: its hockey stick is nowhere below.
 */
export function connectDots(pair: DominatingPair, { step, cut }: Discretization): LossPmf {
  if (pair.discretise !== undefined) return pair.discretise({ step, cut }, 'upper');
  const origin = pair.lattice?.origin ?? 0;
  const grid = { origin, step };
  const builder = createPmfBuilder(grid);
  for (const { p, q } of pair.atoms) {
    if (p === 0) continue;
    if (q === 0) builder.addInfinite(p);
    else splitAtomInto({ p, loss: Math.log(p / q) }, grid, builder);
  }
  for (const piece of pair.pieces) addPiece(piece, { ...grid, cut }, builder);
  return builder.build();
}

interface Grid {
  readonly origin: number;
  readonly step: number;
}

/** Splits an atom between the two grid points next to it. */
export function splitAtomInto(
  { p, loss }: { readonly p: number; readonly loss: number },
  { origin, step }: Grid,
  builder: PmfBuilder,
): void {
  const j = Math.floor((loss - origin) / step);
  const above = Math.min(1, Math.max(0, Math.expm1(origin + j * step - loss) / Math.expm1(-step)));
  builder.add(j + 1, p * above);
  builder.add(j, p * (1 - above));
}

function addPiece(piece: Piece, { origin, step, cut }: Grid & { readonly cut: number }, builder: PmfBuilder): void {
  const { from, to } = cutPiece(piece, cut);
  // What lies below the cut is moved up to the grid point above it. What lies above it is moved to the largest loss, or to
  // infinity where that is far: a far point would count for more in the tilted transform than the rest together.
  const low = lossAt(piece, from);
  if (from > piece.from) builder.add(Math.ceil((low - origin) / step), piece.pBelow(from));
  if (to < piece.to) {
    if (piece.lossTo > lossAt(piece, to) + 1) builder.addInfinite(piece.pAbove(to));
    else builder.add(Math.ceil((piece.lossTo - origin) / step), piece.pAbove(to));
  }
  const shrink = 1 / -Math.expm1(-step);
  let a = from;
  for (let j = Math.floor((low - origin) / step); a < to; j += 1) {
    const loss = origin + j * step;
    const b = loss + step >= piece.lossTo ? to : Math.max(a, Math.min(to, piece.zAt(loss + step)));
    if (b > a) {
      const sum = { p: 0, tilted: 0 };
      integrateTilted(piece, { from: a, to: b, factor: Math.exp(loss) }, sum);
      const above = Math.min(sum.p, Math.max(0, sum.tilted * shrink));
      builder.add(j + 1, above);
      builder.add(j, sum.p - above);
    }
    a = b;
  }
}
