/**
 * Opening values that carry a MAC: everybody sends its share, and what was opened is kept until a check of all of it. The
 * first failure ends the session, since what was opened before it may be wrong. [CDESX18]
 *
 * @module
 */

import { concatBytes, equalBytes, sha256 } from '../../foundations/crypto/index.ts';
import { add128Into, createKeystream, multiplyMatrices128Into } from '../../foundations/kernels/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';
import { decodeWide, encodeWide, plusWide, reduceWide, timesWide, UPPER_MASK } from './wide-words.ts';

/** This party's shares of values and of their MACs, two words an entry. */
export interface AuthenticatedWords {
  readonly value: BigUint64Array;
  readonly mac: BigUint64Array;
}

/** What opens values in a session and checks them. */
export interface CheckedOpening {
  /** Opens values that look uniform; they are checked later. */
  open(values: readonly AuthenticatedWords[]): Promise<BigUint64Array[]>;
  /**
   * Checks everything opened since the last check.
   * @throws {MpcError} `mpc/cheating-detected`, and the same from then on.
   */
  check(): Promise<void>;
  /** Runs a step of the protocol, unless one has failed; a failure closes the channel. */
  untilFailure<T>(step: () => Promise<T>): Promise<T>;
  /** The error that names what was found, and whom it tells on: the other of two parties. */
  cheating(what: string): MpcError;
}

/** Creates the opening of a session whose MACs are under `key`, of which this party has a share. */
export function createCheckedOpening(
  { channel, parties, key }: { readonly channel: PartyChannel; readonly parties: number; readonly key: BigUint64Array },
  rng: Rng,
): CheckedOpening {
  const party = channel.endpoint;
  const others = Array.from({ length: parties }, (_, index) => index).filter((index) => index !== party);
  /** Opened values with this party's MAC shares, to be checked. */
  let pending: { readonly opened: BigUint64Array; readonly mac: BigUint64Array }[] = [];
  let failure: Error | undefined;

  async function untilFailure<T>(step: () => Promise<T>): Promise<T> {
    if (failure !== undefined) throw failure;
    try {
      return await step();
    } catch (error) {
      failure ??= error as Error;
      channel.close(error instanceof MpcError ? error.code : 'this party stopped');
      throw error;
    }
  }

  const cheating = (what: string) =>
    new MpcError('mpc/cheating-detected', `${what}: a party deviated from the protocol, nothing is released`, {
      details: { blamed: parties === 2 ? [others[0]] : [] },
    });

  async function exchange(message: Uint8Array): Promise<Uint8Array[]> {
    await Promise.all(others.map((to) => channel.send(to, message)));
    const out: Uint8Array[] = [];
    for (const from of others) {
      const received = await channel.receive(from);
      if (received.length !== message.length) throw cheating(`party ${from} sent a message of another length`);
      out.push(received);
    }
    return out;
  }

  async function open(values: readonly AuthenticatedWords[]): Promise<BigUint64Array[]> {
    const messages = values.map(({ value }) => encodeWide(value));
    const joined = concatBytes(...messages);
    const received = await exchange(joined);
    let at = 0;
    return values.map(({ value, mac }, i) => {
      const sum = value.slice();
      const length = (messages[i] as Uint8Array).length;
      for (const message of received) add128Into(sum, decodeWide(message.subarray(at, at + length)));
      at += length;
      pending.push({ opened: reduceWide(sum), mac });
      return sum;
    });
  }

  /** Exchanges data that nobody could choose after seeing the others': commitments first. */
  async function exchangeCommitted(data: Uint8Array): Promise<Uint8Array[]> {
    const opening = concatBytes(rng.bytes(32), data);
    const commitments = await exchange(sha256(Uint8Array.of(party), opening));
    const openings = await exchange(opening);
    openings.forEach((received, i) => {
      if (!equalBytes(sha256(Uint8Array.of(others[i] as number), received), commitments[i] as Uint8Array)) {
        throw cheating('a commitment was opened to something else');
      }
    });
    return openings.map((received) => received.subarray(32));
  }

  /** [CDESX18] Figure 7: a random combination of all opened values must have the MAC it should. */
  async function check(): Promise<void> {
    if (pending.length === 0) return;
    const batch = pending;
    pending = [];
    const own = rng.bytes(32);
    const seeds = await exchangeCommitted(own);
    const ordered = Array.from({ length: parties }, (_, index) =>
      index === party ? own : (seeds[others.indexOf(index)] as Uint8Array),
    );
    const stream = createKeystream(sha256(...ordered));
    const value = new BigUint64Array(2);
    const mac = new BigUint64Array(2);
    for (const { opened, mac: share } of batch) {
      const count = opened.length / 2;
      const factors = new BigUint64Array(opened.length);
      const bytes = new Uint8Array(8 * count);
      stream.fill(bytes);
      const words = new BigUint64Array(bytes.buffer);
      for (let i = 0; i < count; i += 1) factors[2 * i] = (words[i] as bigint) & UPPER_MASK;
      const shape = { rows: 1, inner: count, columns: 1 };
      multiplyMatrices128Into(value, factors, opened, shape);
      multiplyMatrices128Into(mac, factors, share, shape);
    }
    const residue = reduceWide(plusWide(mac, timesWide(value, key), true));
    const residues = await exchangeCommitted(encodeWide(residue));
    const total = residue.slice();
    for (const received of residues) add128Into(total, decodeWide(received));
    reduceWide(total);
    if (total[0] !== 0n || total[1] !== 0n) throw cheating('the MAC of what was opened is wrong');
  }

  return {
    open: (values) => untilFailure(() => open(values)),
    check: () => untilFailure(check),
    untilFailure,
    cheating,
  };
}
