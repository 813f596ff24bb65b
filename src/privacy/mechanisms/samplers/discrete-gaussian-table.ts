/**
 * The table behind the batched discrete Gaussian sampler, and the exact decision of its rare cases.
 *
 * Method: rejection from a step function. Let f(m) = exp(−m²/(2σ²)). Magnitudes m ≥ 0 are cut into blocks of length L
 * (a power of two), block k starting at kL, k < K, with integer weights W_k ≥ A·f(kL), and one tail block for m ≥ KL
 * with weight 1; all weights sum to 2^32. A draw takes a block with probability W_k/2^32 (alias table over 256 columns of
 * 2^24, so with integers only), a uniform offset in the block, a sign, and is accepted with probability A·f(m)/W_k ≤ 1;
 * zero with a minus sign is refused. So a magnitude m is proposed and accepted with probability
 * (W_k/2^32)·(1/L)·A·f(m)/W_k = (A/(2^32·L))·f(m), the same factor everywhere: what comes out is ∝ f on all integers.
 * The tail draws j with probability 2^−(j+1) and a uniform m in [KL(j+1), KL(j+2)), and accepts with probability
 * A·f(m)·2^(j+1)·K: the same factor again. It is at most 1 for every j, because f(KL(j+1)) = f(KL)^((j+1)²),
 * f(KL) ≤ 2^−46, A < 2^32 and K < 256: 2^32·2^8·2^(j+1)·2^(−46(j+1)²) < 1.
 *
 * Exactness: a uniform number u is compared with p = A·f(m)/W_k. (1) The squeeze: the first 31 bits of u below
 * floor(2^31·A·f(kL+L−1)/W_k), computed with integers from a lower bound of f, lie below p. (2) Otherwise 63 bits of u
 * are compared with p computed in doubles as h_k·exp(−t), h_k = A·f(kL)/W_k, t = c·r·(2kL + r), c = 1/(2σ²), which uses
 * only IEEE additions and multiplications, so it is the same on every machine. With e = 2^−53: c and t err relatively
 * by at most 4e and t ≤ 0.51 (K·L/σ ≤ 8.13 and L/σ ≤ 1/15.5), so exp(−t) moves by at most 2.1e; its Horner scheme errs by E_1 with
 * E_n ≤ (t/n)·E_(n+1) + 3e·t/n + e, hence E_1 ≤ 5e, and the terms dropped are below 2^−60; h_k errs by 2e, the product
 * by e, the conversion of u by e: together below 12e < 2^−49. Only |u − p| > 2^−44 is decided so. (3) What is left
 * (less than 2^−43 of the draws), and the tail (2^−32), is decided by extending u until it leaves an integer enclosure
 * of p. No draw is decided by a rounded number: given uniform bits the distribution is exact, and nothing is charged.
 *
 * @module
 */

import { encloseExpNeg, rationalToNumber, type Rational } from '../../foundations/numerics/index.ts';
import type { NoiseTable, PendingDraw } from '../../foundations/kernels/index.ts';
import { sampleBigIntBelow, type Rng } from '../../foundations/random/index.ts';
import { createAliasColumns } from './alias.ts';
import { sampleBernoulliScaledExp } from './exact-samplers.ts';

/** What the exact decisions need beside the kernel's table. */
export interface DiscreteGaussianTable {
  readonly kernel: NoiseTable;
  readonly variance: Rational;
  /** A. */
  readonly scale: bigint;
  /** W_k for k < K. */
  readonly weights: readonly bigint[];
}

const MAX_BLOCKS = 255;
const BITS = 128;
const SPACE = 1n << 32n;

/** Whether exp(−m²/(2σ²)) ≤ 2^−46 for sure: m² ≥ 64 σ² gives exp(−32) < 2^−46. */
function isNegligible(magnitude: bigint, { numerator, denominator }: Rational): boolean {
  return magnitude * magnitude * denominator >= 64n * numerator;
}

