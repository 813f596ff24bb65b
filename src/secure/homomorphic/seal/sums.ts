/**
 * BFV, BGV and CKKS for sums: exact integers on a declared grid, in chunks of one ciphertext. CKKS results are released only
 * after rounding to the grid, which the parameters keep clear of the noise, so that a decryption shows nothing of it.
 *
 * @module
 */

import { concatBytes, utf8 } from '../../../foundations/crypto/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { HomomorphicError } from '../errors.ts';
import type { SealScheme, WorkOptions } from '../scheme.ts';
import { loadSeal, type SealCipherText, type SealLibrary, using } from './library.ts';
import { chooseCkksSum, chooseExactSum, holdsNoise } from './parameters.ts';
import { createSealRing, sealKeyId, type SealKeyBytes, type SealRing, type SealVector } from './ring.ts';
import type { BfvContext, BgvContext, CkksContext, SealSumOptions } from './sum-types.ts';

/** Creates a BFV context for exact sums. @throws {HomomorphicError} `library-missing`, `no-parameters`. */
export function createBfv(options: SealSumOptions): Promise<BfvContext> {
  return createExact('bfv', options);
}

/**
 * Creates a BGV context for exact sums: the same interface, sizes and guarantees as BFV, with the message in the low
 * digits of the noise instead of the high ones, for those whose other systems speak BGV [BGV12].
 * @throws {HomomorphicError} `library-missing`, `no-parameters`.
 */
export function createBgv(options: SealSumOptions): Promise<BgvContext> {
  return createExact('bgv', options);
}

async function createExact<S extends 'bfv' | 'bgv'>(scheme: S, options: SealSumOptions) {
  const needs = readNeeds(options);
  const choice = chooseExactSum(needs);
  const seal = options.library ?? (await loadSeal());
  const ring = createSealRing(seal, scheme, choice, { label: JSON.stringify(needs), expand: false });
  const context = createSumContext(
    ring,
    needs,
    `${scheme.toUpperCase()} N=${choice.degree}, q ${choice.modulusBits.join('+')} bits, t ${choice.plainBits} bits`,
  );
  const scale = 2 ** needs.fractionBits;
  const hasRoom = holdsNoise({ ...needs, products: true }, choice);
  return {
    ...context,
    multiplyPlain(vector: SealVector<S>, factor: number) {
      assertInteger(Math.abs(factor), '|factor|', { min: 1 });
      if (!hasRoom && Math.abs(factor) > 1) {
        throw new HomomorphicError(
          'homomorphic/unsupported',
          'products would take noise that these parameters do not hold: make the context with "products: true"',
        );
      }
      if (vector.addends * Math.abs(factor) > needs.addends) {
        throw new HomomorphicError(
          'homomorphic/overflow',
          `the product counts as ${vector.addends * Math.abs(factor)} vectors, the context holds ${needs.addends}`,
        );
      }
      const values = new BigInt64Array(ring.slots).fill(BigInt(Math.abs(factor)));
      return context.mapChunks(vector, vector.addends * Math.abs(factor), (cipher) =>
        using([seal.PlainText()], (plain) => {
          ring.batch.encode(values, plain);
          // A constant in the upper half of t would be multiplied as the large number it is.
          ring.evaluator.multiplyPlain(cipher, plain, cipher);
          if (factor < 0) ring.evaluator.negate(cipher, cipher);
        }),
      );
    },
    addPlain(vector: SealVector<S>, values: ArrayLike<number>) {
      if (values.length !== vector.entries) {
        throw new HomomorphicError(
          'homomorphic/mixed-contexts',
          `${vector.entries} numbers are needed, got ${values.length}`,
        );
      }
      const grid = toGrid(values, needs.clampRange, scale);
      return context.mapChunks(vector, context.assertAddends(vector.addends + 1), (cipher, index) =>
        using([seal.PlainText()], (plain) => {
          ring.batch.encode(BigInt64Array.from(chunkOf(grid, index, ring.slots), BigInt), plain);
          ring.evaluator.addPlain(cipher, plain, cipher);
        }),
      );
    },
  };
}

