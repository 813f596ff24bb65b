/**
 * Truncation and sign, from one opening: c = x + r with a random r whose bits are shared. The rounded-down quotient follows
 * from c, r's upper bits and the one bit that tells a wrap [EGKRS20]; the sign follows from comparing c with r bit by bit
 * in a tree of six levels, on packed words.
 *
 * Exact as long as |x| < 2^62: no failure probability, apart from one unit in the last place of a truncation.
 *
 * @module
 */

import { splitBits64 } from '../../foundations/kernels/index.ts';
import { scaleWords, subtractWords } from './arithmetic.ts';
import { type MpcContext, openAll } from './context.ts';
import { MpcError } from './errors.ts';

const OFFSET = 1n << 62n;
const HALF = (1n << 63n) - 1n;
const TOP = 1n << 63n;

/** What one opening of x + r gives. */
interface Masked {
  /** x + r, public. */
  readonly c: BigUint64Array;
  /** Exclusive-or shares of the bits of r. */
  readonly bits: BigUint64Array;
  /** Shares of the top bit of r, as a number. */
  readonly top: BigUint64Array;
  /** Shares of (r mod 2^63) >> shift. */
  readonly high: BigUint64Array;
}

async function mask(context: MpcContext, x: BigUint64Array, shift: number): Promise<Masked> {
  if (!context.preprocessing.supports('truncation')) {
    throw new MpcError(
      'mpc/unsupported',
      `comparisons need a dealer; this session has ${context.preprocessing.statement}`,
    );
  }
  const [r, bits, top, high] = (await context.preprocessing.request({
    kind: 'truncation',
    count: x.length,
    shift,
  })) as [BigUint64Array, BigUint64Array, BigUint64Array, BigUint64Array];
  const shifted = new BigUint64Array(x.length);
  const offset = context.party === 0 ? OFFSET : 0n;
  for (let i = 0; i < x.length; i += 1) shifted[i] = BigInt.asUintN(64, (x[i] as bigint) + (r[i] as bigint) + offset);
  const [c] = (await openAll(context, [{ kind: 'arithmetic', words: shifted }])) as [BigUint64Array];
  return { c, bits, top, high };
}

/** (x + 2^62) >> shift − 2^(62 − shift), rounded down or one more. */
function quotient(context: MpcContext, { c, top, high }: Masked, shift: number): BigUint64Array {
  const amount = BigInt(shift);
  const unit = 1n << (63n - amount);
  const out = new BigUint64Array(c.length);
  const first = context.party === 0;
  for (let i = 0; i < c.length; i += 1) {
    const opened = c[i] as bigint;
    // The sum wrapped past 2^63 when its top bit differs from r's: wrap = c₆₃ + r₆₃ − 2 c₆₃ r₆₃.
    const wrap = opened >= TOP ? -(top[i] as bigint) : (top[i] as bigint);
    let value = wrap * unit - (high[i] as bigint);
    if (first) value += ((opened & HALF) >> amount) + (opened >= TOP ? unit : 0n) - (OFFSET >> amount);
    out[i] = BigInt.asUintN(64, value);
  }
  return out;
}

/** Divides by 2^shift. SecureML's local truncation, which a large value breaks, is not used here. */
export async function truncateShares(context: MpcContext, x: BigUint64Array, shift: number): Promise<BigUint64Array> {
  if (shift === 0) return x.slice();
  if (!context.preprocessing.supports('truncation')) return truncateLocally(context, x, shift);
  return quotient(context, await mask(context, x, shift), shift);
}

/**
 * Two parties, no help: each divides its own share. Fails, by a huge error, with probability |x| ÷ 2^63 an entry
 * [MZ17] Theorem 1: for sessions without a dealer and small values only.
 */
