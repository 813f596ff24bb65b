/**
 * CKKS for computing: one ciphertext of slots with products, rotations and low-degree polynomials, at the levels the
 * context was made for. Scales are kept exact: a plaintext factor is encoded at the prime that rescaling removes.
 *
 * The server works with evaluation keys alone; it sees ciphertexts only. What it returns carries noise that may depend on
 * its factors: the holder of the secret key is not promised to learn the result only (no circuit privacy).
 *
 * Results are rounded to a declared grid for the holder of the key. Unlike sums, exact results need not lie on the grid, so
 * that noise can move one by a step: they are not for whoever holds the ciphertexts [LM21].
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { HomomorphicError } from '../errors.ts';
import { layOutNext, type LayerLayout, placeWeights } from './layers.ts';
import { loadSeal, type SealCipherText, type SealLibrary, using } from './library.ts';
import { chooseCkksCompute } from './parameters.ts';
import { createSealRing, type SealKeyBytes, type SealRing, type SealVector } from './ring.ts';

/** Keys that let a server compute, and read nothing. */
export interface EvaluationKeys {
  readonly scheme: 'ckks';
  readonly contextId: string;
  readonly keyId: string;
  readonly relinearization: Uint8Array | undefined;
  readonly rotation: Uint8Array | undefined;
  /** The rotations they serve. */
  readonly steps: readonly number[];
}

/** What will be computed. */
export interface CkksComputeOptions {
  /** Products in a row. */
  readonly depth: number;
  /** Binary digits of the scale: about 17 more than the digits of the result. */
  readonly scaleBits?: number;
  /** Bits before the point of any intermediate value, sign included. */
  readonly integerBits?: number;
  /** Slots needed. */
  readonly slots: number;
  /** Results are rounded to multiples of 2^−resultBits before they are handed out. */
  readonly resultBits?: number;
  readonly library?: SealLibrary;
}

/** Operations of a server on one query. All take and return ciphertexts; nothing is changed in place. */
export interface RotatingContext {
  readonly scheme: 'ckks';
  readonly contextId: string;
  readonly slots: number;
  readonly description: string;
  createKeys(): { readonly publicKey: SealKeyBytes<'ckks'>; readonly secretKey: SealKeyBytes<'ckks'> };
  /** Makes the keys for products and the given rotations; about 0.4 MB a rotation at N = 8192. */
  createEvaluationKeys(
    keys: { readonly publicKey: SealKeyBytes<'ckks'>; readonly secretKey: SealKeyBytes<'ckks'> },
    steps: readonly number[],
  ): EvaluationKeys;
  encrypt(values: ArrayLike<number>, publicKey: SealKeyBytes<'ckks'>): SealVector<'ckks'>;
  /** Rounds to the declared grid. For the key's holder: do not hand it on to whoever holds the ciphertexts. */
  decrypt(vector: SealVector<'ckks'>, secretKey: SealKeyBytes<'ckks'>): Float64Array;
  add(a: SealVector<'ckks'>, b: SealVector<'ckks'>): SealVector<'ckks'>;
  addPlain(vector: SealVector<'ckks'>, values: ArrayLike<number>): SealVector<'ckks'>;
  multiplyPlain(vector: SealVector<'ckks'>, factors: ArrayLike<number>): SealVector<'ckks'>;
  multiply(a: SealVector<'ckks'>, b: SealVector<'ckks'>, keys: EvaluationKeys): SealVector<'ckks'>;
  /** Moves slot i + steps to slot i, around the end. */
  rotate(vector: SealVector<'ckks'>, steps: number, keys: EvaluationKeys): SealVector<'ckks'>;
  /** Dot product with plain weights, in every slot; needs rotations by powers of two. */
  dotPlain(vector: SealVector<'ckks'>, weights: ArrayLike<number>, keys: EvaluationKeys): SealVector<'ckks'>;
  /** Encrypts a vector repeated over all slots, as `matrixVector` needs it for matrices of this shape. */
  encryptRepeated(
    values: ArrayLike<number>,
    shape: { readonly rows: number },
    publicKey: SealKeyBytes<'ckks'>,
  ): SealVector<'ckks'>;
  /** The rotations that `matrixVector` takes. */
  matrixSteps(shape: { readonly rows: number; readonly columns: number }): readonly number[];
  /** A plain matrix, row-major, times a repeated vector: the product repeats over the slots, row r in slot r. */
  matrixVector(
    vector: SealVector<'ckks'>,
    matrix: { readonly rows: number; readonly columns: number; readonly weights: ArrayLike<number> },
    keys: EvaluationKeys,
  ): SealVector<'ckks'>;
  /** c₀ + c₁ x + … in every slot, degree at most 3. */
  polynomial(vector: SealVector<'ckks'>, coefficients: readonly number[], keys: EvaluationKeys): SealVector<'ckks'>;
  close(): void;
}

