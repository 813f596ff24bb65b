/**
 * The table behind the batched discrete Gaussian and discrete Laplace samplers, and the exact decision of their rare
 * cases.
 *
 * Method: rejection from a step function. Let f(m) = exp(−γ(m)), γ(m) = linear·m + quadratic·m², with rational
 * coefficients ≥ 0. Magnitudes m ≥ 0 are cut into blocks of length L (a power of two), block k starting at kL, k < K,
 * with integer weights W_k ≥ A·f(kL), and one tail block for m ≥ KL with weight 1; all weights sum to 2^32. A draw takes
 * a block with probability W_k/2^32 (alias table, integers only), a uniform offset in the block, a sign, and is accepted
 * with probability A·f(m)/W_k ≤ 1; zero with a minus sign is refused. So a magnitude m is proposed and accepted with
 * probability (W_k/2^32)·(1/L)·A·f(m)/W_k = (A/(2^32·L))·f(m), the same factor everywhere: what comes out is ∝ f(|x|)
 * on all integers. The tail draws j with probability 2^−(j+1) and a uniform m in [KL(j+1), KL(j+2)), and accepts with
 * probability A·f(m)·2^(j+1)·K: the same factor again. It is at most 1 for every j, because
 * f(KL(j+1)) ≤ f(KL)^(j+1), f(KL) ≤ 2^−46, A < 2^32 and K < 256: 2^32·2^8·2^(j+1)·2^(−46(j+1)) < 1.
 *
 * Exactness: a uniform number u is compared with p = A·f(m)/W_k. (1) The squeeze: the first 31 bits of u below
 * floor(2^31·A·f(kL+L−1)/W_k), computed with integers from a lower bound of f, lie below p. (2) Otherwise 63 bits of u
 * are compared with p computed in doubles as h·exp(−t), h = A·f(kL)/W_k, t = r·(slope + curvature·r), which uses only
 * IEEE additions and multiplications, so it is the same on every machine. With e = 2^−53: slope, curvature and t err
 * relatively by at most 6e and t ≤ 0.51 (Gaussian: KL/σ ≤ 8.07 and L/σ ≤ 1/15.9, or L = 1 and t = 0; Laplace: L ≤ 0.26
 * scale), so exp(−t) moves by at most 3.1e; its Horner scheme errs by E_1 with E_n ≤ (t/n)·E_(n+1) + 3e·t/n + e, hence
 * E_1 ≤ 5e, and the terms dropped are below 2^−60; h errs by 2e, the product by e, the conversion of u by e: together
 * below 16e = 2^−49. Only |u − p| > 2^−44 is decided so. (3) What is left (less than 2^−43 of the draws), and the tail
 * (2^−32), is decided by extending u until it leaves an integer enclosure of p. No draw is decided by a rounded number:
 * given uniform bits the distribution is exact, and nothing is charged.
 *
 * @module
 */

import { encloseExpNeg, rationalToNumber, reduceRational, type Rational } from '../../../foundations/numerics/index.ts';
import type { BlockNoiseTable, PendingDraw } from '../../../foundations/kernels/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { createAliasColumns } from './alias.ts';
import { sampleBernoulliScaledExp } from './exact-samplers.ts';

/** The law P(x) ∝ exp(−linear·|x| − quadratic·x²) on the integers. */
export interface NoiseLaw {
  readonly linear: Rational;
  readonly quadratic: Rational;
}

/** What the exact decisions need beside the kernel's table. */
export interface BlockTable {
  readonly kernel: BlockNoiseTable;
  readonly law: NoiseLaw;
  /** A. */
  readonly scale: bigint;
  /** W_k for k < K. */
  readonly weights: readonly bigint[];
}

const MAX_BLOCKS = 255;
const BITS = 128;
const SPACE = 1n << 32n;

/** γ(m). */
function exponentOf({ linear, quadratic }: NoiseLaw, m: bigint): Rational {
  return reduceRational({
    numerator: linear.numerator * m * quadratic.denominator + quadratic.numerator * m * m * linear.denominator,
    denominator: linear.denominator * quadratic.denominator,
  });
}

/** Whether γ(m) ≥ 32, so that f(m) ≤ e^−32 < 2^−46. */
function isNegligible(law: NoiseLaw, m: bigint): boolean {
  const { numerator, denominator } = exponentOf(law, m);
  return numerator >= 32n * denominator;
}

