/**
 * A party of a sum and of a computation on shares that cannot listen: what a page runs, and Node beside it.
 *
 * @module
 */

import { createSigningKey, fromHex, utf8 } from '../../src/foundations/crypto/index.ts';
import { createSystemRng } from '../../src/foundations/random/index.ts';
import {
  createPollingChannel,
  joinSecureSum,
  type PartyChannel,
  runLocalSession,
  sealChannel,
} from '../../src/secure/mpc/index.ts';

/** Everybody's public facts, as plain data. */
export interface SumMeeting {
  readonly session: string;
  /** Base URLs by endpoint; null for those that cannot listen. */
  readonly peers: readonly (string | null)[];
  /** Identity keys by endpoint, hexadecimal. */
  readonly roster: readonly string[];
}

/** Adds a vector to those of the others over a channel. */
export async function addOver(
  raw: PartyChannel,
  { session, roster }: SumMeeting,
  own: { readonly seed: string; readonly values: readonly number[] },
): Promise<number[]> {
  const rng = createSystemRng();
  const identity = createSigningKey(fromHex(own.seed));
  const keys = roster.map((key) => fromHex(key));
  const channel = await sealChannel(raw, { identity, roster: keys, sessionId: utf8(session) }, rng);
  const { sum } = await joinSecureSum(channel, Float64Array.from(own.values), { clampRange: 100 }, rng);
  return [...(sum ?? [])];
}

/** Adds a vector to those of the others by asking them for what they have. */
export function addByPolling(
  meeting: SumMeeting,
  { endpoint, ...own }: { readonly endpoint: number; readonly seed: string; readonly values: readonly number[] },
): Promise<number[]> {
  const peers = meeting.peers.map((url) => url ?? undefined);
  const raw = createPollingChannel({
    endpoint,
    peers,
    session: meeting.session,
    request: (url, init) => fetch(url, init),
  });
  return addOver(raw, meeting, own);
}

/** What is opened of a computation on shares. */
export interface OpenedShares {
  readonly product: readonly number[];
  readonly positive: readonly number[];
  readonly largest: readonly number[];
}

/** Multiplies the secrets of two parties, keeps what is positive, finds the largest: three parties and a dealer in here. */
export async function computeOnShares(a: readonly number[], b: readonly number[]): Promise<readonly OpenedShares[]> {
  const everybody = [0, 1, 2];
  return runLocalSession(
    { parties: 3 },
    async (session) => {
      const left = await session.share(0, session.party === 0 ? a : undefined, [1, a.length]);
      const right = await session.share(1, session.party === 1 ? b : undefined, [1, b.length]);
      const product = await session.multiply(left, right);
      const open = async (secret: typeof left) => [...((await session.reveal(secret, everybody)) ?? [])];
      return {
        product: await open(product),
        positive: await open(await session.relu(product)),
        largest: await open(await session.argmax(product)),
      };
    },
    createSystemRng(),
  );
}
