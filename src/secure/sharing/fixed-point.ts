/**
 * Fixed-point numbers in a ring: v ↦ round(v · 2^fractionBits) modulo 2^bitWidth, with the head-room of everything that
 * will be added proven when the codec is made. What does not fit is refused, or clamped when the caller says so.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import { createRing, decodeRing, encodeRing, encodeRingWide, type Ring } from '../../foundations/vector/index.ts';
import { SharingError } from './errors.ts';

/** How reals become residues. */
export interface FixedPointOptions {
  readonly bitWidth: 32 | 64;
  readonly fractionBits: number;
  /** Bound of the magnitude of one value. */
  readonly clampRange: number;
  /** Values that are added at most; the sum is proven to fit. */
  readonly addends: number;
  /** What happens to a value beyond `clampRange`. */
  readonly onOverflow?: 'reject' | 'clamp';
}

/** A codec between reals and residues. */
export interface FixedPoint {
  readonly ring: Ring;
  readonly fractionBits: number;
  readonly clampRange: number;
  readonly addends: number;
  /** Largest error of one encoded value that is not clamped: half a step. */
  readonly maxError: number;
  /** Largest error of a sum of so many values: half a step each, and what float64 loses of a sum beyond 53 bits. */
  maxSumError(addends: number): number;
  /** Rounds to nearest, ties to even. @throws {SharingError} `sharing/overflow` naming the entry, never the value. */
  encode(values: ArrayLike<number>): Uint32Array;
  decode(residues: Uint32Array): Float64Array;
}

/**
 * Creates a codec whose sums cannot wrap.
 * @throws {SharingError} `sharing/overflow` when addends · (clampRange · 2^fractionBits + ½) reaches 2^(bitWidth − 1),
 * or when a single value would not be an exact float64 integer (2^53).
 */
export function createFixedPoint({
  bitWidth,
  fractionBits,
  clampRange,
  addends,
  onOverflow = 'reject',
}: FixedPointOptions): FixedPoint {
  assertInteger(fractionBits, 'fractionBits', { min: 0, max: 52 });
  assertPositive(clampRange, 'clampRange');
  assertInteger(addends, 'addends', { min: 1 });
  const ring = createRing({ bitWidth });
  const scale = 2 ** fractionBits;
  // Products by powers of two are exact; the next integer above covers the rounding of one value.
  const largest = Math.floor(clampRange * scale) + 1;
  if (largest > 2 ** 53 || BigInt(largest) * BigInt(addends) >= ring.modulus / 2n) {
    throw new SharingError(
      'sharing/overflow',
      `${addends} values of magnitude ${clampRange} with ${fractionBits} fraction bits do not fit ${bitWidth} bits: lower "fractionBits", "clampRange" or "addends", or use 64 bits`,
      { details: { bitWidth, fractionBits, clampRange, addends } },
    );
  }
  return Object.freeze({
    ring,
    fractionBits,
    clampRange,
    addends,
    maxError: 0.5 / scale,
    maxSumError: (count: number) =>
      count * (0.5 / scale + (count * clampRange * scale > 2 ** 53 ? clampRange * 2 ** -53 : 0)),
    encode(values: ArrayLike<number>) {
      const narrow = bitWidth === 32 ? new Int32Array(values.length) : undefined;
      const wide = bitWidth === 64 ? new BigInt64Array(values.length) : undefined;
      for (let i = 0; i < values.length; i += 1) {
        let value = values[i] as number;
        // A NaN fails the comparison too.
        if (!(Math.abs(value) <= clampRange)) {
          if (onOverflow === 'reject' || Number.isNaN(value)) {
            throw new SharingError('sharing/overflow', `entry ${i} is not a number within ±${clampRange}`, {
              details: { entry: i, clampRange },
            });
          }
          value = Math.sign(value) * clampRange;
        }
        const rounded = roundToEven(value * scale);
        if (narrow === undefined) (wide as BigInt64Array)[i] = BigInt(rounded);
        else narrow[i] = rounded;
      }
      return narrow === undefined ? encodeRingWide(wide as BigInt64Array, ring) : encodeRing(narrow, ring);
    },
    decode(residues: Uint32Array) {
      const out = decodeRing(residues, ring);
      // Scales are powers of two: the product is the quotient, exactly.
      const step = 1 / scale;
      for (let i = 0; i < out.length; i += 1) out[i] = (out[i] as number) * step;
      return out;
    },
  });
}

/** 1.5 · 2^52: adding and taking it away rounds a float64 below 2^51 to the nearest integer, ties to even. */
const SHIFT = 6_755_399_441_055_744;

function roundToEven(value: number): number {
  return Math.abs(value) < 2 ** 51 ? value + SHIFT - SHIFT : Math.round(value);
}