function slopeAt({ linear, quadratic }: NoiseLaw, m: bigint): number {
  return rationalToNumber({
    numerator: linear.numerator * quadratic.denominator + 2n * m * quadratic.numerator * linear.denominator,
    denominator: linear.denominator * quadratic.denominator,
  });
}

/** Builds the table of a law. The caller bounds the law so that all its magnitudes below the tail fit 30 bits. */
export function createBlockTable(law: NoiseLaw): BlockTable {
  let lengthLog2 = 0;
  while (!isNegligible(law, BigInt(MAX_BLOCKS) << BigInt(lengthLog2))) lengthLog2 += 1;
  const length = 1n << BigInt(lengthLog2);
  let blocks = 1;
  while (!isNegligible(law, BigInt(blocks) * length)) blocks += 1;

  const starts = Array.from({ length: blocks }, (_, k) => BigInt(k) * length);
  const upper = starts.map((start) => encloseExpNeg(exponentOf(law, start), BITS).high);
  const total = upper.reduce((sum, value) => sum + value, 0n);
  // Σ ceil(A·f) ≤ A·Σf + K ≤ 2^32 − 1, which leaves one for the tail.
  const scale = ((SPACE - 1n - BigInt(blocks)) << BigInt(BITS)) / total;
  const weights = upper.map((value) => (scale * value + (1n << BigInt(BITS)) - 1n) >> BigInt(BITS));
  weights[0] = (weights[0] as bigint) + SPACE - 1n - weights.reduce((sum, weight) => sum + weight, 0n);

  const squeezes = new Uint32Array(blocks + 1);
  const heights = new Float64Array(blocks + 1);
  weights.forEach((weight, k) => {
    const last = encloseExpNeg(exponentOf(law, (starts[k] as bigint) + length - 1n), BITS).low;
    squeezes[k] = Number((scale * last) / (weight << BigInt(BITS - 31)));
    heights[k] = rationalToNumber({ numerator: scale * (upper[k] as bigint), denominator: weight << BigInt(BITS) });
  });
  return {
    law,
    scale,
    weights,
    kernel: {
      kind: 'blocks',
      lengthLog2,
      tail: blocks,
      curvature: rationalToNumber(law.quadratic),
      columns: createAliasColumns([...weights.map(Number), 1], { columnsLog2: 8, capacityLog2: 24 }),
      bases: Uint32Array.from([...starts.map(Number), 0]),
      squeezes,
      heights,
      slopes: Float64Array.from([...starts.map((start) => slopeAt(law, start)), 0]),
    },
  };
}

/** Decides a draw that the kernel handed back: its value, or undefined when it is refused. */
export function decideBlockDraw(table: BlockTable, pending: PendingDraw, rng: Rng): number | undefined {
  if (pending.kind === 'residual') throw new TypeError('a block table has no residual');
  const accepted = pending.kind === 'tail' ? decideTail(table, rng) : decideBand(table, pending, rng);
  if (accepted === undefined || (accepted === 0n && pending.negative)) return undefined;
  // Beyond 31 bits (probability below e^−100 at the widest law) the exact draw is clamped: post-processing.
  const magnitude = Number(accepted > 0x7fffffffn ? 0x7fffffffn : accepted);
  return pending.negative ? -magnitude : magnitude;
}

function decideBand(
  { kernel, law, scale, weights }: BlockTable,
  { block, offset, uniform }: Extract<PendingDraw, { kind: 'band' }>,
  rng: Rng,
): bigint | undefined {
  const magnitude = BigInt((kernel.bases[block] as number) + offset);
  const factor = { numerator: scale, denominator: weights[block] as bigint };
  const gamma = exponentOf(law, magnitude);
  return sampleBernoulliScaledExp({ factor, gamma }, { prefix: uniform, prefixBits: 63 }, rng) ? magnitude : undefined;
}

function decideTail({ kernel, law, scale, weights }: BlockTable, rng: Rng): bigint | undefined {
  const blocks = BigInt(weights.length);
  const length = blocks << BigInt(kernel.lengthLog2);
  let j = 0n;
  while ((rng.uint32() & 1) === 1) j += 1n;
  const magnitude = length * (j + 1n) + sampleBigIntBelow(length, rng);
  const factor = { numerator: (scale * blocks) << (j + 1n), denominator: 1n };
  return sampleBernoulliScaledExp({ factor, gamma: exponentOf(law, magnitude) }, {}, rng) ? magnitude : undefined;
}