function truncateLocally(context: MpcContext, x: BigUint64Array, shift: number): BigUint64Array {
  if (context.parties !== 2) throw new MpcError('mpc/unsupported', 'truncation among three parties needs a dealer');
  const amount = BigInt(shift);
  return x.map((word) =>
    BigInt.asUintN(64, context.party === 0 ? word >> amount : -(BigInt.asUintN(64, -word) >> amount)),
  );
}

/** Exclusive-or shares of the sign bit (1 for negative), from a masked opening. */
async function signOf(context: MpcContext, { c, bits }: Masked): Promise<BigUint64Array> {
  const first = context.party === 0;
  const count = c.length;
  // x = (c − 2^62) − r. Bit 63 of it is the exclusive or of the bits 63 and the borrow: c' mod 2^63 < r mod 2^63.
  const opened = new BigUint64Array(count);
  let generate = new BigUint64Array(count);
  let propagate = new BigUint64Array(count);
  for (let i = 0; i < count; i += 1) {
    const word = BigInt.asUintN(64, (c[i] as bigint) - OFFSET);
    opened[i] = word;
    // Slot 0 is neutral; slots 1 … 63 hold the bits 0 … 62.
    const low = BigInt.asUintN(64, (word & HALF) << 1n);
    const r = BigInt.asUintN(64, (bits[i] as bigint) << 1n);
    generate[i] = r & (low ^ 0xffff_ffff_ffff_ffffn) & 0xffff_ffff_ffff_fffen;
    propagate[i] = first ? (low ^ 0xffff_ffff_ffff_ffffn ^ r) | 1n : r;
  }
  for (const width of [32, 16, 8, 4, 2, 1] as const) {
    const g = splitBits64(generate);
    const p = splitBits64(propagate);
    const [a, b1, b2, c1, c2] = (await context.preprocessing.request({ kind: 'conjunction', count, width })) as [
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
    ];
    // The higher half is odd: G = g₁ ⊕ p₁ g₀, P = p₁ p₀.
    const mix = (x: BigUint64Array, y: BigUint64Array) => x.map((word, i) => word ^ (y[i] as bigint));
    const openings = [mix(p.odd, a), mix(g.even, b1), mix(p.even, b2)].map(
      (words) => ({ kind: 'boolean', words, width }) as const,
    );
    const [d, e1, e2] = (await openAll(context, width === 1 ? openings.slice(0, 2) : openings)) as [
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
    ];
    generate = g.odd.map((word, i) => {
      const [di, ei] = [d[i] as bigint, e1[i] as bigint];
      return word ^ (c1[i] as bigint) ^ (di & (b1[i] as bigint)) ^ (ei & (a[i] as bigint)) ^ (first ? di & ei : 0n);
    });
    if (width === 1) break;
    propagate = c2.map((word, i) => {
      const [di, ei] = [d[i] as bigint, e2[i] as bigint];
      return word ^ (di & (b2[i] as bigint)) ^ (ei & (a[i] as bigint)) ^ (first ? di & ei : 0n);
    });
  }
  return generate.map(
    (borrow, i) => (borrow ^ ((bits[i] as bigint) >> 63n) ^ (first ? (opened[i] as bigint) >> 63n : 0n)) & 1n,
  );
}

