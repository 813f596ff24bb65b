/**
 * Loads Microsoft SEAL as WebAssembly, the optional peer dependency `node-seal`, when a context first needs it. The types
 * here are the part of its interface that this room uses, so that nobody needs the package to compile against Sotto.
 *
 * @module
 */

import { HomomorphicError } from '../errors.ts';

/** Everything of SEAL lives in its own heap and must be deleted. */
export interface SealObject {
  readonly delete: () => void;
}
export interface SealSerializable extends SealObject {
  readonly saveArray: (compression?: unknown) => Uint8Array;
}
export interface SealPlainText extends SealSerializable {
  readonly scale: number;
}
export interface SealCipherText extends SealSerializable {
  readonly scale: number;
  readonly parmsId: SealObject & { readonly values: BigUint64Array };
  readonly coeffModulusSize: number;
  readonly size: number;
  readonly loadArray: (context: SealContext, bytes: Uint8Array) => void;
  readonly clone: () => SealCipherText;
  readonly setScale: (scale: number) => void;
}
export interface SealKey extends SealSerializable {
  readonly loadArray: (context: SealContext, bytes: Uint8Array) => void;
}
export interface SealContext extends SealObject {
  readonly parametersSet: () => boolean;
  readonly usingKeyswitching: boolean;
  readonly firstParmsId: SealCipherText['parmsId'];
}
export interface SealEncryptor extends SealObject {
  readonly encrypt: (plain: SealPlainText, cipher: SealCipherText) => void;
  readonly encryptZero: (cipher: SealCipherText) => void;
  readonly encryptSymmetricSerializable: (plain: SealPlainText) => SealSerializable;
}
export interface SealDecryptor extends SealObject {
  readonly decrypt: (cipher: SealCipherText, plain: SealPlainText) => void;
  readonly invariantNoiseBudget: (cipher: SealCipherText) => number;
}
export interface SealEvaluator extends SealObject {
  readonly add: (a: SealCipherText, b: SealCipherText, out: SealCipherText) => void;
  readonly negate: (a: SealCipherText, out: SealCipherText) => void;
  readonly addPlain: (a: SealCipherText, plain: SealPlainText, out: SealCipherText) => void;
  readonly multiplyPlain: (a: SealCipherText, plain: SealPlainText, out: SealCipherText) => void;
  readonly square: (a: SealCipherText, out: SealCipherText) => void;
  readonly multiply: (a: SealCipherText, b: SealCipherText, out: SealCipherText) => void;
  readonly relinearize: (a: SealCipherText, keys: SealKey, out: SealCipherText) => void;
  readonly rescaleToNext: (a: SealCipherText, out: SealCipherText) => void;
  readonly cipherModSwitchTo: (a: SealCipherText, parms: SealCipherText['parmsId'], out: SealCipherText) => void;
  readonly plainModSwitchTo: (plain: SealPlainText, parms: SealCipherText['parmsId'], out: SealPlainText) => void;
  readonly rotateVector: (a: SealCipherText, steps: number, keys: SealKey, out: SealCipherText) => void;
}
export interface SealCkksEncoder extends SealObject {
  readonly slotCount: number;
  readonly encode: (values: Float64Array, scale: number, plain: SealPlainText) => void;
  readonly decode: (plain: SealPlainText) => Float64Array;
}
export interface SealBatchEncoder extends SealObject {
  readonly slotCount: number;
  readonly encode: (values: BigInt64Array | BigUint64Array | Int32Array, plain: SealPlainText) => void;
  readonly decode: (plain: SealPlainText, signed: boolean) => Int32Array | Uint32Array;
  readonly decodeBigInt: (plain: SealPlainText, signed: boolean) => BigInt64Array | BigUint64Array;
}
interface SealParameters extends SealObject {
  readonly setPolyModulusDegree: (degree: number) => void;
  readonly setCoeffModulus: (modulus: unknown) => void;
  readonly setPlainModulus: (modulus: unknown) => void;
  readonly coeffModulus: BigUint64Array;
}
interface SealKeyGenerator extends SealObject {
  readonly secretKey: () => SealKey;
  readonly createPublicKey: () => SealKey;
  readonly createRelinKeysSerializable: () => SealSerializable;
  readonly createGaloisKeysSerializable: (steps: Int32Array) => SealSerializable;
}

/** The library. */
export interface SealLibrary {
  readonly Version: string;
  readonly SchemeType: { readonly bfv: unknown; readonly bgv: unknown; readonly ckks: unknown };
  readonly SecurityLevel: { readonly tc128: unknown };
  readonly ComprModeType: { readonly none: unknown };
  readonly CoeffModulus: { readonly Create: (degree: number, bits: Int32Array) => SealObject };
  readonly PlainModulus: {
    readonly Batching: (degree: number, bits: number) => SealObject & { readonly value: bigint };
  };
  readonly Modulus: (value: bigint) => SealObject;
  readonly EncryptionParameters: (scheme: unknown) => SealParameters;
  readonly Context: (parameters: SealParameters, expand: boolean, level: unknown) => SealContext;
  readonly KeyGenerator: (context: SealContext, secretKey?: SealKey) => SealKeyGenerator;
  readonly PublicKey: () => SealKey;
  readonly SecretKey: () => SealKey;
  readonly RelinKeys: () => SealKey;
  readonly GaloisKeys: () => SealKey;
  readonly PlainText: () => SealPlainText;
  readonly CipherText: () => SealCipherText;
  readonly Encryptor: (context: SealContext, publicKey: SealKey, secretKey?: SealKey) => SealEncryptor;
  readonly Decryptor: (context: SealContext, secretKey: SealKey) => SealDecryptor;
  readonly Evaluator: (context: SealContext) => SealEvaluator;
  readonly CKKSEncoder: (context: SealContext) => SealCkksEncoder;
  readonly BatchEncoder: (context: SealContext) => SealBatchEncoder;
}

let loading: Promise<SealLibrary> | undefined;

/**
 * Loads SEAL once.
 * @throws {HomomorphicError} `homomorphic/library-missing` with the command that installs it.
 */
export function loadSeal(): Promise<SealLibrary> {
  loading ??= loadSealFrom(() =>
    // Bundlers stop at an import that they cannot resolve, unless they see here that its failure is taken care of.
    import('node-seal').catch((missing: unknown) => Promise.reject(missing)),
  );
  return loading;
}

/** As {@link loadSeal}, with the import as an argument: for bundlers that must see it, and for tests. */
export async function loadSealFrom(importLibrary: () => Promise<unknown>): Promise<SealLibrary> {
  let imported: unknown;
  try {
    imported = await importLibrary();
  } catch (cause) {
    throw new HomomorphicError(
      'homomorphic/library-missing',
      'CKKS, BFV and BGV need the optional package node-seal: run "npm install node-seal@6.0.3" (67 MB), or use Paillier',
      { cause },
    );
  }
  // The package is CommonJS for Node and an ES module for browsers.
  let create = imported;
  while (typeof create === 'object' && create !== null && 'default' in create) create = create.default;
  if (typeof create !== 'function') {
    throw new HomomorphicError(
      'homomorphic/library-missing',
      'this version of node-seal is not known: install node-seal@6.0.3',
    );
  }
  return (await (create as () => Promise<unknown>)()) as SealLibrary;
}

/** Runs `body` with SEAL objects and deletes them afterwards, whatever happens. */
export function using<const T extends readonly SealObject[], R>(objects: T, body: (...objects: T) => R): R {
  try {
    return body(...objects);
  } finally {
    for (const object of objects) object.delete();
  }
}
