/**
 * Products of an encrypted vector with a plain one under BFV, for parties that make multiplication triples: integers
 * modulo several plaintext primes, answers re-randomised and their noise flooded, so that the owner of the key learns
 * the masked product and nothing of the plain factor.
 *
 * @module
 */

import { concatBytes } from '../../../foundations/crypto/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { HomomorphicError } from '../errors.ts';
import { modInverse } from '../paillier/modular.ts';
import { loadSeal, type SealCipherText, using } from './library.ts';
import { createSealRing, type SealKeyBytes, type SealRing } from './ring.ts';

/** N = 8192 with 218 bits, the last prime for switching keys, which is not used: 174 bits are left for data. */
const DEGREE = 8192;
const MODULUS_BITS = [43, 43, 44, 44, 44] as const;
const PLAIN_BITS = 30;
/**
 * Bits of flooding. A fresh error is below 2^19 (21 · (2N + 1)); a product with a plaintext multiplies it by at most
 * N t ÷ 2 = 2^42. A uniform error below 2^124 is 2^−63 from one that is shifted by 2^61; over the 2^13 coefficients of a
 * ciphertext, six primes and a thousand ciphertexts the answer tells of the factor with advantage below 2^−37, by bounds
 * that no error comes near: an honest one is below 2^47, for 2^−51. Decryption takes noise up to q ÷ 2t = 2^143.
 */
const FLOOD_BITS = 124;

/** One side of the protocol. */
export interface BfvProducts {
  readonly publicKey: Uint8Array;
  setPeerKey(bytes: Uint8Array): void;
  /** Encrypts 64-bit numbers under the own key. */
  encrypt(values: BigUint64Array): Uint8Array;
  /** The peer's encrypted numbers times own numbers plus masks, flooded. */
  multiplyAndMask(ciphertext: Uint8Array, factors: BigUint64Array, masks: readonly bigint[], rng: Rng): Uint8Array;
  /** Decrypts an answer under the own key. @returns integers below the product of the plaintext primes. */
  decrypt(ciphertext: Uint8Array, count: number): readonly bigint[];
  close(): void;
}

/** Batching primes ≡ 1 mod 2N of 30 bits, largest first. */
function plainPrimes(productBits: number): bigint[] {
  const step = BigInt(2 * DEGREE);
  const primes: bigint[] = [];
  let candidate = ((1n << BigInt(PLAIN_BITS)) / step) * step + 1n;
  let product = 1n;
  while (product >> BigInt(productBits) === 0n) {
    candidate -= step;
    if (!isSmallPrime(candidate)) continue;
    primes.push(candidate);
    product *= candidate;
  }
  return primes;
}

function isSmallPrime(value: bigint): boolean {
  const number = Number(value);
  for (let i = 3; i * i <= number; i += 2) if (number % i === 0) return false;
  return number % 2 === 1;
}

/**
 * Creates one side.
 * @param options - `productBits`: every masked product stays below 2^productBits.
 * @throws {HomomorphicError} `homomorphic/library-missing`.
 */