/**
 * Creates a CKKS context for sums of reals.
 * Guarantee: what `decrypt` returns is the sum of the inputs rounded to the grid, exactly, except with probability
 * 2^−40; it depends on nothing else, so it can be handed on [LM21].
 * @throws {HomomorphicError} `library-missing`, `no-parameters`.
 */
export async function createCkks(options: SealSumOptions): Promise<CkksContext> {
  const needs = readNeeds(options);
  const choice = chooseCkksSum(needs);
  const seal = options.library ?? (await loadSeal());
  const ring = createSealRing(seal, 'ckks', choice, { label: JSON.stringify(needs), expand: false });
  return createSumContext(
    ring,
    needs,
    `CKKS N=${choice.degree}, q ${choice.modulusBits.join('+')} bits, scale 2^${choice.scaleBits}`,
  );
}

type Needs = Required<Omit<SealSumOptions, 'library'>>;

function readNeeds({ clampRange, fractionBits, addends, entries = 2 ** 24, products = false }: SealSumOptions): Needs {
  assertPositive(clampRange, 'clampRange');
  assertInteger(fractionBits, 'fractionBits', { min: 0, max: 52 });
  assertInteger(addends, 'addends', { min: 1 });
  assertInteger(entries, 'entries', { min: 1 });
  return { clampRange, fractionBits, addends, entries, products };
}

/** Rounds to the grid: integers in float64. */
function toGrid(values: ArrayLike<number>, clampRange: number, scale: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    if (!(Math.abs(value) <= clampRange)) {
      throw new HomomorphicError('homomorphic/overflow', `entry ${i} is not a number within ±${clampRange}`, {
        details: { entry: i },
      });
    }
    out[i] = Math.round(value * scale);
  }
  return out;
}

function chunkOf(values: Float64Array, index: number, slots: number): Float64Array {
  return values.subarray(index * slots, Math.min((index + 1) * slots, values.length));
}

