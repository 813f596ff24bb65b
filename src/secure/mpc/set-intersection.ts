/**
 * The size of the intersection of two parties' sets, and nothing else of them [PSTY19]: one party hashes its elements
 * into bins of one (cuckoo hashing), the other into bins of a fixed depth; every pair in a bin is compared on shares, and
 * only the number of equal pairs is opened, with noise inside when asked for.
 *
 * The sizes of the sets are public.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { createDistributedDiscreteGaussian } from '../../privacy/mechanisms/index.ts';
import type { DpEvent, Ledger } from '../../privacy/accounting/index.ts';
import { openTo } from './context.ts';
import { MpcError } from './errors.ts';
import type { MpcSession } from './session.ts';
import { binsFor, depthOf, hashElement, placeInDepth, placeOneABin } from './set-hashing.ts';
import { areEqualBits, bitsToNumbers } from './signs.ts';

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
  const bins = binsFor(sizes[0]);
  const depth = depthOf(sizes[1], bins);
  const hashed = own.map((element) => hashElement(element, salt, bins));
  // Party 0 repeats its bin for every place of the other side's bin: the tags of both are shares of their difference.
  let share: BigUint64Array;
  if (party === 0) {
    const table = placeOneABin(hashed, bins, context.rng);
    share = BigUint64Array.from({ length: bins * depth }, (_, i) => table[Math.floor(i / depth)] as bigint);
  } else share = placeInDepth(hashed, { bins, depth });

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