/** The same on objects in SEAL's memory, for layers that do many operations in a row. */
export interface CkksMachine {
  readonly ring: SealRing<'ckks'>;
  readonly resultBits: number;
  /** Multiplies by plain factors and rescales, in place. */
  multiplyPlain(cipher: SealCipherText, factors: Float64Array): void;
  addPlain(cipher: SealCipherText, values: Float64Array): void;
  square(cipher: SealCipherText, keys: EvaluationKeys): void;
  multiply(cipher: SealCipherText, other: SealCipherText, keys: EvaluationKeys): void;
  rotateInto(out: SealCipherText, cipher: SealCipherText, steps: number, keys: EvaluationKeys): void;
}

/** Creates the machine. @throws {HomomorphicError} `library-missing`, `no-parameters`. */
export async function createCkksMachine({
  depth,
  scaleBits = 40,
  integerBits = 12,
  slots,
  resultBits = 12,
  library,
}: CkksComputeOptions): Promise<CkksMachine> {
  assertInteger(depth, 'depth', { max: 12 });
  const choice = chooseCkksCompute({ depth, scaleBits, integerBits, slots });
  const seal = library ?? (await loadSeal());
  const ring = createSealRing(seal, 'ckks', choice, { label: `compute ${resultBits}`, expand: true });
  const assertKeys = (keys: EvaluationKeys, steps?: number) => {
    ring.assertKey(keys);
    if (steps !== undefined && !keys.steps.includes(steps)) {
      throw new HomomorphicError('homomorphic/unsupported', `the evaluation keys do not serve a rotation by ${steps}`);
    }
  };
  const lastPrime = (cipher: SealCipherText) => Number(ring.primes[cipher.coeffModulusSize - 1]);
  const encodeFor = (
    cipher: SealCipherText,
    values: Float64Array,
    scale: number,
    body: (plain: ReturnType<SealLibrary['PlainText']>) => void,
  ) =>
    using([seal.PlainText(), cipher.parmsId], (plain, parms) => {
      ring.ckks.encode(values, scale, plain);
      ring.evaluator.plainModSwitchTo(plain, parms, plain);
      body(plain);
    });
  const assertLevel = (cipher: SealCipherText) => {
    if (cipher.coeffModulusSize < 2) {
      throw new HomomorphicError(
        'homomorphic/unsupported',
        `the context has ${depth} levels and all are used: raise "depth"`,
      );
    }
  };
  const relinearize = (cipher: SealCipherText, keys: EvaluationKeys) => {
    assertKeys(keys);
    if (keys.relinearization === undefined)
      throw new HomomorphicError('homomorphic/unsupported', 'there is no key for products');
    const key = ring.loadKey('RelinKeys', { contextId: keys.contextId, bytes: keys.relinearization });
    ring.evaluator.relinearize(cipher, key, cipher);
    ring.evaluator.rescaleToNext(cipher, cipher);
  };
  return {
    ring,
    resultBits,
    multiplyPlain(cipher, factors) {
      assertLevel(cipher);
      encodeFor(cipher, factors, lastPrime(cipher), (plain) => ring.evaluator.multiplyPlain(cipher, plain, cipher));
      ring.evaluator.rescaleToNext(cipher, cipher);
    },
    addPlain(cipher, values) {
      encodeFor(cipher, values, cipher.scale, (plain) => ring.evaluator.addPlain(cipher, plain, cipher));
    },
    square(cipher, keys) {
      assertLevel(cipher);
      ring.evaluator.square(cipher, cipher);
      relinearize(cipher, keys);
    },
    multiply(cipher, other, keys) {
      assertLevel(cipher);
      assertLevel(other);
      const [high, low] = cipher.coeffModulusSize > other.coeffModulusSize ? [cipher, other] : [other, cipher];
      using([high.clone(), low.parmsId], (switched, parms) => {
        ring.evaluator.cipherModSwitchTo(switched, parms, switched);
        ring.evaluator.multiply(low, switched, cipher);
      });
      relinearize(cipher, keys);
    },
    rotateInto(out, cipher, steps, keys) {
      assertKeys(keys, steps);
      const key = ring.loadKey('GaloisKeys', { contextId: keys.contextId, bytes: keys.rotation as Uint8Array });
      ring.evaluator.rotateVector(cipher, steps, key, out);
    },
  };
}