/** Multiplies vectors by a secret bit, all lanes by the same; the bit may be wanted as a number too. */
async function multiplyByBit(
  context: MpcContext,
  bit: BigUint64Array,
  lanes: readonly BigUint64Array[],
): Promise<{ readonly products: readonly BigUint64Array[]; readonly bit: BigUint64Array }> {
  const count = bit.length;
  const correlation = await context.preprocessing.request({ kind: 'bitProduct', count, lanes: lanes.length });
  const [dBits, d] = correlation as [BigUint64Array, BigUint64Array];
  const openings = [
    { kind: 'boolean', words: bit.map((word, i) => word ^ (dBits[i] as bigint)), width: 1 } as const,
    ...lanes.map(
      (lane, l) =>
        ({ kind: 'arithmetic', words: subtractWords(lane, correlation[2 + 2 * l] as BigUint64Array) }) as const,
    ),
  ];
  const [v, ...masked] = (await openAll(context, openings)) as [BigUint64Array, ...BigUint64Array[]];
  // bit = v ⊕ d = v + d − 2 v d, and lane · d = e · d + a · d with e = lane − a opened.
  const products = lanes.map((lane, l) => {
    const e = masked[l] as BigUint64Array;
    const ad = correlation[3 + 2 * l] as BigUint64Array;
    return lane.map((word, i) => {
      const laneTimesD = BigInt.asUintN(64, (e[i] as bigint) * (d[i] as bigint) + (ad[i] as bigint));
      return BigInt.asUintN(64, v[i] === 1n ? word - laneTimesD : laneTimesD);
    });
  });
  const asNumber = d.map((word, i) => BigInt.asUintN(64, v[i] === 1n ? (context.party === 0 ? 1n : 0n) - word : word));
  return { products, bit: asNumber };
}

/** 1 where x < 0, as a number. */
export async function isNegative(context: MpcContext, x: BigUint64Array): Promise<BigUint64Array> {
  const sign = await signOf(context, await mask(context, x, 0));
  return (await multiplyByBit(context, sign, [])).bit;
}

/** max(x, 0) ÷ 2^shift: truncation and sign from one opening. */
export async function reluShares(context: MpcContext, x: BigUint64Array, shift: number): Promise<BigUint64Array> {
  const masked = await mask(context, x, shift);
  const small = shift === 0 ? x : quotient(context, masked, shift);
  const { products } = await multiplyByBit(context, await signOf(context, masked), [small]);
  return subtractWords(small, products[0] as BigUint64Array);
}

/** b where a < b, else a; lanes follow their value: the step of every tournament. */
export async function selectLarger(
  context: MpcContext,
  a: readonly BigUint64Array[],
  b: readonly BigUint64Array[],
): Promise<readonly BigUint64Array[]> {
  const differences = a.map((lane, l) => subtractWords(b[l] as BigUint64Array, lane));
  const sign = await signOf(context, await mask(context, scaleWords(differences[0] as BigUint64Array, -1n), 0));
  const { products } = await multiplyByBit(context, sign, differences);
  return a.map((lane, l) => {
    const product = products[l] as BigUint64Array;
    return lane.map((word, i) => BigInt.asUintN(64, word + (product[i] as bigint)));
  });
}

/** Exclusive-or shares of bits, as numbers. */
export async function bitsToNumbers(context: MpcContext, bits: BigUint64Array): Promise<BigUint64Array> {
  return (await multiplyByBit(context, bits, [])).bit;
}

/** Exclusive-or shares of x = y for 64-bit words shared by exclusive or: a conjunction of all bits of ¬(x ⊕ y). */
export async function areEqualBits(context: MpcContext, difference: BigUint64Array): Promise<BigUint64Array> {
  const first = context.party === 0;
  const count = difference.length;
  let same = first ? difference.map((word) => word ^ 0xffff_ffff_ffff_ffffn) : difference.slice();
  for (const width of [32, 16, 8, 4, 2, 1] as const) {
    const { even, odd } = splitBits64(same);
    const [a, b, , c] = (await context.preprocessing.request({ kind: 'conjunction', count, width })) as [
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
    ];
    const [d, e] = (await openAll(context, [
      { kind: 'boolean', words: odd.map((word, i) => word ^ (a[i] as bigint)), width },
      { kind: 'boolean', words: even.map((word, i) => word ^ (b[i] as bigint)), width },
    ])) as [BigUint64Array, BigUint64Array];
    same = c.map((word, i) => {
      const [di, ei] = [d[i] as bigint, e[i] as bigint];
      return word ^ (di & (b[i] as bigint)) ^ (ei & (a[i] as bigint)) ^ (first ? di & ei : 0n);
    });
  }
  return same;
}
