/**
 * Secrets as a type. A `Shared<T>` holds this party's share of a tensor whose plain form is a T; it has no number, text
 * or JSON form, so nothing opens it but `session.reveal`.
 *
 * @module
 */

import { MpcError } from './errors.ts';

/** What a share stands for: fixed-point reals, integers, or bits. */
export type Plain = Float64Array | BigInt64Array | Uint8Array;

let read: (secret: Shared<Plain>) => { owner: object; words: BigUint64Array };

/** This party's share of a secret tensor. */
export class Shared<T extends Plain> {
  /** Dimensions, row-major. */
  readonly shape: readonly number[];
  /** Binary digits after the point: 0 for integers and bits. */
  readonly fractionBits: number;
  readonly #owner: object;
  readonly #words: BigUint64Array;
  /** Only for the type checker: the plain form. */
  declare readonly plain: T;

  constructor(
    owner: object,
    words: BigUint64Array,
    { shape, fractionBits }: { shape: readonly number[]; fractionBits: number },
  ) {
    const entries = shape.reduce((product, size) => product * size, 1);
    if (entries !== words.length) {
      throw new MpcError(
        'mpc/shape-mismatch',
        `a tensor of shape ${shape.join('×')} has ${entries} entries, got ${words.length}`,
      );
    }
    this.shape = Object.freeze([...shape]);
    this.fractionBits = fractionBits;
    this.#owner = owner;
    this.#words = words;
  }

  /** Number of entries. */
  get size(): number {
    return this.#words.length;
  }

  /** Refuses to be written down. @throws {TypeError} always. */
  toJSON(): never {
    throw new TypeError('a secret has no JSON form: reveal it to a party first');
  }

  /** Refuses to become a number. @throws {TypeError} when a number is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'number') throw new TypeError('a secret is not a number: reveal it to a party first');
    return `[secret ${this.shape.join('×')}]`;
  }

  static {
    read = (secret) => ({ owner: secret.#owner, words: secret.#words });
  }
}

/**
 * Returns the share of this party; for the protocols of this room.
 * @throws {MpcError} `mpc/foreign-secret` when the secret was made in another session.
 */
export function shareOf(secret: Shared<Plain>, owner: object): BigUint64Array {
  const { owner: made, words } = read(secret);
  if (made !== owner) throw new MpcError('mpc/foreign-secret', 'this secret belongs to another session');
  return words;
}
