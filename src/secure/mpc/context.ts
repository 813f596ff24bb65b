/**
 * What the protocols of a session share: the channel, the source of correlated randomness, counters, and the opening of
 * masked values, the one way by which anything leaves a party.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';
import type { Preprocessing } from './preprocessing.ts';

/** What went over the wire while computing, dealer apart. */
export interface SessionCost {
  /** Times this party waited for the others. */
  readonly rounds: number;
  readonly bytesSent: number;
  /** Bytes exchanged with the dealer. */
  readonly dealerBytes: number;
}

/** One party's view of a session. */
export interface MpcContext {
  readonly party: number;
  readonly parties: number;
  readonly channel: PartyChannel;
  readonly preprocessing: Preprocessing;
  readonly rng: Rng;
  /** Binary digits after the point of fixed-point secrets. */
  readonly fractionBits: number;
  /** Marks the secrets of this session. */
  readonly owner: object;
  readonly cost: { rounds: number; bytesSent: number };
}

/** A vector to open: additive shares modulo 2^64, or exclusive-or shares of words of `width` bits. */
export type Opening =
  | { readonly kind: 'arithmetic'; readonly words: BigUint64Array }
  | { readonly kind: 'boolean'; readonly words: BigUint64Array; readonly width: 1 | 2 | 4 | 8 | 16 | 32 | 64 };

function packedLength(opening: Opening): number {
  if (opening.kind === 'arithmetic') return opening.words.length * 8;
  return Math.ceil((opening.words.length * opening.width) / 8);
}

function pack(opening: Opening): Uint8Array {
  const { words } = opening;
  if (opening.kind === 'arithmetic' || opening.width === 64)
    return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const { width } = opening;
  const out = new Uint8Array(packedLength(opening));
  if (width >= 8) {
    const bytes = width / 8;
    const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let i = 0; i < words.length; i += 1)
      for (let b = 0; b < bytes; b += 1) out[i * bytes + b] = source[8 * i + b] as number;
    return out;
  }
  const perByte = 8 / width;
  const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  for (let i = 0; i < words.length; i += 1) {
    const at = Math.floor(i / perByte);
    out[at] = (out[at] as number) | ((source[8 * i] as number) << ((i % perByte) * width));
  }
  return out;
}

function unpack(bytes: Uint8Array, { words, ...opening }: Opening): BigUint64Array {
  const out = new BigUint64Array(words.length);
  const target = new Uint8Array(out.buffer);
  const width = opening.kind === 'arithmetic' ? 64 : opening.width;
  if (width >= 8) {
    const size = width / 8;
    if (size === 8) target.set(bytes);
    else
      for (let i = 0; i < out.length; i += 1)
        for (let b = 0; b < size; b += 1) target[8 * i + b] = bytes[i * size + b] as number;
    return out;
  }
  const perByte = 8 / width;
  const mask = (1 << width) - 1;
  for (let i = 0; i < out.length; i += 1)
    target[8 * i] = ((bytes[Math.floor(i / perByte)] as number) >> ((i % perByte) * width)) & mask;
  return out;
}

/** Joins packed openings to one message. */
function encodeOpenings(openings: readonly Opening[]): Uint8Array {
  const out = new Uint8Array(openings.reduce((sum, opening) => sum + packedLength(opening), 0));
  let at = 0;
  for (const opening of openings) {
    const packed = pack(opening);
    out.set(packed, at);
    at += packed.length;
  }
  return out;
}

function combineInto(target: BigUint64Array, addend: BigUint64Array, kind: Opening['kind']): void {
  if (kind === 'arithmetic')
    for (let i = 0; i < target.length; i += 1)
      target[i] = BigInt.asUintN(64, (target[i] as bigint) + (addend[i] as bigint));
  else for (let i = 0; i < target.length; i += 1) target[i] = (target[i] as bigint) ^ (addend[i] as bigint);
}

/**
 * Opens masked vectors to everybody, in one round.
 * @throws {MpcError} `mpc/malformed-message` when a party sends another length: it runs another program.
 */
export async function openAll(context: MpcContext, openings: readonly Opening[]): Promise<BigUint64Array[]> {
  const { party, parties, channel, cost } = context;
  const message = encodeOpenings(openings);
  const sums = openings.map(({ words }) => words.slice());
  const others = Array.from({ length: parties }, (_, index) => index).filter((index) => index !== party);
  await Promise.all(others.map((to) => channel.send(to, message)));
  cost.rounds += 1;
  cost.bytesSent += message.length * others.length;
  for (const from of others) addMessage(sums, openings, await channel.receive(from), from);
  return sums;
}

/** Opens vectors to the listed parties only. @returns the values, or undefined for a party that is not listed. */
export async function openTo(
  context: MpcContext,
  openings: readonly Opening[],
  readers: readonly number[],
): Promise<BigUint64Array[] | undefined> {
  const { party, parties, channel, cost } = context;
  const targets = readers.filter((reader) => reader !== party);
  const message = encodeOpenings(openings);
  cost.rounds += 1;
  cost.bytesSent += message.length * targets.length;
  await Promise.all(targets.map((to) => channel.send(to, message)));
  if (!readers.includes(party)) return undefined;
  const sums = openings.map(({ words }) => words.slice());
  for (let from = 0; from < parties; from += 1) {
    if (from !== party) addMessage(sums, openings, await channel.receive(from), from);
  }
  return sums;
}

function addMessage(
  sums: readonly BigUint64Array[],
  openings: readonly Opening[],
  message: Uint8Array,
  from: number,
): void {
  const wanted = openings.reduce((sum, opening) => sum + packedLength(opening), 0);
  if (message.length !== wanted) {
    throw new MpcError(
      'mpc/malformed-message',
      `party ${from} sent ${message.length} bytes where ${wanted} belong: it runs another program`,
      { details: { party: from } },
    );
  }
  let at = 0;
  openings.forEach((opening, i) => {
    const length = packedLength(opening);
    combineInto(sums[i] as BigUint64Array, unpack(message.subarray(at, at + length), opening), opening.kind);
    at += length;
  });
}
