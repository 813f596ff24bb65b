/**
 * A sum over parties that shows nothing but itself: every party splits its vector into shares (a 16-byte seed for each
 * other party, the correction stays at home), adds up what it got, and only these partial sums are opened.
 *
 * Semi-honest parties, any number of whom but two may pool what they saw: they learn the sum of the others' vectors and
 * nothing else. A party that lies changes the sum; it cannot read more. [BGW88] §1, with seeds as in [CDI05]. The
 * parameters enter the expansion of every seed: among parties that run with different ones nothing cancels.
 *
 * @module
 */

import { concatBytes, sha256, utf8 } from '../../foundations/crypto/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { decodeRing } from '../../foundations/vector/index.ts';
import { addShareInto, createFixedPoint, type FixedPoint, SHARE_SEED_BYTES, splitAdditive } from '../sharing/index.ts';
import { countTraffic, createLocalNetwork, type PartyChannel, runEndpoints } from './channel.ts';
import { type Contribution, layOut, type SumOf } from './contribution.ts';
import { MpcError } from './errors.ts';
import { createNoisePart, type NoisePart, type SumNoise } from './sum-noise.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';

/** How a sum is computed. All parties must use the same. */
export interface SecureSumOptions {
  /** Bound of the magnitude of one entry of one party. */
  readonly clampRange: number;
  /** Binary digits after the point; 16 by default, 0 for counts. */
  readonly fractionBits?: number;
  /** What happens to an entry beyond `clampRange`: refused by default. */
  readonly onOverflow?: 'reject' | 'clamp';
  /** Noise added inside, without which at least three parties are needed. */
  readonly noise?: SumNoise;
  /** Fewest parties; not below 3 without noise. */
  readonly minParties?: number;
  /** Who reads the sum; everybody by default. */
  readonly readers?: readonly number[];
}

/** The opened sum and what it cost. */
export interface SecureSumResult<C extends Contribution = Contribution> {
  /** The sum; undefined for a party that is not a reader. */
  readonly sum: SumOf<C> | undefined;
  readonly parties: number;
  /** Largest error an entry can have from fixed point, and from float64 where a sum has more than 53 bits (noise aside). */
  readonly maxError: number;
  readonly bitWidth: 32 | 64;
  /** Payload bytes this party sent: shares, and opened partial sums. */
  readonly bytes: { readonly shares: number; readonly opening: number };
  readonly rounds: number;
  /** What was released, when noise was added. */
  readonly event?: DpEvent;
  /** SHA-256 of the parameters and the opened sum: equal for all readers. */
  readonly transcript?: Uint8Array;
  /** Who must not collude, in words. */
  readonly trust: string;
}

const TRUST = 'semi-honest parties; at least two parties outside any collusion';

interface Prepared {
  readonly codec: FixedPoint;
  readonly noise: NoisePart | undefined;
  readonly digest: Uint8Array;
}

function prepare(parties: number, dimension: number, signature: string, options: SecureSumOptions): Prepared {
  const { clampRange, fractionBits = 16, onOverflow = 'reject', noise, minParties = 2 } = options;
  assertInteger(minParties, 'minParties', { min: 1 });
  const floor = noise === undefined ? Math.max(3, minParties) : Math.max(2, minParties);
  if (parties < floor) {
    throw new MpcError(
      'mpc/too-few-parties',
      `a sum of ${parties} parties is not opened, ${floor} are needed${noise === undefined ? ': fewer only with noise added inside' : ''}`,
      { details: { parties, floor } },
    );
  }
  const part = noise && createNoisePart(noise, { fractionBits, dimension, parties });
  // The noise takes head-room like further addends do.
  const addends = parties + (part === undefined ? 0 : Math.ceil(part.reach / (clampRange * 2 ** fractionBits)));
  const fits = BigInt(Math.floor(clampRange * 2 ** fractionBits) + 1) * BigInt(addends) < 2n ** 31n;
  const codec = createFixedPoint({ bitWidth: fits ? 32 : 64, fractionBits, clampRange, addends, onOverflow });
  if (part !== undefined && codec.ring.bitWidth > 32) {
    throw new MpcError('mpc/overflow', 'a noised sum must fit 32 bits: lower "fractionBits" or "clampRange"');
  }
  const readers = options.readers ?? 'all';
  const charged = noise && [noise.clipNorm, noise.noiseMultiplier, noise.honestParties];
  const parameters = { parties, signature, clampRange, fractionBits, bitWidth: codec.ring.bitWidth, readers, charged };
  return { codec, noise: part, digest: sha256(utf8(`sotto/mpc/secure-sum/v1 ${JSON.stringify(parameters)}`)) };
}

