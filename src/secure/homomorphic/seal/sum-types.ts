/**
 * What sums under BFV, BGV and CKKS take and offer.
 *
 * @module
 */

import type { AdditiveContext, PlainArithmetic, WorkOptions } from '../scheme.ts';
import type { SealLibrary } from './library.ts';
import type { SealKeyBytes, SealVector } from './ring.ts';

/** The types of the sums of one scheme. */
interface SchemeTypes<Name extends 'bfv' | 'bgv' | 'ckks'> {
  readonly name: Name;
  readonly publicKey: SealKeyBytes<Name>;
  readonly secretKey: SealKeyBytes<Name>;
  readonly vector: SealVector<Name>;
}

/** The types of BFV sums. */
export type BfvTypes = SchemeTypes<'bfv'>;

/** The types of BGV sums. */
export type BgvTypes = SchemeTypes<'bgv'>;

/** The types of CKKS sums. */
export type CkksTypes = SchemeTypes<'ckks'>;

/** What vectors will hold. */
export interface SealSumOptions {
  /** Bound of the magnitude of an entry of a fresh vector. */
  readonly clampRange: number;
  /** The grid: values are multiples of 2^−fractionBits. */
  readonly fractionBits: number;
  /** Fresh vectors that are added at most. */
  readonly addends: number;
  /** Entries of a vector at most; 2^24 by default. */
  readonly entries?: number;
  /** BFV and BGV: room for `multiplyPlain` whatever the number of addends; larger ciphertexts where that takes some. */
  readonly products?: boolean;
  /** The library, when the caller has loaded it. */
  readonly library?: SealLibrary;
}

/** What a context on SEAL adds: seeded symmetric ciphertexts of half the size, and its end. */
export interface SealExtras<T extends BfvTypes | BgvTypes | CkksTypes> {
  /** Encrypts under the secret key: half the bytes and half the time, for holders of the key only. */
  encryptSymmetric(
    values: ArrayLike<number>,
    keys: { readonly publicKey: T['publicKey']; readonly secretKey: T['secretKey'] },
    options?: WorkOptions,
  ): Promise<T['vector']>;
  readonly slots: number;
  /** Frees the memory of the library. */
  close(): void;
}

export type BfvContext = AdditiveContext<BfvTypes> & PlainArithmetic<BfvTypes> & SealExtras<BfvTypes>;
export type BgvContext = AdditiveContext<BgvTypes> & PlainArithmetic<BgvTypes> & SealExtras<BgvTypes>;
export type CkksContext = AdditiveContext<CkksTypes> & SealExtras<CkksTypes>;