function gammaOf(magnitude: bigint, { numerator, denominator }: Rational): Rational {
  return { numerator: magnitude * magnitude * denominator, denominator: 2n * numerator };
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

/** Builds the table of a variance of at most 2^52, so that all magnitudes fit 31 bits. */
export function createDiscreteGaussianTable(variance: Rational): DiscreteGaussianTable {
  let lengthLog2 = 0;
  while (!isNegligible(BigInt(MAX_BLOCKS) << BigInt(lengthLog2), variance)) lengthLog2 += 1;
  const length = 1n << BigInt(lengthLog2);
  let blocks = 1;
  while (!isNegligible(BigInt(blocks) * length, variance)) blocks += 1;

  const starts = Array.from({ length: blocks }, (_, k) => BigInt(k) * length);
  const upper = starts.map((start) => encloseExpNeg(gammaOf(start, variance), BITS).high);
  const total = upper.reduce((sum, value) => sum + value, 0n);
  // Σ ceil(A·f) ≤ A·Σf + K ≤ 2^32 − 1, which leaves one for the tail.
  const scale = ((SPACE - 1n - BigInt(blocks)) << BigInt(BITS)) / total;
  const weights = upper.map((value) => ceilDivide(scale * value, 1n << BigInt(BITS)));
  weights[0] = (weights[0] as bigint) + SPACE - 1n - weights.reduce((sum, weight) => sum + weight, 0n);

  const squeezes = new Uint32Array(blocks + 1);
  const heights = new Float64Array(blocks + 1);
  weights.forEach((weight, k) => {
    const last = encloseExpNeg(gammaOf((starts[k] as bigint) + length - 1n, variance), BITS).low;
    squeezes[k] = Number((scale * last) / (weight << BigInt(BITS - 31)));
    heights[k] = rationalToNumber({ numerator: scale * (upper[k] as bigint), denominator: weight << BigInt(BITS) });
  });
  return {
    variance,
    scale,
    weights,
    kernel: {
      lengthLog2,
      tail: blocks,
      curvature: rationalToNumber({ numerator: variance.denominator, denominator: 2n * variance.numerator }),
      columns: createAliasColumns([...weights.map(Number), 1]),
      bases: Uint32Array.from([...starts.map(Number), 0]),
      squeezes,
      heights,
    },
  };
}

/** Decides a draw that the kernel handed back: its value, or undefined when it is refused. */
export function decideDiscreteGaussian(
  table: DiscreteGaussianTable,
  pending: PendingDraw,
  rng: Rng,
): number | undefined {
  const accepted = pending.kind === 'tail' ? decideTail(table, rng) : decideBand(table, pending, rng);
  if (accepted === undefined || (accepted === 0n && pending.negative)) return undefined;
  // Beyond 32 bits (probability below 2^−700 at the largest variance) the exact draw is clamped: post-processing.
  const magnitude = Number(accepted > 0x7fffffffn ? 0x7fffffffn : accepted);
  return pending.negative ? -magnitude : magnitude;
}

function decideBand(
  { kernel, variance, scale, weights }: DiscreteGaussianTable,
  { block, offset, uniform }: PendingDraw,
  rng: Rng,
): bigint | undefined {
  const magnitude = BigInt((kernel.bases[block] as number) + offset);
  const factor = { numerator: scale, denominator: weights[block] as bigint };
  const gamma = gammaOf(magnitude, variance);
  return sampleBernoulliScaledExp({ factor, gamma }, { prefix: uniform, prefixBits: 63 }, rng) ? magnitude : undefined;
}

function decideTail({ kernel, variance, scale, weights }: DiscreteGaussianTable, rng: Rng): bigint | undefined {
  const blocks = BigInt(weights.length);
  const length = blocks << BigInt(kernel.lengthLog2);
  let j = 0n;
  while ((rng.uint32() & 1) === 1) j += 1n;
  const magnitude = length * (j + 1n) + sampleBigIntBelow(length, rng);
  const factor = { numerator: (scale * blocks) << (j + 1n), denominator: 1n };
  return sampleBernoulliScaledExp({ factor, gamma: gammaOf(magnitude, variance) }, {}, rng) ? magnitude : undefined;
}
