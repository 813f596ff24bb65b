/**
 * A session of two or three parties that compute on shared numbers. Secrets go in with `share`, come out with `reveal`,
 * and nothing in between is seen by anybody.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { createRing, decodeRingWide, encodeRingWide } from '../../foundations/vector/index.ts';
import { addShareInto, SHARE_SEED_BYTES, splitAdditive } from '../sharing/index.ts';
import { addPublic, addWords, multiplyMatrixShares, multiplyShares, scaleWords, subtractWords } from './arithmetic.ts';
import type { PartyChannel } from './channel.ts';
import { type MpcContext, openTo, type SessionCost } from './context.ts';
import { MpcError } from './errors.ts';
import type { Preprocessing } from './preprocessing.ts';
import { type Plain, Shared, shareOf } from './shared.ts';
import { isNegative, reluShares, truncateShares } from './signs.ts';
import { playTournament } from './tournament.ts';

/** How a session computes. All parties must use the same. */
export interface MpcSessionOptions {
  readonly channel: PartyChannel;
  readonly parties: number;
  readonly preprocessing: Preprocessing;
  /** Binary digits after the point of fixed-point numbers; 16 by default. */
  readonly fractionBits?: number;
  /** Bound of the magnitude of a shared number; 2^20 by default. */
  readonly clampRange?: number;
}

type Real = Shared<Float64Array>;

/** One party's hand in a session. Every party calls the same functions in the same order. */
export interface MpcSession {
  readonly party: number;
  readonly parties: number;
  /** Who must not collude, and what adversary is withstood; part of every output. */
  readonly trust: string;
  /** The insides, for protocols built on top. */
  readonly context: MpcContext;
  /** Shares the owner's numbers; the other parties give undefined. 16 bytes a party, whatever the size. */
  share(owner: number, values: ArrayLike<number> | undefined, shape: readonly number[]): Promise<Real>;
  /** A number everybody knows. */
  constant(values: ArrayLike<number>, shape: readonly number[]): Real;
  /** Opens a secret to the listed parties. @returns undefined for the others. */
  reveal(secret: Real, readers: readonly number[]): Promise<Float64Array | undefined>;
  add(a: Real, b: Real): Real;
  subtract(a: Real, b: Real): Real;
  /** Multiplies by a public number. */
  scale(a: Real, factor: number): Promise<Real>;
  multiply(a: Real, b: Real): Promise<Real>;
  matmul(a: Real, b: Real): Promise<Real>;
  /** Sum of all entries. */
  sum(a: Real): Real;
  /** 1 where a < b, else 0. */
  lessThan(a: Real, b: Real): Promise<Real>;
  relu(a: Real): Promise<Real>;
  /** Largest entry of every row (of the last dimension). */
  max(a: Real): Promise<Real>;
  /** Index of the largest entry of every row, the first when equal. */
  argmax(a: Real): Promise<Real>;
  cost(): SessionCost;
}

const WORD_RING = createRing({ bitWidth: 64 });

/** Residues as the 64-bit words they are. */
function asWords(residues: Uint32Array): BigUint64Array {
  return new BigUint64Array(residues.buffer, residues.byteOffset, residues.length / 2);
}

function encodeReals(values: ArrayLike<number>, fractionBits: number, clampRange: number): BigUint64Array {
  const scale = 2 ** fractionBits;
  const out = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    if (!(Math.abs(value) <= clampRange)) {
      throw new MpcError('mpc/overflow', `entry ${i} is not a number within ±${clampRange}`, {
        details: { entry: i, clampRange },
      });
    }
    out[i] = BigInt(Math.round(value * scale));
  }
  return asWords(encodeRingWide(out, WORD_RING));
}

/** Reads words as signed numbers with `fractionBits` digits after the point. */
export function decodeReals(words: BigUint64Array, fractionBits: number): Float64Array {
  const integers = decodeRingWide(new Uint32Array(words.slice().buffer), WORD_RING);
  return Float64Array.from(integers, (value) => Number(value) / 2 ** fractionBits);
}

/**
 * Opens a session over a channel to the other parties.
 * Guarantee: semi-honest; every value a party sees before `reveal` is uniform as long as the source of correlated
 * randomness keeps to its statement and, with three parties, no two of them pool their shares.
 * @throws {RangeError} when parties or digits are out of range.
 */