/** Makes the evaluation keys of a machine. */
export function createEvaluationKeys(
  { ring }: CkksMachine,
  { publicKey, secretKey }: { readonly publicKey: SealKeyBytes<'ckks'>; readonly secretKey: SealKeyBytes<'ckks'> },
  { steps, products }: { readonly steps: readonly number[]; readonly products: boolean },
): EvaluationKeys {
  const { seal, context, contextId } = ring;
  ring.assertKey(secretKey);
  return using([seal.SecretKey()], (secret) => {
    secret.loadArray(context, secretKey.bytes);
    return using([seal.KeyGenerator(context, secret)], (generator) => {
      const bytes = (serializable: { saveArray: (mode: unknown) => Uint8Array; delete: () => void }) =>
        using([serializable], (object) => object.saveArray(seal.ComprModeType.none));
      return {
        scheme: 'ckks',
        contextId,
        keyId: publicKey.keyId,
        relinearization: products ? bytes(generator.createRelinKeysSerializable()) : undefined,
        rotation: steps.length > 0 ? bytes(generator.createGaloisKeysSerializable(Int32Array.from(steps))) : undefined,
        steps: [...steps],
      };
    });
  });
}

/** Encrypts up to `slots` values in one ciphertext. */
export function encryptSlots(
  { ring }: CkksMachine,
  values: ArrayLike<number>,
  publicKey: SealKeyBytes<'ckks'>,
): SealVector<'ckks'> {
  const { seal, contextId, slots, choice } = ring;
  const own = Float64Array.from(values);
  if (own.length > slots)
    throw new HomomorphicError('homomorphic/overflow', `${own.length} values do not fit ${slots} slots`);
  if (!own.every(Number.isFinite)) throw new HomomorphicError('homomorphic/overflow', 'a value is not a finite number');
  const encryptor = ring.encryptor(publicKey);
  const chunk = using([seal.PlainText(), seal.CipherText()], (plain, cipher) => {
    ring.ckks.encode(own, 2 ** choice.scaleBits, plain);
    encryptor.encrypt(plain, cipher);
    return ring.save(cipher);
  });
  return { scheme: 'ckks', contextId, keyId: publicKey.keyId, entries: own.length, addends: 1, chunks: [chunk] };
}

/** Decrypts the first `entries` slots, rounded to the grid of the machine. */
export function decryptSlots(
  { ring, resultBits }: CkksMachine,
  vector: SealVector<'ckks'>,
  secretKey: SealKeyBytes<'ckks'>,
): Float64Array {
  assertVector(ring, vector);
  if (vector.keyId !== secretKey.keyId)
    throw new HomomorphicError('homomorphic/wrong-key', 'the vector is not under this key');
  const decryptor = ring.decryptor(secretKey);
  const grid = 2 ** resultBits;
  return using([ring.load(vector.chunks[0] as Uint8Array), ring.seal.PlainText()], (cipher, plain) => {
    decryptor.decrypt(cipher, plain);
    return ring.ckks
      .decode(plain)
      .slice(0, vector.entries)
      .map((value) => Math.round(value * grid) / grid);
  });
}

