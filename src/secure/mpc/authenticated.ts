/**
 * Authenticated shares [CDESX18]: values modulo 2^64 are carried modulo 2^104 with a MAC under a key that nobody knows. A
 * party that changes a share, an opening or a product is found out before anything is released, except with probability
 * 2^(−40 + log₂ 41) < 2^−34 a session check.
 *
 * For opening, sums, products, matrix products and public factors; truncation and comparison are not authenticated here.
 * The dealer stays semi-honest. With two parties the one who sees the check fail knows that it was the other; with three
 * nobody is named.
 *
 * @module
 */

import { concatBytes, equalBytes, sha256 } from '../../foundations/crypto/index.ts';
import {
  add128Into,
  createKeystream,
  multiplyAdd128Into,
  multiplyMatrices128Into,
} from '../../foundations/kernels/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';
import type { Preprocessing } from './preprocessing.ts';
import {
  plusWide,
  decodeWide,
  encodeWide,
  reduceWide,
  timesWide,
  UPPER_MASK,
  VALUE_BYTES,
  wideOf,
} from './wide-words.ts';

let read: (secret: Authenticated) => { owner: object; value: BigUint64Array; mac: BigUint64Array };

/** This party's authenticated share of a secret tensor. */
export class Authenticated {
  readonly shape: readonly number[];
  /** Binary digits after the point; products have the sum of their factors'. */
  readonly fractionBits: number;
  readonly #owner: object;
  readonly #value: BigUint64Array;
  readonly #mac: BigUint64Array;

  constructor(
    owner: object,
    { value, mac }: { readonly value: BigUint64Array; readonly mac: BigUint64Array },
    { shape, fractionBits }: { readonly shape: readonly number[]; readonly fractionBits: number },
  ) {
    this.shape = Object.freeze([...shape]);
    this.fractionBits = fractionBits;
    this.#owner = owner;
    this.#value = value;
    this.#mac = mac;
  }

  get size(): number {
    return this.#value.length / 2;
  }

  /** Refuses to be written down. @throws {TypeError} always. */
  toJSON(): never {
    throw new TypeError('a secret has no JSON form: reveal it first');
  }