/**
 * Takes part in a sum over a channel; every party of the channel does the same.
 * @param channel - to the other parties; over a network one made by `sealChannel`.
 * @throws {MpcError} `mpc/too-few-parties` before anything is sent; `mpc/parameters-differ` when a party runs with other
 * options or lengths; `sharing/overflow` (a SharingError) when an entry is out of range.
 */
export async function joinSecureSum<C extends Contribution>(
  channel: PartyChannel,
  contribution: C,
  options: SecureSumOptions,
  rng: Rng,
): Promise<SecureSumResult<C>> {
  const { endpoint: party, endpoints: parties } = channel;
  const layout = layOut(contribution);
  const entries = layout.values.length;
  const { codec, noise, digest } = prepare(parties, entries, layout.signature, options);
  const { ring } = codec;
  const readers = options.readers ?? Array.from({ length: parties }, (_, index) => index);
  const others = Array.from({ length: parties }, (_, index) => index).filter((index) => index !== party);

  const residues = encodeContribution(layout.values, codec, noise, rng);
  const charge = await noise?.reserve();
  const counted = countTraffic(channel);
  try {
    const shares = splitAdditive(residues, { ring, parties, correctionAt: party, binding: digest }, rng);
    residues.fill(0);
    await Promise.all(others.map((to) => counted.send(to, (shares[to] as { seed: Uint8Array }).seed)));
    const own = shares[party] as { residues: Uint32Array };
    const partial = own.residues;
    for (const from of others) {
      const seed = await counted.receive(from);
      if (seed.length !== SHARE_SEED_BYTES) throw malformed(from);
      addShareInto(partial, { kind: 'seed', seed }, ring, digest);
    }
    const sharesSent = counted.traffic().bytesSent;

    const opening = concatBytes(digest, new Uint8Array(partial.buffer, partial.byteOffset, partial.byteLength));
    await Promise.all(others.filter((to) => readers.includes(to)).map((to) => counted.send(to, opening)));
    const base = {
      parties,
      maxError: codec.maxSumError(parties),
      bitWidth: ring.bitWidth as 32 | 64,
      bytes: { shares: sharesSent, opening: counted.traffic().bytesSent - sharesSent },
      rounds: 2,
      ...(noise && { event: noise.event }),
      trust: noise ? `${TRUST}; noise of ${options.noise?.honestParties} honest parties` : TRUST,
    };
    if (!readers.includes(party)) {
      await charge?.commit();
      return { ...base, sum: undefined };
    }
    const sum = partial.slice();
    for (const from of others) {
      const message = await counted.receive(from);
      if (message.length !== opening.length) throw malformed(from);
      if (!digest.every((byte, i) => byte === message[i])) {
        throw new MpcError('mpc/parameters-differ', `party ${from} runs the sum with other parameters`, {
          details: { party: from },
        });
      }
      addShareInto(sum, { kind: 'residues', residues: wordsOf(message.subarray(digest.length)) }, ring);
    }
    await charge?.commit();
    const transcript = sha256(digest, new Uint8Array(sum.buffer));
    return { ...base, sum: layout.restore(codec.decode(sum)) as SumOf<C>, transcript };
  } catch (error) {
    // The shares may be out: a noised sum that others may have read stays charged.
    await charge?.abort(true);
    throw error;
  }
}

function malformed(from: number): MpcError {
  return new MpcError('mpc/parameters-differ', `a message of party ${from} has an unexpected length`, {
    details: { party: from },
  });
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function encodeContribution(
  values: Float64Array,
  codec: FixedPoint,
  noise: NoisePart | undefined,
  rng: Rng,
): Uint32Array {
  if (noise === undefined) return codec.encode(values);
  const clipped = values.slice();
  noise.clip(clipped);
  const residues = codec.encode(clipped);
  const integers = Int32Array.from(decodeRing(residues, codec.ring));
  noise.addInto(integers, rng);
  return new Uint32Array(integers.buffer);
}

/**
 * Sums contributions in one process, with the whole protocol between its parties: for tests, simulations, and to see
 * what a sum costs.
 * @returns each party's result.
 */
export async function secureSum<C extends Contribution>(
  contributions: readonly C[],
  options: SecureSumOptions,
  rng: Rng,
): Promise<readonly SecureSumResult<C>[]> {
  const channels = createLocalNetwork(contributions.length);
  const rngs = contributions.map((_, party) => rng.fork(`party ${party}`));
  return runEndpoints(channels, (channel) =>
    joinSecureSum(channel, contributions[channel.endpoint] as C, options, rngs[channel.endpoint] as Rng),
  );
}
