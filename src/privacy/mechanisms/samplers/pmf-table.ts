/**
 * Exact batched draws from any integer distribution whose probabilities can be enclosed to any precision: a table of
 * integers for nearly all of the mass, and lazily refined arithmetic for the rest.
 *
 * Method: with S = columnsLog2 + 32, every value x of a window gets the weight w_x = floor(2^S·p_x), computed from a
 * lower enclosure, and one item, the residual, gets R = 2^S − Σ w_x. The alias table draws an item with probability
 * weight/2^S exactly. A residual draw (probability below window/2^S + the mass outside, some 2^−30) is x with
 * probability (2^S·p_x − w_x)/R, all integers x included, found by inversion: u uniform in [0, R), extended 64 bits at a
 * time, against enclosures of the partial sums, refined until one x is certain. Together P(x) = w_x/2^S +
 * (R/2^S)·(2^S·p_x − w_x)/R = p_x: exact, nothing is charged.
 *
 * @module
 */

import type { ValueNoiseTable } from '../../../foundations/kernels/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { createAliasColumns } from './alias.ts';
import { createTableNoise, type IntegerNoise } from './integer-noise.ts';

/** Integers with low[i] ≤ 2^bits·P(first + i) ≤ high[i]; the mass outside the window is below window·2^−bits. */
export interface PmfEnclosure {
  readonly first: number;
  readonly low: readonly bigint[];
  readonly high: readonly bigint[];
}

/** A distribution on the integers, to any precision. */
export interface EnclosedPmf {
  /** A value near the mode, where the enumeration of the residual starts. */
  readonly centre: number;
  enclose(bits: number): PmfEnclosure;
}

/** A table and what its residual needs. */
export interface PmfTable {
  readonly kernel: ValueNoiseTable;
  readonly pmf: EnclosedPmf;
  /** w_x of the window. */
  readonly weights: readonly bigint[];
  /** S. */
  readonly spaceLog2: number;
  /** R. */
  readonly residual: bigint;
}

const BITS = 80;

/** Turns relative weights in fixed point into an enclosure of probabilities. `outside` bounds what the window leaves. */
export function normalise(
  first: number,
  { low, high, outside }: { low: readonly bigint[]; high: readonly bigint[]; outside: bigint },
  bits: number,
): PmfEnclosure {
  const lowTotal = low.reduce((sum, value) => sum + value, 0n);
  const highTotal = high.reduce((sum, value) => sum + value, 0n) + outside;
  const shift = BigInt(bits);
  return {
    first,
    low: low.map((value) => (value << shift) / highTotal),
    high: high.map((value) => (value << shift) / lowTotal + 1n),
  };
}

/** Builds the table. */
export function createPmfTable(pmf: EnclosedPmf): PmfTable {
  const { first, low } = pmf.enclose(BITS);
  let columnsLog2 = 0;
  while (2 ** columnsLog2 < low.length + 1) columnsLog2 += 1;
  const spaceLog2 = columnsLog2 + 32;
  const shift = BigInt(BITS - spaceLog2);
  const weights = low.map((value) => value >> shift);
  const residual = (1n << BigInt(spaceLog2)) - weights.reduce((sum, weight) => sum + weight, 0n);
  return {
    pmf,
    weights,
    spaceLog2,
    residual,
    kernel: {
      kind: 'values',
      columnsLog2,
      columns: createAliasColumns([...weights.map(Number), Number(residual)], { columnsLog2, capacityLog2: 32 }),
      first,
      residual: weights.length,
    },
  };
}

/** Draws the residual: integers x in the order centre, centre + 1, centre − 1, … until the partial sum passes u. */
export function drawResidual({ kernel, pmf, weights, spaceLog2, residual }: PmfTable, rng: Rng): number {
  let uniform = sampleBigIntBelow(residual, rng);
  let bits = 0;
  for (;;) {
    const decided = invert(uniform, bits);
    if (decided !== undefined) return decided;
    uniform = (uniform << 64n) | rng.uint64();
    bits += 64;
  }

  /** The x that [u, u + 1)·2^−bits certainly belongs to, if this precision shows it. */
  function invert(u: bigint, fraction: number): number | undefined {
    const precision = spaceLog2 + fraction + 24;
    const { first, low, high } = pmf.enclose(precision);
    // All in units of 2^−24 · 2^−fraction of one unit of the table.
    const from = u << 24n;
    const to = (u + 1n) << 24n;
    let lowSum = 0n;
    let highSum = 0n;
    const reach = Math.max(pmf.centre - first, first + low.length - 1 - pmf.centre);
    for (let distance = 0; distance <= reach; distance += 1) {
      for (const x of distance === 0 ? [pmf.centre] : [pmf.centre + distance, pmf.centre - distance]) {
        const lowHere = low[x - first];
        const highHere = high[x - first];
        // Outside the window of this precision: later values can only be decided with more bits.
        if (lowHere === undefined || highHere === undefined) continue;
        const taken = (weights[x - kernel.first] ?? 0n) << BigInt(fraction + 24);
        const before = highSum;
        lowSum += lowHere > taken ? lowHere - taken : 0n;
        highSum += highHere > taken ? highHere - taken : 0n;
        if (from >= before && to <= lowSum) return x;
        if (to <= lowSum) return undefined;
      }
    }
    return undefined;
  }
}

/** The source of noise that follows a table. */
export function createPmfNoise(table: PmfTable): IntegerNoise {
  return createTableNoise(table.kernel, (_, rng) => drawResidual(table, rng));
}