export async function createBfvProducts({ productBits }: { readonly productBits: number }): Promise<BfvProducts> {
  const seal = await loadSeal();
  const primes = plainPrimes(productBits);
  const choice = { degree: DEGREE, modulusBits: MODULUS_BITS, scaleBits: 0, plainBits: PLAIN_BITS, failureLog2: -40 };
  const rings = primes.map((plainPrime) =>
    createSealRing(seal, 'bfv', choice, { label: 'products', expand: false, plainPrime }),
  );
  const keys = rings.map((ring) => ring.generateKeys());
  let peerKeys: readonly SealKeyBytes<'bfv'>[] | undefined;
  const modulus = primes.reduce((product, prime) => product * prime, 1n);
  const basis = primes.map((prime) => (modulus / prime) * modInverse(modulus / prime, prime));

  const chunksOf = (count: number) => Math.ceil(count / DEGREE);
  const residues = (values: ArrayLike<bigint>, prime: bigint, chunk: number) =>
    BigInt64Array.from(
      { length: Math.min(DEGREE, values.length - chunk * DEGREE) },
      (_, i) => (values[chunk * DEGREE + i] as bigint) % prime,
    );

  return {
    publicKey: frame(keys.map(({ publicKey }) => publicKey.bytes)),
    setPeerKey(bytes) {
      peerKeys = unframe(bytes, rings.length).map((own, i) => ({
        scheme: 'bfv',
        contextId: (rings[i] as SealRing<'bfv'>).contextId,
        keyId: `peer ${i}`,
        bytes: own,
      }));
      rings.forEach((ring, i) =>
        ring.encryptor((peerKeys as readonly SealKeyBytes<'bfv'>[])[i] as SealKeyBytes<'bfv'>),
      );
    },
    encrypt(values) {
      return frame(
        rings.flatMap((ring, i) => {
          const { publicKey, secretKey } = keys[i] as (typeof keys)[0] & object;
          const encryptor = ring.encryptor(publicKey, secretKey);
          return Array.from({ length: chunksOf(values.length) }, (_, chunk) =>
            using([seal.PlainText()], (plain) => {
              ring.batch.encode(residues(values, primes[i] as bigint, chunk), plain);
              return using([encryptor.encryptSymmetricSerializable(plain)], (seeded) =>
                seeded.saveArray(seal.ComprModeType.none),
              );
            }),
          );
        }),
      );
    },
    multiplyAndMask(ciphertext, factors, masks, rng) {
      if (peerKeys === undefined) throw new HomomorphicError('homomorphic/wrong-key', 'the peer has not sent its key');
      const chunks = chunksOf(factors.length);
      const received = unframe(ciphertext, rings.length * chunks);
      return frame(
        rings.flatMap((ring, i) => {
          const prime = primes[i] as bigint;
          const encryptor = ring.encryptor((peerKeys as readonly SealKeyBytes<'bfv'>[])[i] as SealKeyBytes<'bfv'>);
          return Array.from({ length: chunks }, (_, chunk) =>
            using(
              [ring.load(received[i * chunks + chunk] as Uint8Array), seal.CipherText(), seal.PlainText()],
              (cipher, zero, plain) => {
                ring.batch.encode(residues(factors, prime, chunk), plain);
                ring.evaluator.multiplyPlain(cipher, plain, cipher);
                ring.batch.encode(residues(masks, prime, chunk), plain);
                ring.evaluator.addPlain(cipher, plain, cipher);
                // A fresh zero hides the factor in the second component, flooding in the noise.
                encryptor.encryptZero(zero);
                ring.evaluator.add(cipher, zero, cipher);
                return flood(ring, cipher, rng);
              },
            ),
          );
        }),
      );
    },
    decrypt(ciphertext, count) {
      const chunks = chunksOf(count);
      const received = unframe(ciphertext, rings.length * chunks);
      const sums = Array.from({ length: count }, () => 0n);
      rings.forEach((ring, i) => {
        const decryptor = ring.decryptor((keys[i] as (typeof keys)[0] & object).secretKey);
        for (let chunk = 0; chunk < chunks; chunk += 1) {
          using([ring.load(received[i * chunks + chunk] as Uint8Array), seal.PlainText()], (cipher, plain) => {
            if (decryptor.invariantNoiseBudget(cipher) <= 0)
              throw new HomomorphicError('homomorphic/malformed', 'an answer cannot be decrypted');
            decryptor.decrypt(cipher, plain);
            const values = ring.batch.decodeBigInt(plain, false) as BigUint64Array;
            for (let at = chunk * DEGREE; at < Math.min(count, (chunk + 1) * DEGREE); at += 1) {
              sums[at] = (sums[at] as bigint) + (values[at - chunk * DEGREE] as bigint) * (basis[i] as bigint);
            }
          });
        }
      });
      return sums.map((sum) => sum % modulus);
    },
    close() {
      for (const ring of rings) ring.close();
    },
  };
}

/**
 * Adds a uniform error below 2^FLOOD_BITS to every coefficient of a ciphertext's first component, in its bytes: SEAL has
 * no call for it. The coefficients, u64 per prime, end the uncompressed form; the first component comes first.
 */
function flood(ring: SealRing<'bfv'>, cipher: SealCipherText, rng: Rng): Uint8Array {
  const primes = ring.primes.slice(0, cipher.coeffModulusSize);
  const bytes = ring.save(cipher).slice();
  const words = cipher.size * primes.length * DEGREE;
  const start = bytes.length - 8 * words;
  if (cipher.size !== 2 || start < 0)
    throw new HomomorphicError('homomorphic/malformed', 'a ciphertext has another form');
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const entropy = rng.bytes(16 * DEGREE);
  const drawn = new DataView(entropy.buffer, entropy.byteOffset, entropy.length);
  const mask = (1n << BigInt(FLOOD_BITS)) - 1n;
  for (let i = 0; i < DEGREE; i += 1) {
    const error = (drawn.getBigUint64(16 * i, true) | (drawn.getBigUint64(16 * i + 8, true) << 64n)) & mask;
    primes.forEach((prime, p) => {
      const at = 8 * (p * DEGREE + i);
      view.setBigUint64(at, (view.getBigUint64(at, true) + error) % prime, true);
    });
  }
  return bytes;
}

/** Joins byte strings with their lengths. */
function frame(parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...parts.flatMap((part) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, part.length);
      return [length, part];
    }),
  );
}

function unframe(bytes: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= bytes.length && parts.length < count) {
    const length = view.getUint32(at);
    parts.push(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== bytes.length || parts.length !== count)
    throw new HomomorphicError('homomorphic/malformed', `${count} parts were expected`);
  return parts;
}
