/**
 * Clipping: bounding what one example contributes. Flat, per layer, or automatic (normalised); the bound holds in exact
 * arithmetic for the floats that come out, so the clip norm is the sensitivity and needs no slack. [ACGMMTZ16]
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';

/** A vector clipped in place. */
export type Gradient = Float64Array | Float32Array;

/** What happened to one vector. Say nothing of it outside: it depends on one example. */
export interface ClipOutcome {
  /** The L2 norm before, as computed; NaN when the vector was not finite. */
  readonly norm: number;
  /** Whether the vector was within the bound already. */
  readonly within: boolean;
  /** False when it held NaN or infinities and was zeroed. */
  readonly finite: boolean;
}

/** A bound on one contribution. */
export interface Clipper {
  readonly kind: 'flat' | 'per-layer' | 'automatic';
  /** L2 bound of a clipped vector: the sensitivity of a sum of them under add-or-remove-one and zero-out. */
  readonly l2Sensitivity: number;
  clipInto(gradient: Gradient): ClipOutcome;
}

/** The computed norm and a number that the exact norm does not exceed; NaN when an entry is not finite. */
function measure(gradient: Gradient, { from, to }: { from: number; to: number }): { norm: number; above: number } {
  let largest = 0;
  for (let i = from; i < to; i += 1) {
    const x = Math.abs(gradient[i] as number);
    if (!(x <= Number.MAX_VALUE)) return { norm: Number.NaN, above: Number.NaN };
    if (x > largest) largest = x;
  }
  if (largest === 0) return { norm: 0, above: 0 };
  // Scaled, so that squares neither overflow nor vanish; n squares and additions err by less than (n + 3)·2^−53.
  let sum = 0;
  for (let i = from; i < to; i += 1) sum += ((gradient[i] as number) / largest) ** 2;
  const norm = largest * Math.sqrt(sum);
  return { norm, above: norm * (1 + (to - from + 8) * 2 ** -53) };
}

/** Scales part of a vector by at most `factor` in exact arithmetic, whatever the products round to. */
function scaleInto(gradient: Gradient, { from, to, factor }: { from: number; to: number; factor: number }): void {
  const rounding = gradient instanceof Float32Array ? 2 ** -23 : 2 ** -51;
  const safe = factor * (1 - rounding);
  for (let i = from; i < to; i += 1) gradient[i] = (gradient[i] as number) * safe;
}

function clipRange(
  gradient: Gradient,
  { from, to, clipNorm, floor }: { from: number; to: number; clipNorm: number; floor: number | undefined },
): ClipOutcome {
  const { norm, above } = measure(gradient, { from, to });
  if (Number.isNaN(norm)) {
    gradient.fill(0, from, to);
    return { norm, within: false, finite: false };
  }
  const within = above <= clipNorm;
  if (floor !== undefined) scaleInto(gradient, { from, to, factor: clipNorm / (above + floor) });
  else if (!within) scaleInto(gradient, { from, to, factor: clipNorm / above });
  return { norm, within, finite: true };
}

/**
 * Creates flat clipping: g · min(1, clipNorm/‖g‖).
 * Guarantee: the L2 norm of the result is at most `clipNorm`, in exact arithmetic. NaN and infinities are zeroed, never
 * skipped on sight. A subnormal result may be off by a subnormal.
 * @see [ACGMMTZ16] algorithm 1
 */
export function createFlatClipper({ clipNorm }: { readonly clipNorm: number }): Clipper {
  assertPositive(clipNorm, 'clipNorm');
  return {
    kind: 'flat',
    l2Sensitivity: clipNorm,
    clipInto: (gradient) => clipRange(gradient, { from: 0, to: gradient.length, clipNorm, floor: undefined }),
  };
}

/**
 * Creates automatic clipping: every gradient is brought to clipNorm/(1 + stability/‖g‖), so that the learning rate takes
 * over the role of the clip norm.
 * Guarantee: the L2 norm of the result is below `clipNorm`, in exact arithmetic.
 * @param options - `stability` γ > 0, 0.01 by default.
 * @see [BWZK22] §4.1 (AUTO-S)
 */
export function createAutomaticClipper({
  clipNorm,
  stability = 0.01,
}: {
  readonly clipNorm: number;
  readonly stability?: number;
}): Clipper {
  assertPositive(clipNorm, 'clipNorm');
  assertPositive(stability, 'stability');
  return {
    kind: 'automatic',
    l2Sensitivity: clipNorm,
    clipInto: (gradient) => clipRange(gradient, { from: 0, to: gradient.length, clipNorm, floor: stability }),
  };
}

/** One layer of a flat vector with its own bound. */
export interface LayerBound {
  readonly length: number;
  readonly clipNorm: number;
}

/**
 * Creates per-layer clipping: every layer has a bound of its own; the sensitivity is the root of the sum of their squares.
 * Guarantee: every layer's L2 norm is at most its bound, in exact arithmetic; a layer that is not finite is zeroed alone.
 * @param options - `layers` in the order of the vector, covering all of it.
 * @throws {RangeError} from `clipInto`, when the vector is not as long as the layers together.
 * @see [MRTZ18] §3 (per-layer clipping)
 */
export function createLayerClipper({ layers }: { readonly layers: readonly LayerBound[] }): Clipper {
  if (layers.length === 0) throw new RangeError('"layers" must not be empty');
  layers.forEach(({ length, clipNorm }) => {
    assertInteger(length, 'length', { min: 1 });
    assertPositive(clipNorm, 'clipNorm');
  });
  const total = layers.reduce((sum, { length }) => sum + length, 0);
  const squares = layers.reduce((sum, { clipNorm }) => sum + clipNorm * clipNorm, 0);
  return {
    kind: 'per-layer',
    l2Sensitivity:
      layers.length === 1 ? (layers[0] as LayerBound).clipNorm : Math.sqrt(squares) * (1 + layers.length * 2 ** -51),
    clipInto(gradient) {
      if (gradient.length !== total)
        throw new RangeError(`"gradient" must have ${total} entries, got ${gradient.length}`);
      let from = 0;
      let square = 0;
      let within = true;
      let finite = true;
      for (const { length, clipNorm } of layers) {
        const outcome = clipRange(gradient, { from, to: from + length, clipNorm, floor: undefined });
        square += outcome.norm * outcome.norm;
        within &&= outcome.within;
        finite &&= outcome.finite;
        from += length;
      }
      return { norm: Math.sqrt(square), within, finite };
    },
  };
}