/** @throws {HomomorphicError} `homomorphic/mixed-contexts` when the vector is of another context. */
export function assertVector(ring: SealRing<'ckks'>, vector: SealVector<'ckks'>): void {
  if (vector.scheme !== 'ckks' || vector.contextId !== ring.contextId || vector.chunks.length !== 1) {
    throw new HomomorphicError('homomorphic/mixed-contexts', 'the vector is of another context');
  }
}

/** Creates a context for computing. @throws {HomomorphicError} `library-missing`, `no-parameters`. */
export async function createCkksCompute(options: CkksComputeOptions): Promise<RotatingContext> {
  const machine = await createCkksMachine(options);
  const { ring } = machine;
  const { slots, contextId, choice, seal } = ring;
  const map = (vector: SealVector<'ckks'>, body: (cipher: SealCipherText) => void): SealVector<'ckks'> => {
    assertVector(ring, vector);
    return using([ring.load(vector.chunks[0] as Uint8Array)], (cipher) => {
      body(cipher);
      return { ...vector, entries: slots, chunks: [ring.save(cipher)] };
    });
  };
  const assertTogether = (a: SealVector<'ckks'>, keyId: string) => {
    if (a.keyId !== keyId)
      throw new HomomorphicError('homomorphic/wrong-key', 'vectors and keys belong to different keys');
  };
  const pad = (values: ArrayLike<number>) => {
    const out = new Float64Array(slots);
    out.set(Float64Array.from(values));
    return out;
  };
  return {
    scheme: 'ckks',
    contextId,
    slots,
    description: `CKKS N=${choice.degree}, q ${choice.modulusBits.join('+')} bits, scale 2^${choice.scaleBits}, ${options.depth} levels, 128 bits of security`,
    createKeys: () => ring.generateKeys(),
    createEvaluationKeys: (keys, steps) => createEvaluationKeys(machine, keys, { steps, products: options.depth > 0 }),
    encrypt: (values, publicKey) => encryptSlots(machine, values, publicKey),
    decrypt: (vector, secretKey) => decryptSlots(machine, vector, secretKey),
    add(a, b) {
      assertTogether(a, b.keyId);
      assertVector(ring, b);
      return map(a, (cipher) =>
        using([ring.load(b.chunks[0] as Uint8Array)], (other) => {
          if (cipher.scale !== other.scale || cipher.coeffModulusSize !== other.coeffModulusSize) {
            throw new HomomorphicError('homomorphic/mixed-contexts', 'the vectors are at different levels');
          }
          ring.evaluator.add(cipher, other, cipher);
        }),
      );
    },
    addPlain: (vector, values) => map(vector, (cipher) => machine.addPlain(cipher, pad(values))),
    multiplyPlain: (vector, factors) => map(vector, (cipher) => machine.multiplyPlain(cipher, pad(factors))),
    multiply(a, b, keys) {
      assertTogether(a, keys.keyId);
      assertTogether(b, keys.keyId);
      assertVector(ring, b);
      return map(a, (cipher) =>
        using([ring.load(b.chunks[0] as Uint8Array)], (other) => machine.multiply(cipher, other, keys)),
      );
    },
    rotate(vector, steps, keys) {
      assertTogether(vector, keys.keyId);
      return map(vector, (cipher) => machine.rotateInto(cipher, cipher, steps, keys));
    },
    dotPlain(vector, weights, keys) {
      assertTogether(vector, keys.keyId);
      return map(vector, (cipher) => {
        machine.multiplyPlain(cipher, pad(weights));
        using([seal.CipherText()], (rotated) => {
          for (let step = slots / 2; step >= 1; step /= 2) {
            machine.rotateInto(rotated, cipher, step, keys);
            ring.evaluator.add(cipher, rotated, cipher);
          }
        });
      });
    },
    encryptRepeated(values, { rows }, publicKey) {
      const { period } = matrixLayout(rows, values.length, slots);
      const repeated = Float64Array.from({ length: slots }, (_, slot) => values[slot % period] ?? 0);
      return encryptSlots(machine, repeated, publicKey);
    },
    matrixSteps({ rows, columns }) {
      const { diagonals, sums } = matrixLayout(rows, columns, slots);
      return [...Array.from({ length: diagonals - 1 }, (_, k) => k + 1), ...sums];
    },
    matrixVector(vector, { rows, columns, weights }, keys) {
      assertTogether(vector, keys.keyId);
      if (weights.length !== rows * columns)
        throw new RangeError(`"weights" must be ${rows * columns} numbers, got ${weights.length}`);
      const layout = matrixLayout(rows, columns, slots);
      const layer = { inputs: columns, outputs: rows, weights, bias: new Float64Array(rows) };
      return map(vector, (cipher) =>
        multiplyByDiagonals(
          machine,
          cipher,
          { diagonals: placeWeights(layer, layout, slots), sums: layout.sums },
          keys,
        ),
      );
    },
    polynomial(vector, coefficients, keys) {
      assertTogether(vector, keys.keyId);
      const degree = coefficients.length - 1;
      if (degree < 1 || degree > 3)
        throw new RangeError(`"coefficients" must be of a polynomial of degree 1 to 3, got degree ${degree}`);
      const constant = (value: number) => new Float64Array(slots).fill(value);
      // Horner: every step is one product.
      return map(vector, (cipher) =>
        using([cipher.clone()], (x) => {
          machine.multiplyPlain(cipher, constant(coefficients[degree] as number));
          for (let i = degree - 1; i >= 0; i -= 1) {
            machine.addPlain(cipher, constant(coefficients[i] as number));
            if (i > 0) machine.multiply(cipher, x, keys);
          }
        }),
      );
    },
    close: () => ring.close(),
  };
}

