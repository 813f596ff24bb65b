/**
 * The discrete Gaussian on the integers, batched: P(x) ∝ exp(−x²/(2σ²)), exactly, at tens of millions of draws a second.
 * [CKS20]
 *
 * @module
 */

import { drawNoiseInto } from '../../foundations/kernels/index.ts';
import {
  compareRational,
  rationalToNumber,
  toPositiveRational,
  type RationalLike,
} from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import {
  createDiscreteGaussianTable,
  decideDiscreteGaussian,
  type DiscreteGaussianTable,
} from './discrete-gaussian-table.ts';

/** A source of integer noise. It knows no sensitivity, so it promises no privacy: mechanisms do. */
export interface IntegerNoise {
  /** Draws one number. */
  sample(rng: Rng): number;
  /** Overwrites every entry with a draw of its own. */
  sampleInto(out: Int32Array, rng: Rng): void;
  /** Adds a draw of its own to every entry, modulo 2^32 as an Int32Array does (a ring sum stays a ring sum). */
  addInto(values: Int32Array, rng: Rng): void;
}

/** Discrete Gaussian noise with its exact parameter. */
export interface DiscreteGaussian extends IntegerNoise {
  /** σ², the parameter; the variance of a draw is never above it. */
  readonly variance: number;
}

/** The largest σ² of the batched sampler: σ = 2^26 keeps every magnitude of the table in 31 bits. */
const MAX_VARIANCE = { numerator: 1n << 52n, denominator: 1n };

const tables = new Map<string, DiscreteGaussianTable>();

function tableOf(variance: RationalLike): DiscreteGaussianTable {
  const rational = toPositiveRational(variance, 'variance');
  if (compareRational(rational, MAX_VARIANCE) > 0) {
    throw new RangeError(`"variance" must be at most 2^52 for draws of 32 bits, got ${rationalToNumber(rational)}`);
  }
  const key = `${rational.numerator}/${rational.denominator}`;
  let table = tables.get(key);
  if (table === undefined) {
    table = createDiscreteGaussianTable(rational);
    if (tables.size >= 32) tables.clear();
    tables.set(key, table);
  }
  return table;
}

/**
 * Creates a source of discrete Gaussian noise.
 * Guarantee: none by itself. Added to an integer query of L2 sensitivity Δ it gives ρ-zCDP with ρ = Δ²/(2σ²); the
 * distribution is exact given uniform bits, which come from ChaCha20 keyed by 32 bytes of `rng` a call.
 * @param options - `variance`: σ², a rational in (0, 2^52]; a double is taken at its exact binary value.
 * @throws {RangeError} when the variance is out of range.
 * @see [CKS20] arXiv 2004.00010v4, Theorem 4 (zCDP), Corollary 9 (variance)
 */
export function createDiscreteGaussian({ variance }: { variance: RationalLike }): DiscreteGaussian {
  const table = tableOf(variance);
  const draw = (out: Int32Array, add: boolean, rng: Rng): void => {
    if (out.length === 0) return;
    const decide = (pending: Parameters<typeof decideDiscreteGaussian>[1]) =>
      decideDiscreteGaussian(table, pending, rng);
    drawNoiseInto(out, table.kernel, { key: rng.bytes(32), decide, add });
  };
  return {
    variance: rationalToNumber(table.variance),
    sample(rng) {
      const one = new Int32Array(1);
      draw(one, false, rng);
      return one[0] as number;
    },
    sampleInto: (out, rng) => draw(out, false, rng),
    addInto: (values, rng) => draw(values, true, rng),
  };
}
