/**
 * One interface for additively homomorphic schemes, `keys → encrypt → add → decrypt`, with what a scheme can do beyond
 * it as further types: a function that needs rotations takes a `RotatingContext`, and a Paillier context does not
 * type-check there.
 *
 * @module
 */

/** The schemes. */
export type SchemeName = 'paillier' | SealScheme;
/** Those of the library SEAL. */
export type SealScheme = 'bfv' | 'bgv' | 'ckks';

/** A vector under a key. Plain data apart from its payload; made and read by the context of the same `contextId` only. */
export interface EncryptedVector<S extends SchemeName> {
  readonly scheme: S;
  /** The parameters it was made with. */
  readonly contextId: string;
  /** The key it was made under. */
  readonly keyId: string;
  readonly entries: number;
  /** Fresh vectors that were added up in it. */
  readonly addends: number;
}

/** Keys of a scheme: the public part is for everybody. */
export interface KeyPair<Public, Secret> {
  readonly publicKey: Public;
  readonly secretKey: Secret;
}

/** What is known about a run over many ciphertexts. */
export interface WorkOptions {
  /** Called with ciphertexts done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Names the types of one scheme. */
export interface SchemeTypes<S extends SchemeName> {
  readonly name: S;
  readonly publicKey: { readonly keyId: string };
  readonly secretKey: { readonly keyId: string };
  readonly vector: EncryptedVector<S>;
}

/** What every scheme does. */
export interface AdditiveContext<T extends SchemeTypes<SchemeName>> {
  readonly scheme: T['name'];
  /** Equal for contexts with equal parameters. */
  readonly contextId: string;
  /** Largest error of an entry of a decrypted sum: of rounding to the grid, and to float64 where a sum has more than 53 bits. */
  readonly maxError: number;
  /** Fresh vectors that a sum may have. */
  readonly maxAddends: number;
  /** Parameters in words, with the security level. */
  readonly description: string;
  createKeys(): Promise<KeyPair<T['publicKey'], T['secretKey']>>;
  /** Encrypts reals, rounded to the context's grid. @throws {HomomorphicError} `homomorphic/overflow` beyond the range. */
  encrypt(values: ArrayLike<number>, publicKey: T['publicKey'], options?: WorkOptions): Promise<T['vector']>;
  /** Adds encrypted vectors of one context and key. @throws {HomomorphicError} `mixed-contexts`, `wrong-key`, `overflow`. */
  add(first: T['vector'], ...more: readonly T['vector'][]): T['vector'];
  /** Decrypts; what comes out lies on the grid that was declared. @throws {HomomorphicError} `homomorphic/wrong-key`. */
  decrypt(vector: T['vector'], secretKey: T['secretKey'], options?: WorkOptions): Promise<Float64Array>;
  /**
   * Checks that a vector is what `encrypt` makes of `entries` numbers, as far as that is seen without the key: what
   * somebody else has sent may be anything, and one bad addend would spoil the sum of all.
   * @throws {HomomorphicError} `homomorphic/malformed`.
   */
  assertFresh(vector: T['vector'], entries: number): void;
  /** Bytes that a serialised vector of so many numbers has at most. */
  sizeBytes(entries: number): number;
  serialize(vector: T['vector']): Uint8Array;
  /** @throws {HomomorphicError} `homomorphic/malformed`, `mixed-contexts`. */
  parse(bytes: Uint8Array): T['vector'];
  serializePublicKey(key: T['publicKey']): Uint8Array;
  parsePublicKey(bytes: Uint8Array): T['publicKey'];
}

/** Multiplies by numbers in the clear and adds them. */
export interface PlainArithmetic<T extends SchemeTypes<SchemeName>> {
  multiplyPlain(vector: T['vector'], factor: number): T['vector'];
  addPlain(vector: T['vector'], values: ArrayLike<number>): T['vector'];
}

/** Splits the secret key among holders. */
export interface ThresholdKeys<Secret, Share> {
  /** Deals the key; `dealer` is named in every share and must forget the key. */
  dealKey(
    secretKey: Secret,
    options: { readonly holders: number; readonly threshold: number; readonly dealer: string },
  ): readonly Share[];
}
