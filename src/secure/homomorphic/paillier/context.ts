/**
 * Paillier on vectors: fixed point, packed, with the head-room of every later addition fixed when the context is made.
 *
 * @module
 */

import { concatBytes, sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { HomomorphicError } from '../errors.ts';
import type {
  AdditiveContext,
  EncryptedVector,
  KeyPair,
  PlainArithmetic,
  ThresholdKeys,
  WorkOptions,
} from '../scheme.ts';
import {
  addCiphertexts,
  addPlainResidue,
  centre,
  createObfuscator,
  decryptResidue,
  encryptResidue,
  multiplyPlainResidue,
  type Obfuscator,
} from './cipher.ts';
import {
  decodePaillierPublicKey,
  encodePaillierPublicKey,
  generatePaillierKeys,
  type PaillierPublicKey,
  type PaillierSecretKey,
} from './keys.ts';
import { bytesOfInteger, integerOfBytes, mod } from './modular.ts';
import { layOutSlots, packSlots, type SlotLayout, slotLimit, unpackSlots } from './packing.ts';
import type { PaillierPool } from './pool.ts';
import { dealPaillierKey, type PaillierKeyShare } from './threshold.ts';

/** A packed vector under Paillier. */
export interface PaillierVector extends EncryptedVector<'paillier'> {
  readonly blocks: readonly bigint[];
  /** No slot's magnitude exceeds this. */
  readonly bound: bigint;
  /** Binary digits after the point: grows when it is multiplied by a fraction. */
  readonly fractionBits: number;
}

/** The types of this scheme. */
export interface PaillierTypes {
  readonly name: 'paillier';
  readonly publicKey: PaillierPublicKey;
  readonly secretKey: PaillierSecretKey;
  readonly vector: PaillierVector;
}

/** What vectors will hold. */
export interface PaillierOptions {
  readonly keyBits?: 2048 | 3072 | 4096;
  /** Bound of the magnitude of an entry of a fresh vector. */
  readonly clampRange: number;
  /** Binary digits after the point. */
  readonly fractionBits: number;
  /** Fresh vectors that are added at most; the sum of all weights when they are multiplied. */
  readonly addends: number;
  readonly rng: Rng;
  /** Spreads ciphertexts over workers. */
  readonly pool?: PaillierPool;
  /** For tests with short keys only: the ciphertexts protect nothing. */
  readonly insecureKeyBits?: number;
}

/** Paillier: addition, plain arithmetic, threshold keys. */
export interface PaillierContext
  extends
    AdditiveContext<PaillierTypes>,
    PlainArithmetic<PaillierTypes>,
    ThresholdKeys<PaillierSecretKey, PaillierKeyShare> {
  readonly layout: SlotLayout;
  /** Makes random factors ahead of the values: encrypting a block is then one product. */
  precompute(publicKey: PaillierPublicKey, entries: number): void;
  /** Turns joined threshold decryptions back into numbers. */
  decode(plaintexts: readonly bigint[], vector: PaillierVector): Float64Array;
}

/**
 * Creates a context.
 * Guarantee: semantic security of ciphertexts for everybody without the secret key, see `generatePaillierKeys`;
 * ciphertexts are malleable by design: sign them.
 * @throws {HomomorphicError} `homomorphic/no-parameters` when one entry does not fit the key.
 */
export function createPaillier({
  keyBits: wantedBits = 2048,
  clampRange,
  fractionBits,
  addends,
  rng,
  pool,
  insecureKeyBits,
}: PaillierOptions): PaillierContext {
  assertPositive(clampRange, 'clampRange');
  assertInteger(fractionBits, 'fractionBits', { min: 0, max: 52 });
  assertInteger(addends, 'addends', { min: 1 });
  const keyBits = insecureKeyBits ?? wantedBits;
  const scale = 2 ** fractionBits;
  const largest = BigInt(Math.floor(clampRange * scale) + 1);
  const layout = layOutSlots({ largest: largest * BigInt(addends), keyBits });
  const limit = slotLimit(layout);
  const description = `Paillier-${keyBits}, ${layout.slots} slots of ${layout.slotBits} bits`;
  const contextId = toHex(
    sha256(utf8(JSON.stringify([description, clampRange, fractionBits, addends]))).subarray(0, 16),
  );
  const blockBytes = keyBits / 4;
  const insecure = { allowInsecureKeyBits: insecureKeyBits !== undefined };
  const sources = new Map<string, Obfuscator>();

  const sourceOf = (key: PaillierPublicKey, expected: number) => {
    let source = sources.get(key.keyId);
    if (source === undefined) {
      source = createObfuscator(key, { expected }, rng);
      sources.set(key.keyId, source);
    }
    return source;
  };
  const assertKeyBits = (key: PaillierPublicKey) => {
    if (key.keyBits !== keyBits) {
      throw new HomomorphicError(
        'homomorphic/wrong-key',
        `the context is for ${keyBits}-bit keys, this one has ${key.keyBits}`,
      );
    }
  };
  const keys = new Map<string, PaillierPublicKey>();
  const keyOf = ({ keyId }: PaillierVector) => {
    const key = keys.get(keyId);
    if (key === undefined)
      throw new HomomorphicError('homomorphic/wrong-key', 'the public key of this vector is not known here');
    return key;
  };
  const remember = (key: PaillierPublicKey) => {
    assertKeyBits(key);
    keys.set(key.keyId, key);
    return key;
  };
  const assertBound = (bound: bigint) => {
    if (bound > limit) {
      throw new HomomorphicError(
        'homomorphic/overflow',
        `the result may exceed its slots of ${layout.slotBits} bits: raise "addends"`,
      );
    }
    return bound;
  };
  const assertSame = (a: PaillierVector, b: PaillierVector) => {
    if (
      b.scheme !== 'paillier' ||
      b.contextId !== contextId ||
      a.contextId !== contextId ||
      a.entries !== b.entries ||
      a.fractionBits !== b.fractionBits
    ) {
      throw new HomomorphicError(
        'homomorphic/mixed-contexts',
        'the vectors have different parameters, lengths or scales',
      );
    }
    if (a.keyId !== b.keyId)
      throw new HomomorphicError('homomorphic/wrong-key', 'the vectors are under different keys');
  };
  /** Rounds reals to the grid of `bits` fractional digits. */
  const toIntegers = (values: ArrayLike<number>, bits: number): bigint[] =>
    Array.from(values, (value, i) => {
      if (!(Math.abs(value) <= clampRange)) {
        throw new HomomorphicError('homomorphic/overflow', `entry ${i} is not a number within ±${clampRange}`, {
          details: { entry: i },
        });
      }
      return BigInt(Math.round(value * scale)) << BigInt(bits - fractionBits);
    });

  return {
    scheme: 'paillier',
    contextId,
    description,
    layout,
    maxError: addends * (0.5 / scale + (addends * clampRange * scale > 2 ** 53 ? clampRange * 2 ** -53 : 0)),
    maxAddends: addends,
    createKeys(): Promise<KeyPair<PaillierPublicKey, PaillierSecretKey>> {
      const pair = generatePaillierKeys({ keyBits, ...insecure }, rng);
      remember(pair.publicKey);
      return Promise.resolve(pair);
    },
    precompute(publicKey, entries) {
      remember(publicKey);
      const blocks = Math.ceil(entries / layout.slots);
      sourceOf(publicKey, blocks).precompute(blocks);
    },
    async encrypt(values, publicKey, { onProgress }: WorkOptions = {}) {
      remember(publicKey);
      const plaintexts = packSlots(toIntegers(values, fractionBits), layout).map((packed) => mod(packed, publicKey.n));
      let blocks: bigint[];
      if (pool !== undefined && sourceOf(publicKey, plaintexts.length).ready < plaintexts.length) {
        blocks = await pool.encrypt(plaintexts, publicKey, onProgress);
      } else {
        const source = sourceOf(publicKey, plaintexts.length);
        blocks = plaintexts.map((plaintext, i) => {
          const block = encryptResidue(publicKey, plaintext, source.next());
          onProgress?.(i + 1, plaintexts.length);
          return block;
        });
      }
      return {
        scheme: 'paillier',
        contextId,
        keyId: publicKey.keyId,
        entries: values.length,
        addends: 1,
        blocks,
        bound: largest,
        fractionBits,
      };
    },
    add(first, ...more) {
      const key = keyOf(first);
      const blocks = first.blocks.slice();
      let { bound, addends: count } = first;
      for (const vector of more) {
        assertSame(first, vector);
        bound = assertBound(bound + vector.bound);
        count += vector.addends;
        vector.blocks.forEach((block, i) => (blocks[i] = addCiphertexts(key, blocks[i] as bigint, block)));
      }
      return { ...first, blocks, bound, addends: count };
    },
    addPlain(vector, values) {
      const key = keyOf(vector);
      if (values.length !== vector.entries) {
        throw new HomomorphicError(
          'homomorphic/mixed-contexts',
          `${vector.entries} numbers are needed, got ${values.length}`,
        );
      }
      const bound = assertBound(vector.bound + (largest << BigInt(vector.fractionBits - fractionBits)));
      const packed = packSlots(toIntegers(values, vector.fractionBits), layout);
      return {
        ...vector,
        bound,
        blocks: vector.blocks.map((block, i) => addPlainResidue(key, block, packed[i] as bigint)),
      };
    },
    multiplyPlain(vector, factor) {
      const key = keyOf(vector);
      // The shortest binary fraction that is the factor exactly, up to 52 digits.
      let bits = 0;
      while (bits < 52 && !Number.isInteger(factor * 2 ** bits)) bits += 1;
      if (!Number.isInteger(factor * 2 ** bits)) {
        throw new HomomorphicError(
          'homomorphic/unsupported',
          'a factor must be a binary fraction of at most 52 digits: round it first',
        );
      }
      const integer = BigInt(factor * 2 ** bits);
      const bound = assertBound(vector.bound * (integer < 0n ? -integer : integer));
      const blocks = vector.blocks.map((block) => multiplyPlainResidue(key, block, integer));
      return { ...vector, blocks, bound, fractionBits: vector.fractionBits + bits };
    },
    async decrypt(vector, secretKey, { onProgress }: WorkOptions = {}) {
      if (vector.contextId !== contextId)
        throw new HomomorphicError('homomorphic/mixed-contexts', 'the vector is of another context');
      if (vector.keyId !== secretKey.keyId)
        throw new HomomorphicError('homomorphic/wrong-key', 'the vector is not under this key');
      remember(secretKey.publicKey);
      const plaintexts =
        pool === undefined
          ? vector.blocks.map((block, i) => {
              const plaintext = decryptResidue(secretKey, block);
              onProgress?.(i + 1, vector.blocks.length);
              return plaintext;
            })
          : await pool.decrypt(vector.blocks, secretKey, onProgress);
      return this.decode(plaintexts, vector);
    },
    decode(plaintexts, vector) {
      const key = keyOf(vector);
      const integers = unpackSlots(
        plaintexts.map((plaintext) => centre(key, plaintext)),
        vector.entries,
        layout,
      );
      return Float64Array.from(integers, (value) => Number(value) / 2 ** vector.fractionBits);
    },
    assertFresh(vector, entries) {
      const key = keyOf(vector);
      const { blocks, addends: count, bound, fractionBits: bits } = vector;
      if (
        vector.contextId !== contextId ||
        count !== 1 ||
        vector.entries !== entries ||
        bound !== largest ||
        bits !== fractionBits ||
        blocks.length !== Math.ceil(entries / layout.slots) ||
        blocks.some((block) => block <= 0n || block >= key.nSquared)
      ) {
        throw new HomomorphicError('homomorphic/malformed', `the vector is no fresh encryption of ${entries} numbers`);
      }
    },
    sizeBytes: (entries) => HEAD_BYTES + Math.ceil(entries / layout.slots) * blockBytes,
    serialize({ keyId, entries, addends: count, bound, fractionBits: bits, blocks }) {
      const head = utf8(
        JSON.stringify({
          scheme: 'paillier',
          contextId,
          keyId,
          entries,
          addends: count,
          bound: bound.toString(),
          fractionBits: bits,
        }),
      );
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, head.length);
      return concatBytes(length, head, ...blocks.map((block) => bytesOfInteger(block, blockBytes)));
    },
    parse(bytes) {
      const { head, body } = readHead(bytes);
      const { keyId, entries, addends: count, bound, fractionBits: bits } = head;
      if (head.scheme !== 'paillier' || head.contextId !== contextId) {
        throw new HomomorphicError('homomorphic/mixed-contexts', 'the bytes are a vector of another context');
      }
      const wanted = Math.ceil(Number(entries) / layout.slots);
      if (
        typeof keyId !== 'string' ||
        typeof bound !== 'string' ||
        !/^\d{1,1300}$/.test(bound) ||
        !isCount(entries, 0) ||
        !isCount(count, 1) ||
        !isCount(bits, fractionBits) ||
        body.length !== wanted * blockBytes
      ) {
        throw malformed();
      }
      const blocks = Array.from({ length: wanted }, (_, i) =>
        integerOfBytes(body.subarray(i * blockBytes, (i + 1) * blockBytes)),
      );
      const key = keys.get(keyId);
      if (key !== undefined && blocks.some((block) => block === 0n || block >= key.nSquared)) throw malformed();
      return {
        scheme: 'paillier',
        contextId,
        keyId,
        entries,
        addends: count,
        bound: assertBound(BigInt(bound)),
        fractionBits: bits,
        blocks,
      };
    },
    serializePublicKey: encodePaillierPublicKey,
    parsePublicKey: (bytes) => remember(decodePaillierPublicKey(bytes, insecure)),
    dealKey: (secretKey, options) => dealPaillierKey(secretKey, options, rng),
  };
}

/** The description in front of the blocks: names, counts, and a bound of up to 1,300 digits. */
const HEAD_BYTES = 2048;

function isCount(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function malformed(): HomomorphicError {
  return new HomomorphicError('homomorphic/malformed', 'the bytes are not a vector under Paillier');
}

function readHead(bytes: Uint8Array): { head: Record<string, unknown>; body: Uint8Array } {
  try {
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
    const head = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, 4 + length))) as Record<
      string,
      unknown
    >;
    return { head, body: bytes.subarray(4 + length) };
  } catch {
    throw malformed();
  }
}