  /** Refuses to become a number. @throws {TypeError} when a number is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'number') throw new TypeError('a secret is not a number: reveal it first');
    return `[secret ${this.shape.join('×')}]`;
  }

  static {
    read = (secret) => ({ owner: secret.#owner, value: secret.#value, mac: secret.#mac });
  }
}

/** One party's hand in a session whose shares are authenticated. */
export interface AuthenticatedSession {
  readonly party: number;
  readonly trust: string;
  share(owner: number, values: ArrayLike<number> | undefined, shape: readonly number[]): Promise<Authenticated>;
  add(a: Authenticated, b: Authenticated): Authenticated;
  subtract(a: Authenticated, b: Authenticated): Authenticated;
  /** Multiplies by a public integer. */
  scale(a: Authenticated, factor: number): Authenticated;
  /** Adds public numbers. */
  addPublic(a: Authenticated, values: ArrayLike<number>): Authenticated;
  multiply(a: Authenticated, b: Authenticated): Promise<Authenticated>;
  matmul(a: Authenticated, b: Authenticated): Promise<Authenticated>;
  /**
   * Checks everything opened so far, opens the secret, checks it, and only then returns it.
   * @throws {MpcError} `mpc/cheating-detected`; `details.blamed` names the other of two parties, nobody among three. The
   * session has ended then, and throws the same from now on.
   */
  reveal(secret: Authenticated): Promise<Float64Array>;
}

/**
 * Opens a session with authenticated shares.
 * Guarantee: any number of parties but one may deviate in any way: what honest parties release is right, except with
 * probability 2^−34 a check, and they release nothing else. Deviating parties can always stop the computation.
 */
export async function createAuthenticatedSession(
  {
    channel,
    parties,
    preprocessing,
    fractionBits = 16,
    clampRange = 2 ** 15,
  }: {
    readonly channel: PartyChannel;
    readonly parties: number;
    readonly preprocessing: Preprocessing;
    readonly fractionBits?: number;
    readonly clampRange?: number;
  },
  rng: Rng,
): Promise<AuthenticatedSession> {
  assertInteger(parties, 'parties', { min: 2, max: 3 });
  const party = channel.endpoint;
  const others = Array.from({ length: parties }, (_, index) => index).filter((index) => index !== party);
  const owner = {};
  const [key] = (await preprocessing.request({ kind: 'macKey' })) as [BigUint64Array];
  /** Opened values with this party's MAC shares, to be checked. */
  let pending: { opened: BigUint64Array; mac: BigUint64Array }[] = [];
  /** The first failure ends the session: what was opened before it may be wrong, and is never checked again. */
  let failure: Error | undefined;

  async function untilFailure<T>(body: () => Promise<T>): Promise<T> {
    if (failure !== undefined) throw failure;
    try {
      return await body();
    } catch (error) {
      failure ??= error as Error;
      channel.close(error instanceof MpcError ? error.code : 'this party stopped');
      throw error;
    }
  }

  const make = (value: BigUint64Array, mac: BigUint64Array, shape: readonly number[], digits = fractionBits) =>
    new Authenticated(owner, { value, mac }, { shape, fractionBits: digits });
  const partsOf = (secret: Authenticated) => {
    const parts = read(secret);
    if (parts.owner !== owner) throw new MpcError('mpc/foreign-secret', 'this secret belongs to another session');
    return parts;
  };
  const cheating = (what: string) =>
    new MpcError('mpc/cheating-detected', `${what}: a party deviated from the protocol, nothing is released`, {
      details: { blamed: parties === 2 ? [others[0]] : [] },
    });
  const sameShape = (a: Authenticated, b: Authenticated) => {
    if (a.shape.join() !== b.shape.join() || a.fractionBits !== b.fractionBits) {
      throw new MpcError(
        'mpc/shape-mismatch',
        `tensors of shape ${a.shape.join('×')} and ${b.shape.join('×')}, or of different scales, do not fit`,
      );
    }
  };

  async function exchange(message: Uint8Array, wanted = message.length): Promise<Uint8Array[]> {
    await Promise.all(others.map((to) => channel.send(to, message)));
    const out: Uint8Array[] = [];
    for (const from of others) {
      const received = await channel.receive(from);
      if (received.length !== wanted) throw cheating(`party ${from} sent a message of another length`);
      out.push(received);
    }
    return out;
  }

  /** Opens values that look uniform; they are checked later. */
  async function openUnchecked(
    values: readonly { value: BigUint64Array; mac: BigUint64Array }[],
  ): Promise<BigUint64Array[]> {
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

  const openUniform: typeof openUnchecked = (values) => untilFailure(() => openUnchecked(values));

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

  function addWide(
    a: { value: BigUint64Array; mac: BigUint64Array },
    values: BigUint64Array,
  ): { value: BigUint64Array; mac: BigUint64Array } {
    return {
      value: party === 0 ? plusWide(a.value, values) : a.value.slice(),
      mac: plusWide(a.mac, timesWide(values, key)),
    };
  }
  const integersOf = (values: ArrayLike<number>, digits: number) =>
    Array.from(values, (value, i) => {
      if (!(Math.abs(value) <= clampRange)) {
        throw new MpcError('mpc/overflow', `entry ${i} is not a number within ±${clampRange}`, {
          details: { entry: i, clampRange },
        });
      }
      return BigInt(Math.round(value * 2 ** fractionBits)) << BigInt(digits - fractionBits);
    });

  return {
    party,
    trust: `${parties} parties, all but one of whom may deviate (a cheat passes with probability below 2^-34); ${preprocessing.statement}`,
    async share(from, values, shape) {
      const count = shape.reduce((product, size) => product * size, 1);
      assertInteger(from, 'owner', { max: parties - 1 });
      if (party === from && values?.length !== count) {
        throw new MpcError(
          'mpc/shape-mismatch',
          `a tensor of shape ${shape.join('×')} has ${count} entries, got ${values?.length ?? 'none'}`,
        );
      }
      const own = party === from ? wideOf(integersOf(values as ArrayLike<number>, fractionBits)) : undefined;
      return untilFailure(async () => {
        const correlation = await preprocessing.request({ kind: 'macInput', count, owner: from });
        const [mask, mac, whole] = correlation as [BigUint64Array, BigUint64Array, BigUint64Array?];
        if (own === undefined || whole === undefined) {
          const message = await channel.receive(from);
          if (message.length !== count * VALUE_BYTES) throw cheating(`party ${from} sent a message of another length`);
          const shared = addWide({ value: mask, mac }, decodeWide(message));
          return make(shared.value, shared.mac, shape);
        }
        const difference = reduceWide(plusWide(own, whole, true));
        await Promise.all(others.map((to) => channel.send(to, encodeWide(difference))));
        const shared = addWide({ value: mask, mac }, difference);
        return make(shared.value, shared.mac, shape);
      });
    },
    add(a, b) {
      sameShape(a, b);
      const [x, y] = [partsOf(a), partsOf(b)];
      return make(plusWide(x.value, y.value), plusWide(x.mac, y.mac), a.shape, a.fractionBits);
    },
    subtract(a, b) {
      sameShape(a, b);
      const [x, y] = [partsOf(a), partsOf(b)];
      return make(plusWide(x.value, y.value, true), plusWide(x.mac, y.mac, true), a.shape, a.fractionBits);
    },
    scale(a, factor) {
      assertInteger(Math.abs(factor), '|factor|');
      const x = partsOf(a);
      const known = wideOf([BigInt(factor)]);
      return make(timesWide(x.value, known), timesWide(x.mac, known), a.shape, a.fractionBits);
    },
    addPublic(a, values) {
      if (values.length !== a.size)
        throw new MpcError('mpc/shape-mismatch', `${a.size} numbers are needed, got ${values.length}`);
      const shared = addWide(partsOf(a), wideOf(integersOf(values, a.fractionBits)));
      return make(shared.value, shared.mac, a.shape, a.fractionBits);
    },
    async multiply(a, b) {
      if (a.shape.join() !== b.shape.join())
        throw new MpcError('mpc/shape-mismatch', 'tensors of different shapes cannot be multiplied');
      const [x, y] = [partsOf(a), partsOf(b)];
      const correlation = await preprocessing.request({ kind: 'macTriple', count: a.size });
      const [ta, tb, ma, mb, tc, mc] = correlation as [
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
      ];
      const [e, f] = (await openUniform([
        { value: plusWide(x.value, ta, true), mac: plusWide(x.mac, ma, true) },
        { value: plusWide(y.value, tb, true), mac: plusWide(y.mac, mb, true) },
      ])) as [BigUint64Array, BigUint64Array];
      const value = tc.slice();
      const mac = mc.slice();
      multiplyAdd128Into(value, e, y.value);
      multiplyAdd128Into(value, f, ta);
      multiplyAdd128Into(mac, e, y.mac);
      multiplyAdd128Into(mac, f, ma);
      return make(value, mac, a.shape, a.fractionBits + b.fractionBits);
    },
    async matmul(a, b) {
      const [rows = 0, inner = 0] = a.shape;
      const [same, columns = 0] = b.shape;
      if (a.shape.length !== 2 || b.shape.length !== 2 || inner !== same) {
        throw new MpcError(
          'mpc/shape-mismatch',
          `matrices of shape ${a.shape.join('×')} and ${b.shape.join('×')} cannot be multiplied`,
        );
      }
      const shape = { rows, inner, columns };
      const [x, y] = [partsOf(a), partsOf(b)];
      const correlation = await preprocessing.request({ kind: 'macMatrix', ...shape });
      const [ta, tb, ma, mb, tc, mc] = correlation as [
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
        BigUint64Array,
      ];
      const [e, f] = (await openUniform([
        { value: plusWide(x.value, ta, true), mac: plusWide(x.mac, ma, true) },
        { value: plusWide(y.value, tb, true), mac: plusWide(y.mac, mb, true) },
      ])) as [BigUint64Array, BigUint64Array];
      const value = tc.slice();
      const mac = mc.slice();
      multiplyMatrices128Into(value, e, y.value, shape);
      multiplyMatrices128Into(value, ta, f, shape);
      multiplyMatrices128Into(mac, e, y.mac, shape);
      multiplyMatrices128Into(mac, ma, f, shape);
      return make(value, mac, [rows, columns], a.fractionBits + b.fractionBits);
    },
    async reveal(secret) {
      const x = partsOf(secret);
      await untilFailure(check);
      // The bits above 64 depend on the computation: a random multiple of 2^64 hides them. [CDESX18] §4.2
      const [mask, maskMac] = (await preprocessing.request({ kind: 'macMask', count: secret.size })) as [
        BigUint64Array,
        BigUint64Array,
      ];
      const shift = wideOf([1n << 64n]);
      const hidden = {
        value: plusWide(x.value, timesWide(mask, shift)),
        mac: plusWide(x.mac, timesWide(maskMac, shift)),
      };
      const [opened] = (await openUniform([hidden])) as [BigUint64Array];
      await untilFailure(check);
      return Float64Array.from(
        { length: secret.size },
        (_, i) => Number(BigInt.asIntN(64, opened[2 * i] as bigint)) / 2 ** secret.fractionBits,
      );
    },
  };
}
