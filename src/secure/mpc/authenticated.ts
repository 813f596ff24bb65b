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

import { multiplyAdd128Into, multiplyMatrices128Into } from '../../foundations/kernels/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { createCheckedOpening, type AuthenticatedWords } from './checked-opening.ts';
import { MpcError } from './errors.ts';
import type { MacTripleRequest, Preprocessing } from './preprocessing.ts';
import { decodeWide, encodeWide, plusWide, reduceWide, timesWide, VALUE_BYTES, wideOf } from './wide-words.ts';

let read: (secret: Authenticated) => AuthenticatedWords & { readonly owner: object };

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
    { value, mac }: AuthenticatedWords,
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
  const opening = createCheckedOpening({ channel, parties, key }, rng);

  const make = (value: BigUint64Array, mac: BigUint64Array, shape: readonly number[], digits = fractionBits) =>
    new Authenticated(owner, { value, mac }, { shape, fractionBits: digits });
  const partsOf = (secret: Authenticated) => {
    const parts = read(secret);
    if (parts.owner !== owner) throw new MpcError('mpc/foreign-secret', 'this secret belongs to another session');
    return parts;
  };
  const sameShape = (a: Authenticated, b: Authenticated) => {
    if (a.shape.join() !== b.shape.join() || a.fractionBits !== b.fractionBits) {
      throw new MpcError(
        'mpc/shape-mismatch',
        `tensors of shape ${a.shape.join('×')} and ${b.shape.join('×')}, or of different scales, do not fit`,
      );
    }
  };

  function addWide(a: AuthenticatedWords, values: BigUint64Array): AuthenticatedWords {
    return {
      value: party === 0 ? plusWide(a.value, values) : a.value.slice(),
      mac: plusWide(a.mac, timesWide(values, key)),
    };
  }
  /** Opens two factors masked with a triple (a, b, c): e = x − a, f = y − b; the product begins as a copy of c. [Bea91] */
  async function openFactors(x: AuthenticatedWords, y: AuthenticatedWords, request: MacTripleRequest) {
    const correlation = await preprocessing.request(request);
    const [a, b, aMac, bMac, c, cMac] = correlation as [
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
      BigUint64Array,
    ];
    const [e, f] = (await opening.open([
      { value: plusWide(x.value, a, true), mac: plusWide(x.mac, aMac, true) },
      { value: plusWide(y.value, b, true), mac: plusWide(y.mac, bMac, true) },
    ])) as [BigUint64Array, BigUint64Array];
    return { e, f, a, aMac, value: c.slice(), mac: cMac.slice() };
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
      return opening.untilFailure(async () => {
        const correlation = await preprocessing.request({ kind: 'macInput', count, owner: from });
        const [mask, mac, whole] = correlation as [BigUint64Array, BigUint64Array, BigUint64Array?];
        if (own === undefined || whole === undefined) {
          const message = await channel.receive(from);
          if (message.length !== count * VALUE_BYTES)
            throw opening.cheating(`party ${from} sent a message of another length`);
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
      const { e, f, a: ta, aMac, value, mac } = await openFactors(x, y, { kind: 'macTriple', count: a.size });
      multiplyAdd128Into(value, e, y.value);
      multiplyAdd128Into(value, f, ta);
      multiplyAdd128Into(mac, e, y.mac);
      multiplyAdd128Into(mac, f, aMac);
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
      const { e, f, a: ta, aMac, value, mac } = await openFactors(x, y, { kind: 'macMatrix', ...shape });
      multiplyMatrices128Into(value, e, y.value, shape);
      multiplyMatrices128Into(value, ta, f, shape);
      multiplyMatrices128Into(mac, e, y.mac, shape);
      multiplyMatrices128Into(mac, aMac, f, shape);
      return make(value, mac, [rows, columns], a.fractionBits + b.fractionBits);
    },
    async reveal(secret) {
      const x = partsOf(secret);
      await opening.check();
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
      const [opened] = (await opening.open([hidden])) as [BigUint64Array];
      await opening.check();
      return Float64Array.from(
        { length: secret.size },
        (_, i) => Number(BigInt.asIntN(64, opened[2 * i] as bigint)) / 2 ** secret.fractionBits,
      );
    },
  };
}
