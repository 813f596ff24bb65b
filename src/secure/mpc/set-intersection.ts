/**
 * The size of the intersection of two parties' sets, and nothing else of them [PSTY19]: one party hashes its elements
 * into bins of one (cuckoo hashing), the other into bins of a fixed depth; every pair in a bin is compared on shares, and
 * only the number of equal pairs is opened, with noise inside when asked for.
 *
 * The sizes of the sets are public.
 *
 * @module
 */

import { hmacSha256, utf8 } from '../../foundations/crypto/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import { createDistributedDiscreteGaussian } from '../../privacy/mechanisms/index.ts';
import type { DpEvent, Ledger } from '../../privacy/accounting/index.ts';
import { openTo } from './context.ts';
import { MpcError } from './errors.ts';
import type { MpcSession } from './session.ts';
import { areEqualBits, bitsToNumbers } from './signs.ts';

const HASHES = 3;
/** Bins an element of the cuckoo side: with three hashes, insertion succeeds with room to spare. */
const LOAD = 1.5;
const MAX_KICKS = 500;
/** Chance, as a power of two, that some bin of the other side overflows. */
const OVERFLOW_LOG2 = -40;

/** What the two parties agreed on. */
export interface IntersectionOptions {
  /** Sizes of the sets of party 0 and party 1; public. */
  readonly sizes: readonly [number, number];
  /** Names this run: hashes of elements differ from run to run. */
  readonly salt: string;
  /** Noise inside: a discrete Gaussian from each party, either of which alone gives the guarantee to the other's records. */
  readonly noise?: {
    readonly noiseMultiplier: number;
    readonly ledger?: Pick<Ledger, 'reserve' | 'commit' | 'abort'>;
    readonly purpose?: string;
  };
}

/** The opened number. */
export interface IntersectionResult {
  readonly cardinality: number;
  readonly comparisons: number;
  readonly event?: DpEvent;
  readonly trust: string;
}

interface Hashed {
  readonly tag: bigint;
  readonly bins: readonly number[];
}

function hashElement(element: string, salt: string, bins: number): Hashed {
  const digest = hmacSha256(utf8(`sotto/mpc/set-intersection/${salt}`), utf8(element));
  const view = new DataView(digest.buffer, digest.byteOffset);
  return {
    // 62 bits; the two above them tell real elements from fillers.
    tag: view.getBigUint64(0) >> 2n,
    bins: Array.from({ length: HASHES }, (_, i) => view.getUint32(8 + 4 * i) % bins),
  };
}

/** Depth of the other side's bins: a binomial tail below 2^−40 over all bins, by Chernoff's bound. */
function depthOf(elements: number, bins: number): number {
  const mean = (HASHES * elements) / bins;
  for (let depth = Math.ceil(mean) + 1; ; depth += 1) {
    const logTail = (depth * Math.log(mean / depth) + depth - mean) / Math.LN2;
    if (logTail + Math.log2(bins) < OVERFLOW_LOG2) return depth;
  }
}

const FILLER = [1n << 62n, 2n << 62n] as const;

function cuckoo(elements: readonly Hashed[], bins: number): BigUint64Array {
  const table: (Hashed | undefined)[] = Array.from({ length: bins });
  elements.forEach((element, index) => {
    let current = element;
    for (let kick = 0; kick < MAX_KICKS; kick += 1) {
      const free = current.bins.find((bin) => table[bin] === undefined);
      if (free !== undefined) {
        table[free] = current;
        return;
      }
      const bin = current.bins[(kick + index) % HASHES] as number;
      [current, table[bin]] = [table[bin] as Hashed, current];
    }
    throw new MpcError('mpc/hashing-failed', 'an element found no bin: use another salt', { retryable: true });
  });
  return BigUint64Array.from(table, (entry) => entry?.tag ?? FILLER[0]);
}

function simple(elements: readonly Hashed[], bins: number, depth: number): BigUint64Array {
  const out = new BigUint64Array(bins * depth).fill(FILLER[1]);
  const used = new Uint16Array(bins);
  for (const { tag, bins: places } of elements) {
    for (const bin of new Set(places)) {
      const at = used[bin] as number;
      if (at >= depth)
        throw new MpcError('mpc/hashing-failed', 'a bin overflowed: use another salt', { retryable: true });
      out[bin * depth + at] = tag;
      used[bin] = at + 1;
    }
  }
  return out;
}

/**
 * Computes |A ∩ B| of party 0's and party 1's sets; both read the number.
 * Guarantee: a semi-honest party learns the (noised) number only; two different elements count as equal with probability
 * below 2^−62 a comparison.
 * @param elements - this party's set; repeats are dropped before `sizes` is checked.
 */
export async function intersectionCardinality(
  session: MpcSession,
  elements: Iterable<string>,
  { sizes, salt, noise }: IntersectionOptions,
): Promise<IntersectionResult> {
  const { context, party } = session;
  if (session.parties !== 2) throw new MpcError('mpc/unsupported', 'set intersection is for two parties');
  const own = [...new Set(elements)];
  assertInteger(sizes[0], 'sizes[0]', { min: 1, max: 2 ** 22 });
  assertInteger(sizes[1], 'sizes[1]', { min: 1, max: 2 ** 22 });
  if (own.length !== sizes[party]) {
    throw new MpcError(
      'mpc/parameters-differ',
      `the set of party ${party} has ${own.length} elements, ${sizes[party]} were agreed`,
    );
  }
  const bins = Math.max(16, Math.ceil(LOAD * sizes[0]));
  const depth = depthOf(sizes[1], bins);
  const hashed = own.map((element) => hashElement(element, salt, bins));
  // Party 0 repeats its bin for every place of the other side's bin: the tags of both are shares of their difference.
  let share: BigUint64Array;
  if (party === 0) {
    const table = cuckoo(hashed, bins);
    share = BigUint64Array.from({ length: bins * depth }, (_, i) => table[Math.floor(i / depth)] as bigint);
  } else share = simple(hashed, bins, depth);

  const mechanism =
    noise &&
    createDistributedDiscreteGaussian({
      l2Sensitivity: 1,
      noiseMultiplier: noise.noiseMultiplier,
      honestShares: 1,
      dimension: 1,
    });
  const event = mechanism?.event();
  const reservation =
    event && noise?.ledger && (await noise.ledger.reserve({ event, purpose: noise.purpose ?? 'set intersection' }));
  const opened = await countEqual().catch(async (error: unknown) => {
    // The count may be out at the other party: what was charged stays charged.
    if (reservation !== undefined) await noise?.ledger?.abort(reservation, { dataTouched: true });
    throw error;
  });
  if (reservation !== undefined) await noise?.ledger?.commit(reservation);
  return {
    cardinality: opened,
    comparisons: bins * depth,
    ...(event && { event }),
    trust: session.trust,
  };

  async function countEqual(): Promise<number> {
    const equal = await bitsToNumbers(context, await areEqualBits(context, share));
    let total = 0n;
    for (const word of equal) total += word;
    if (mechanism !== undefined) {
      const draw = new Int32Array(1);
      mechanism.addShareInto(draw, context.rng);
      total += BigInt(draw[0] as number);
    }
    const [sum] = (await openTo(
      context,
      [{ kind: 'arithmetic', words: BigUint64Array.of(BigInt.asUintN(64, total)) }],
      [0, 1],
    )) as [BigUint64Array];
    return Number(BigInt.asIntN(64, sum[0] as bigint));
  }
}
