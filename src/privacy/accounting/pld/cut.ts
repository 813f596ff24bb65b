/**
 * Where a piece is cut so that almost no mass lies outside.
 *
 * @module
 */

import type { Piece } from './pair.ts';

/** Finds ends outside which a piece has mass at most `cut` under P on each side; its own ends where they are finite. */
export function cutPiece(piece: Piece, cut: number): { readonly from: number; readonly to: number } {
  return {
    from: Number.isFinite(piece.from) ? piece.from : findEnd((z) => piece.pBelow(z), { piece, cut, sign: -1 }),
    to: Number.isFinite(piece.to) ? piece.to : findEnd((z) => piece.pAbove(z), { piece, cut, sign: 1 }),
  };
}

function findEnd(
  outside: (z: number) => number,
  { piece, cut, sign }: { readonly piece: Piece; readonly cut: number; readonly sign: -1 | 1 },
): number {
  const unit = piece.panel;
  let inner = 0;
  let outer = sign * unit;
  while (outside(outer) > cut) {
    inner = outer;
    outer *= 2;
  }
  for (let i = 0; i < 40 && Math.abs(outer - inner) > unit / 2; i += 1) {
    const middle = (inner + outer) / 2;
    if (outside(middle) > cut) inner = middle;
    else outer = middle;
  }
  return outer;
}
