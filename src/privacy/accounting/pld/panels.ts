/**
 * Integrals of a piece's densities over short stretches, to rounding error.
 *
 * @module
 */

import { createGaussLegendre } from '../../../foundations/numerics/index.ts';
import type { Piece } from './pair.ts';

const FINE = createGaussLegendre(3);
const COARSE = createGaussLegendre(6);

/** Below this share of a piece's panel three nodes are exact to rounding: the error falls with the sixth power. */
const SHORT = 0.06;

/** What {@link integrateTilted} adds to: the mass under P, and ∫(p − factor·q). */
export interface TiltedIntegral {
  p: number;
  tilted: number;
}

const pair = new Float64Array(2);

/** Adds ∫p and ∫(p − factor·q) over [from, to] to `into`; a stretch run backwards counts negatively. */
export function integrateTilted(
  piece: Piece,
  { from, to, factor }: { readonly from: number; readonly to: number; readonly factor: number },
  into: TiltedIntegral,
): void {
  const length = to - from;
  if (length === 0) return;
  const panels = Math.max(1, Math.ceil(Math.abs(length) / piece.panel));
  const { nodes, weights } = panels === 1 && Math.abs(length) < SHORT * piece.panel ? FINE : COARSE;
  const width = length / panels;
  for (let k = 0; k < panels; k += 1) {
    const start = from + k * width;
    for (let i = 0; i < nodes.length; i += 1) {
      piece.densities(start + width * (nodes[i] as number), pair);
      const weight = width * (weights[i] as number);
      const p = pair[0] as number;
      into.p += weight * p;
      into.tilted += weight * (p - factor * (pair[1] as number));
    }
  }
}
