/**
 * Dominating pairs of sampling schemes that are no plain Poisson sampling: fixed size, and Poisson with truncation.
 *
 * @module
 */

import { logBinomialUpperTail } from '../../../foundations/numerics/index.ts';
import { createGaussianPair, createReplacedGaussianPair } from './continuous-pairs.ts';
import { type DominatingPair, joinPairs, type Piece, samplePair, scalePair, swapPair } from './pair.ts';

/** Restricts a piece to one side of the point where its loss is zero. */
function restrict(piece: Piece, side: 'below' | 'above'): Piece {
  const at = piece.zAt(0);
  const low = side === 'above' ? at : piece.from;
  const high = side === 'below' ? at : piece.to;
  const clamp = (z: number): number => Math.min(Math.max(z, low), high);
  // Differences of upper bounds stay upper bounds only on the side that is kept open.
  return {
    ...piece,
    from: low,
    to: high,
    lossFrom: side === 'above' ? 0 : piece.lossFrom,
    lossTo: side === 'below' ? 0 : piece.lossTo,
    zAt: (loss) => clamp(piece.zAt(loss)),
    pBelow: (z) => (z <= low ? 0 : piece.pBelow(z)),
    pAbove: (z) => (z >= high ? 0 : piece.pAbove(z)),
    qBelow: (z) => (z <= low ? 0 : piece.qBelow(z)),
    qAbove: (z) => (z >= high ? 0 : piece.qAbove(z)),
  };
}

/**
 * A Gaussian on a uniform sample of a fixed share of the records, under replace-one: [ZDW22] theorem 11, with
 * P = N(1, σ²), Q = N(0, σ²) over the replace-one sensitivity. For α ≥ 1 the pair ((1−γ)Q + γP, Q) dominates, for α < 1
 * the pair (P, (1−γ)P + γQ); the joint curve is that of the first pair's positive losses, the second's negative ones, and
 * the rest at zero.
 */
export function createWithoutReplacementPair(sigma: number, fraction: number): DominatingPair {
  const plain = createGaussianPair(sigma);
  if (fraction === 1) return plain;
  const above = samplePair(plain, fraction);
  const below = swapPair(samplePair(swapPair(plain), fraction));
  const upper = restrict(above.pieces[0] as Piece, 'above');
  const lower = restrict(below.pieces[0] as Piece, 'below');
  // Both pairs agree on the total variation γ·TV at α = 1; what neither side holds has loss zero.
  const held = upper.pAbove(upper.from) + lower.pBelow(lower.to);
  return { pieces: [lower, upper], atoms: [{ p: 1 - held, q: 1 - held }] };
}

/**
 * A Gaussian on a Poisson sample truncated to `truncatedBatchSize`: [Gan25] (arXiv 2508.15089). Given that the others
 * fill the batch, the record displaces another one with probability `conditional`, which is at most a replacement; else the
 * step is a plain sampled one. Whether truncation happens is taken to be public, which can only cost.
 */
export function createTruncatedPair(
  {
    datasetSize: n,
    samplingRate: q,
    truncatedBatchSize: size,
    noiseMultiplier,
  }: {
    readonly datasetSize: number;
    readonly samplingRate: number;
    readonly truncatedBatchSize: number;
    readonly noiseMultiplier: number;
  },
  plain: DominatingPair,
): DominatingPair {
  const logTruncated = logBinomialUpperTail(size, { trials: n - 1, probability: q });
  if (logTruncated === -Infinity) return plain;
  const truncated = Math.exp(logTruncated);
  const logOver = logBinomialUpperTail(size + 1, { trials: n, probability: q });
  const conditional = Math.min(1, (Math.exp(logOver - logTruncated) * size) / n);
  const displaced = createReplacedGaussianPair(noiseMultiplier / 2, conditional);
  return joinPairs([scalePair(displaced, truncated), scalePair(plain, -Math.expm1(logTruncated))]);
}