export function createMpcSession(
  { channel, parties, preprocessing, fractionBits = 16, clampRange = 2 ** 20 }: MpcSessionOptions,
  rng: Rng,
): MpcSession {
  assertInteger(parties, 'parties', { min: 2, max: 3 });
  assertInteger(fractionBits, 'fractionBits', { min: 1, max: 24 });
  // A product before truncation must stay below 2^62.
  if (2 * fractionBits + Math.log2(clampRange) > 61) {
    throw new MpcError(
      'mpc/overflow',
      '"clampRange" with twice "fractionBits" must stay below 2^61: lower one of them',
    );
  }
  const owner = {};
  const cost = { rounds: 0, bytesSent: 0 };
  const party = channel.endpoint;
  const context: MpcContext = { party, parties, channel, preprocessing, rng, fractionBits, owner, cost };
  const words = (secret: Shared<Plain>) => shareOf(secret, owner);
  const real = (share: BigUint64Array, shape: readonly number[]): Real =>
    new Shared<Float64Array>(owner, share, { shape, fractionBits });
  const sameShape = (a: Real, b: Real) => {
    if (a.shape.join() !== b.shape.join()) {
      throw new MpcError(
        'mpc/shape-mismatch',
        `tensors of shape ${a.shape.join('×')} and ${b.shape.join('×')} do not fit`,
      );
    }
  };
  const rowsOf = (a: Real) => {
    const columns = a.shape.at(-1) as number;
    return { rows: a.size / columns, columns };
  };

  const session: MpcSession = {
    party,
    parties,
    trust: `${parties} semi-honest parties${parties === 3 ? ', no two pooling their shares' : ''}; ${preprocessing.statement}`,
    context,
    async share(from, values, shape) {
      const entries = shape.reduce((product, size) => product * size, 1);
      assertInteger(from, 'owner', { max: parties - 1 });
      if (party === from) {
        if (values === undefined || values.length !== entries) {
          throw new MpcError(
            'mpc/shape-mismatch',
            `a tensor of shape ${shape.join('×')} has ${entries} entries, got ${values?.length ?? 'none'}`,
          );
        }
        const plain = encodeReals(values, fractionBits, clampRange);
        const shares = splitAdditive(
          new Uint32Array(plain.buffer),
          { ring: WORD_RING, parties, correctionAt: party },
          rng,
        );
        for (let to = 0; to < parties; to += 1) {
          if (to === party) continue;
          const { seed } = shares[to] as { seed: Uint8Array };
          cost.bytesSent += seed.length;
          await channel.send(to, seed);
        }
        return real(asWords((shares[party] as { residues: Uint32Array }).residues), shape);
      }
      const seed = await channel.receive(from);
      if (seed.length !== SHARE_SEED_BYTES)
        throw new MpcError('mpc/malformed-message', `party ${from} did not send a share`);
      const residues = new Uint32Array(2 * entries);
      addShareInto(residues, { kind: 'seed', seed }, WORD_RING);
      return real(asWords(residues), shape);
    },
    constant(values, shape) {
      const encoded = encodeReals(values, fractionBits, clampRange);
      return real(party === 0 ? encoded : new BigUint64Array(encoded.length), shape);
    },
    async reveal(secret, readers) {
      const opened = await openTo(context, [{ kind: 'arithmetic', words: words(secret) }], readers);
      return opened === undefined ? undefined : decodeReals(opened[0] as BigUint64Array, secret.fractionBits);
    },
    add(a, b) {
      sameShape(a, b);
      return real(addWords(words(a), words(b)), a.shape);
    },
    subtract(a, b) {
      sameShape(a, b);
      return real(subtractWords(words(a), words(b)), a.shape);
    },
    async scale(a, factor) {
      if (Number.isInteger(factor)) return real(scaleWords(words(a), BigInt(factor)), a.shape);
      const product = scaleWords(words(a), BigInt(Math.round(factor * 2 ** fractionBits)));
      return real(await truncateShares(context, product, fractionBits), a.shape);
    },
    async multiply(a, b) {
      sameShape(a, b);
      const product = await multiplyShares(context, words(a), words(b));
      return real(await truncateShares(context, product, fractionBits), a.shape);
    },
    async matmul(a, b) {
      const [rows, inner] = a.shape;
      const [same, columns] = b.shape;
      if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== same) {
        throw new MpcError(
          'mpc/shape-mismatch',
          `matrices of shape ${a.shape.join('×')} and ${b.shape.join('×')} cannot be multiplied`,
        );
      }
      const shape = { rows: rows as number, inner: inner as number, columns: columns as number };
      const product = await multiplyMatrixShares(context, words(a), words(b), shape);
      return real(await truncateShares(context, product, fractionBits), [shape.rows, shape.columns]);
    },
    sum(a) {
      let total = 0n;
      for (const word of words(a)) total = BigInt.asUintN(64, total + word);
      return real(BigUint64Array.of(total), [1]);
    },
    async lessThan(a, b) {
      sameShape(a, b);
      const bits = await isNegative(context, subtractWords(words(a), words(b)));
      return real(scaleWords(bits, 1n << BigInt(fractionBits)), a.shape);
    },
    relu: async (a) => real(await reluShares(context, words(a), 0), a.shape),
    async max(a) {
      const { rows, columns } = rowsOf(a);
      const [winner] = await playTournament(context, [words(a)], rows, columns);
      return real(winner as BigUint64Array, a.shape.slice(0, -1).length > 0 ? a.shape.slice(0, -1) : [1]);
    },
    async argmax(a) {
      const { rows, columns } = rowsOf(a);
      const indices = BigUint64Array.from(
        { length: rows * columns },
        (_, i) => BigInt(i % columns) << BigInt(fractionBits),
      );
      const shared = addPublic(context, new BigUint64Array(rows * columns), indices);
      const [, winner] = await playTournament(context, [words(a), shared], rows, columns);
      return real(winner as BigUint64Array, a.shape.slice(0, -1).length > 0 ? a.shape.slice(0, -1) : [1]);
    },
    cost: () => ({ ...cost, dealerBytes: preprocessing.bytes() }),
  };
  return session;
}
