/**
 * A SEAL context with its encoders and the objects that keys become: what BFV, BGV and CKKS contexts share.
 *
 * @module
 */

import { sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { HomomorphicError } from '../errors.ts';
import type { EncryptedVector, SealScheme } from '../scheme.ts';
import {
  type SealBatchEncoder,
  type SealCipherText,
  type SealCkksEncoder,
  type SealContext,
  type SealDecryptor,
  type SealEncryptor,
  type SealEvaluator,
  type SealKey,
  type SealLibrary,
  using,
} from './library.ts';
import type { SealParameterChoice } from './parameters.ts';

/** A key of SEAL in bytes. */
export interface SealKeyBytes<S extends SealScheme> {
  readonly scheme: S;
  readonly contextId: string;
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

/** Names a key by its public bytes. */
export function sealKeyId(publicBytes: Uint8Array): string {
  return toHex(sha256(utf8('sotto/seal'), publicBytes).subarray(0, 16));
}

/** A vector in chunks of one ciphertext each. */
export interface SealVector<S extends SealScheme> extends EncryptedVector<S> {
  readonly chunks: readonly Uint8Array[];
}

/** The machinery of one parameter set. */
export interface SealRing<S extends SealScheme> {
  readonly scheme: S;
  readonly seal: SealLibrary;
  readonly context: SealContext;
  readonly contextId: string;
  readonly choice: SealParameterChoice;
  readonly evaluator: SealEvaluator;
  readonly ckks: SealCkksEncoder;
  readonly batch: SealBatchEncoder;
  readonly slots: number;
  /** The primes of the chain. */
  readonly primes: readonly bigint[];
  /** How many of them a fresh ciphertext is modulo: the last of several is for switching keys. */
  readonly freshPrimes: number;
  /** Bytes of the two polynomials of a fresh ciphertext. */
  readonly cipherBytes: number;
  generateKeys(): { publicKey: SealKeyBytes<S>; secretKey: SealKeyBytes<S> };
  /** Runs with a key loaded; loaded keys are kept until `close`. */
  encryptor(publicKey: SealKeyBytes<S>, secretKey?: SealKeyBytes<S>): SealEncryptor;
  decryptor(secretKey: SealKeyBytes<S>): SealDecryptor;
  loadKey(kind: 'RelinKeys' | 'GaloisKeys', key: { readonly contextId: string; readonly bytes: Uint8Array }): SealKey;
  /** @throws {HomomorphicError} `homomorphic/malformed` when SEAL refuses the bytes. */
  load(bytes: Uint8Array): SealCipherText;
  save(cipher: SealCipherText): Uint8Array;
  assertKey(key: { readonly scheme: string; readonly contextId: string }): void;
  close(): void;
}

/**
 * Creates the machinery.
 * @throws {HomomorphicError} `homomorphic/insecure-parameters` when SEAL does not vouch for 128 bits.
 */
export function createSealRing<S extends SealScheme>(
  seal: SealLibrary,
  scheme: S,
  choice: SealParameterChoice,
  { label, expand, plainPrime }: { readonly label: string; readonly expand: boolean; readonly plainPrime?: bigint },
): SealRing<S> {
  const parameters = seal.EncryptionParameters(seal.SchemeType[scheme]);
  parameters.setPolyModulusDegree(choice.degree);
  using([seal.CoeffModulus.Create(choice.degree, Int32Array.from(choice.modulusBits))], (modulus) =>
    parameters.setCoeffModulus(modulus),
  );
  if (scheme !== 'ckks') {
    const plain =
      plainPrime === undefined ? seal.PlainModulus.Batching(choice.degree, choice.plainBits) : seal.Modulus(plainPrime);
    using([plain], (modulus) => parameters.setPlainModulus(modulus));
  }
  const primes = [...parameters.coeffModulus];
  const freshPrimes = Math.max(1, primes.length - 1);
  const context = seal.Context(parameters, expand, seal.SecurityLevel.tc128);
  parameters.delete();
  if (!context.parametersSet()) {
    context.delete();
    throw new HomomorphicError(
      'homomorphic/insecure-parameters',
      `degree ${choice.degree} with ${choice.modulusBits.join('+')} bits is not a 128-bit parameter set`,
    );
  }
  const contextId = toHex(
    sha256(utf8(JSON.stringify([scheme, choice, label, plainPrime?.toString() ?? null]))).subarray(0, 16),
  );
  const evaluator = seal.Evaluator(context);
  const encoder = scheme === 'ckks' ? seal.CKKSEncoder(context) : seal.BatchEncoder(context);
  const kept = new Map<string, { delete: () => void }>();
  // Evaluation keys are tens of megabytes: found by identity, hashed once.
  const loaded = new WeakMap<Uint8Array, SealKey>();
  const keep = <T extends { delete: () => void }>(name: string, make: () => T): T => {
    const known = kept.get(name) as T | undefined;
    if (known !== undefined) return known;
    const made = make();
    kept.set(name, made);
    return made;
  };
  const loadInto = (key: SealKey, bytes: Uint8Array): SealKey => {
    try {
      key.loadArray(context, bytes);
    } catch (cause) {
      key.delete();
      throw new HomomorphicError('homomorphic/malformed', 'the bytes are not a key of this context', { cause });
    }
    return key;
  };
  const assertKey = (key: { readonly scheme: string; readonly contextId: string }) => {
    if (key.scheme !== scheme || key.contextId !== contextId) {
      throw new HomomorphicError('homomorphic/mixed-contexts', 'the key is of another context');
    }
  };
  return {
    scheme,
    seal,
    context,
    contextId,
    choice,
    evaluator,
    ckks: encoder as SealCkksEncoder,
    batch: encoder as SealBatchEncoder,
    slots: encoder.slotCount,
    primes,
    freshPrimes,
    cipherBytes: 2 * freshPrimes * choice.degree * 8,
    generateKeys() {
      return using([seal.KeyGenerator(context)], (generator) =>
        using([generator.secretKey(), generator.createPublicKey()], (secret, open) => {
          const publicBytes = open.saveArray(seal.ComprModeType.none);
          const keyId = sealKeyId(publicBytes);
          const about = { scheme, contextId, keyId };
          return {
            publicKey: { ...about, bytes: publicBytes },
            secretKey: { ...about, bytes: secret.saveArray(seal.ComprModeType.none) },
          };
        }),
      );
    },
    encryptor(publicKey, secretKey) {
      assertKey(publicKey);
      const open = keep(`public ${publicKey.keyId}`, () => loadInto(seal.PublicKey(), publicKey.bytes));
      if (secretKey === undefined) return keep(`encryptor ${publicKey.keyId}`, () => seal.Encryptor(context, open));
      assertKey(secretKey);
      const secret = keep(`secret ${secretKey.keyId}`, () => loadInto(seal.SecretKey(), secretKey.bytes));
      return keep(`symmetric ${publicKey.keyId}`, () => seal.Encryptor(context, open, secret));
    },
    decryptor(secretKey) {
      assertKey(secretKey);
      const secret = keep(`secret ${secretKey.keyId}`, () => loadInto(seal.SecretKey(), secretKey.bytes));
      return keep(`decryptor ${secretKey.keyId}`, () => seal.Decryptor(context, secret));
    },
    loadKey(kind, key) {
      const known = loaded.get(key.bytes);
      if (known !== undefined) return known;
      const made = keep(`${kind} ${toHex(sha256(key.bytes).subarray(0, 16))}`, () => loadInto(seal[kind](), key.bytes));
      loaded.set(key.bytes, made);
      return made;
    },
    load(bytes) {
      const cipher = seal.CipherText();
      try {
        cipher.loadArray(context, bytes);
      } catch (cause) {
        cipher.delete();
        throw new HomomorphicError('homomorphic/malformed', 'the bytes are not a ciphertext of this context', {
          cause,
        });
      }
      return cipher;
    },
    save: (cipher) => cipher.saveArray(seal.ComprModeType.none),
    assertKey,
    close() {
      for (const object of kept.values()) object.delete();
      kept.clear();
      evaluator.delete();
      encoder.delete();
      context.delete();
    },
  };
}