function createSumContext<S extends SealScheme>(ring: SealRing<S>, needs: Needs, parameters: string) {
  const { seal, scheme, contextId, slots } = ring;
  const { clampRange, fractionBits, addends: maxAddends, entries: maxEntries } = needs;
  const scale = 2 ** fractionBits;
  const cipherScale = 2 ** ring.choice.scaleBits;
  type Vector = SealVector<S>;

  const encodeInto = (plain: ReturnType<SealLibrary['PlainText']>, grid: Float64Array) => {
    if (scheme === 'ckks')
      ring.ckks.encode(
        grid.map((value) => value / scale),
        cipherScale,
        plain,
      );
    else if (ring.choice.plainBits <= 32) ring.batch.encode(Int32Array.from(grid), plain);
    else ring.batch.encode(BigInt64Array.from(grid, BigInt), plain);
  };
  const decodeFrom = (plain: ReturnType<SealLibrary['PlainText']>): Float64Array => {
    if (scheme === 'ckks') return ring.ckks.decode(plain).map((value) => Math.round(value * scale) / scale);
    const integers =
      ring.choice.plainBits <= 32 ? ring.batch.decode(plain, true) : ring.batch.decodeBigInt(plain, true);
    return Float64Array.from(integers as Int32Array, (value) => Number(value) / scale);
  };
  const assertVector = (vector: Vector) => {
    if (vector.scheme !== scheme || vector.contextId !== contextId) {
      throw new HomomorphicError('homomorphic/mixed-contexts', 'the vector is of another context');
    }
  };
  const assertAddends = (addends: number) => {
    if (addends > maxAddends) {
      throw new HomomorphicError(
        'homomorphic/overflow',
        `a sum of ${addends} vectors does not fit, the context holds ${maxAddends}`,
      );
    }
    return addends;
  };
  const encryptChunks = async (
    values: ArrayLike<number>,
    keyId: string,
    { onProgress }: WorkOptions,
    run: (plain: ReturnType<SealLibrary['PlainText']>) => Uint8Array,
  ): Promise<Vector> => {
    if (values.length > maxEntries)
      throw new HomomorphicError('homomorphic/overflow', `${values.length} entries, the context is for ${maxEntries}`);
    const grid = toGrid(values, clampRange, scale);
    const total = Math.ceil(grid.length / slots);
    const chunks = using([seal.PlainText()], (plain) =>
      Array.from({ length: total }, (_, index) => {
        encodeInto(plain, chunkOf(grid, index, slots));
        const chunk = run(plain);
        onProgress?.(index + 1, total);
        return chunk;
      }),
    );
    grid.fill(0);
    return { scheme, contextId, keyId, entries: values.length, addends: 1, chunks };
  };

  return {
    scheme,
    contextId,
    slots,
    description: `${parameters}, 128 bits of security, grid 2^-${fractionBits}`,
    maxError: maxAddends * (0.5 / scale + (maxAddends * clampRange * scale > 2 ** 53 ? clampRange * 2 ** -53 : 0)),
    maxAddends,
    assertAddends,
    createKeys: () => Promise.resolve(ring.generateKeys()),
    encrypt(values: ArrayLike<number>, publicKey: SealKeyBytes<S>, options: WorkOptions = {}) {
      return encryptOrReject(() => {
        const encryptor = ring.encryptor(publicKey);
        const cipher = seal.CipherText();
        return encryptChunks(values, publicKey.keyId, options, (plain) => {
          encryptor.encrypt(plain, cipher);
          return ring.save(cipher);
        }).finally(() => cipher.delete());
      });
    },
    encryptSymmetric(
      values: ArrayLike<number>,
      { publicKey, secretKey }: { readonly publicKey: SealKeyBytes<S>; readonly secretKey: SealKeyBytes<S> },
      options: WorkOptions = {},
    ) {
      return encryptOrReject(() => {
        const encryptor = ring.encryptor(publicKey, secretKey);
        return encryptChunks(values, publicKey.keyId, options, (plain) =>
          using([encryptor.encryptSymmetricSerializable(plain)], (seeded) => seeded.saveArray(seal.ComprModeType.none)),
        );
      });
    },
    add(first: Vector, ...more: readonly Vector[]): Vector {
      let addends = first.addends;
      assertVector(first);
      for (const vector of more) {
        assertVector(vector);
        if (vector.entries !== first.entries)
          throw new HomomorphicError('homomorphic/mixed-contexts', 'the vectors have different lengths');
        if (vector.keyId !== first.keyId)
          throw new HomomorphicError('homomorphic/wrong-key', 'the vectors are under different keys');
        addends = assertAddends(addends + vector.addends);
      }
      const chunks = first.chunks.map((chunk, index) =>
        using([ring.load(chunk)], (sum) => {
          for (const vector of more) {
            using([ring.load(vector.chunks[index] as Uint8Array)], (cipher) => ring.evaluator.add(sum, cipher, sum));
          }
          return ring.save(sum);
        }),
      );
      return { ...first, addends, chunks };
    },
    assertFresh(vector: Vector, entries: number): void {
      assertVector(vector);
      const { addends, chunks } = vector;
      const fits = addends === 1 && vector.entries === entries && chunks.length === Math.ceil(entries / slots);
      // A scale or level of its own would make every later sum fail.
      const isFresh = (cipher: SealCipherText) =>
        cipher.size === 2 &&
        cipher.coeffModulusSize === ring.freshPrimes &&
        (scheme !== 'ckks' || cipher.scale === cipherScale);
      if (!fits || !chunks.every((chunk) => using([ring.load(chunk)], isFresh)))
        throw new HomomorphicError('homomorphic/malformed', `the vector is no fresh encryption of ${entries} numbers`);
    },
    mapChunks(vector: Vector, addends: number, body: (cipher: SealCipherText, index: number) => void): Vector {
      assertVector(vector);
      const chunks = vector.chunks.map((chunk, index) =>
        using([ring.load(chunk)], (cipher) => {
          body(cipher, index);
          return ring.save(cipher);
        }),
      );
      return { ...vector, addends, chunks };
    },
    async decrypt(vector: Vector, secretKey: SealKeyBytes<S>, { onProgress }: WorkOptions = {}): Promise<Float64Array> {
      assertVector(vector);
      if (vector.keyId !== secretKey.keyId)
        throw new HomomorphicError('homomorphic/wrong-key', 'the vector is not under this key');
      const decryptor = ring.decryptor(secretKey);
      const out = new Float64Array(vector.entries);
      using([seal.PlainText()], (plain) =>
        vector.chunks.forEach((chunk, index) => {
          using([ring.load(chunk)], (cipher) => decryptor.decrypt(cipher, plain));
          out.set(decodeFrom(plain).subarray(0, Math.min(slots, vector.entries - index * slots)), index * slots);
          onProgress?.(index + 1, vector.chunks.length);
        }),
      );
      return out;
    },
    sizeBytes: (entries: number) => HEAD_BYTES + Math.ceil(entries / slots) * (ring.cipherBytes + CHUNK_HEAD_BYTES),
    serialize({ keyId, entries, addends, chunks }: Vector): Uint8Array {
      const head = utf8(
        JSON.stringify({ scheme, contextId, keyId, entries, addends, sizes: chunks.map(({ length }) => length) }),
      );
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, head.length);
      return concatBytes(length, head, ...chunks);
    },
    parse(bytes: Uint8Array): Vector {
      const malformed = () =>
        new HomomorphicError('homomorphic/malformed', `the bytes are not a vector under ${scheme}`);
      let head: {
        scheme?: unknown;
        contextId?: unknown;
        keyId?: unknown;
        entries?: unknown;
        addends?: unknown;
        sizes?: unknown;
      };
      let at: number;
      try {
        const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
        at = 4 + length;
        head = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, at))) as typeof head;
      } catch {
        throw malformed();
      }
      if (head.scheme !== scheme || head.contextId !== contextId) {
        throw new HomomorphicError('homomorphic/mixed-contexts', 'the bytes are a vector of another context');
      }
      const { keyId, entries, addends, sizes } = head;
      if (
        typeof keyId !== 'string' ||
        !Number.isSafeInteger(entries) ||
        !Number.isSafeInteger(addends) ||
        (addends as number) < 1 ||
        !Array.isArray(sizes) ||
        sizes.length !== Math.ceil((entries as number) / slots) ||
        !sizes.every((size) => Number.isSafeInteger(size) && size > 0) ||
        (sizes as number[]).reduce((sum, size) => sum + size, at) !== bytes.length
      ) {
        throw malformed();
      }
      assertAddends(addends as number);
      const chunks = (sizes as number[]).map((size) => {
        const chunk = bytes.slice(at, at + size);
        at += size;
        return chunk;
      });
      return { scheme, contextId, keyId, entries: entries as number, addends: addends as number, chunks };
    },
    serializePublicKey: ({ bytes }: SealKeyBytes<S>): Uint8Array => concatBytes(utf8(contextId), bytes),
    parsePublicKey(bytes: Uint8Array): SealKeyBytes<S> {
      if (new TextDecoder().decode(bytes.subarray(0, 32)) !== contextId) {
        throw new HomomorphicError('homomorphic/mixed-contexts', 'the key is of another context');
      }
      const own = bytes.slice(32);
      const key = { scheme, contextId, keyId: sealKeyId(own), bytes: own };
      ring.encryptor(key);
      return key;
    },
    close: () => ring.close(),
  };
}

/** The description in front of the chunks, and a chunk's length in it and SEAL's own header. */
const HEAD_BYTES = 1024;
const CHUNK_HEAD_BYTES = 256;

function encryptOrReject<T>(body: () => Promise<T>): Promise<T> {
  try {
    return body();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}