function matrixLayout(rows: number, columns: number, slots: number): LayerLayout {
  const period = 2 ** Math.ceil(Math.log2(Math.max(rows, columns, 1)));
  if (period > slots)
    throw new HomomorphicError(
      'homomorphic/no-parameters',
      `a matrix of ${rows}×${columns} does not fit ${slots} slots`,
    );
  return layOutNext({ outputs: rows }, period);
}

/**
 * Replaces a ciphertext by Σ diagonal_k ⊙ rotation_k, then rotates and sums.
 * @throws {HomomorphicError} `homomorphic/unsupported` when every factor is zero.
 */
export function multiplyByDiagonals(
  machine: CkksMachine,
  cipher: SealCipherText,
  { diagonals, sums }: { readonly diagonals: readonly Float64Array[]; readonly sums: readonly number[] },
  keys: EvaluationKeys,
): void {
  const { evaluator, seal } = machine.ring;
  using([cipher.clone(), seal.CipherText()], (input, rotated) => {
    let begun = false;
    diagonals.forEach((factors, k) => {
      // A product with zeros only would be a transparent ciphertext, which SEAL refuses.
      if (factors.every((factor) => factor === 0)) return;
      const term = begun ? rotated : cipher;
      if (k === 0) evaluator.cipherModSwitchTo(input, input.parmsId, term);
      else machine.rotateInto(term, input, k, keys);
      machine.multiplyPlain(term, factors);
      if (begun) evaluator.add(cipher, term, cipher);
      begun = true;
    });
    if (!begun) throw new HomomorphicError('homomorphic/unsupported', 'a matrix of zeros cannot be multiplied with');
    for (const step of sums) {
      machine.rotateInto(rotated, cipher, step, keys);
      evaluator.add(cipher, rotated, cipher);
    }
  });
}
