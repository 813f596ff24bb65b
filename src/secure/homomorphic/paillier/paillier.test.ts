import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { createSeededRng, type Rng } from '../../../foundations/random/index.ts';
import {
  addCiphertexts,
  addPlainResidue,
  centre,
  createObfuscator,
  decryptResidue,
  encryptResidue,
  multiplyPlainResidue,
  rerandomize,
} from './cipher.ts';
import { createPaillier, type PaillierContext } from './context.ts';
import {
  createPaillierPublicKey,
  createPaillierSecretKey,
  decodePaillierSecretKey,
  encodePaillierSecretKey,
  generatePaillierKeys,
  type PaillierPublicKey,
  type PaillierSecretKey,
} from './keys.ts';
import { modPow } from './modular.ts';
import { layOutSlots, packSlots, slotLimit, unpackSlots } from './packing.ts';
import { createPaillierJobRunner, createPaillierPool } from './pool.ts';
import { isProbablePrime } from './primes.ts';
import { decryptPartially, joinPartialDecryptions } from './threshold.ts';

interface VectorCase {
  p: string;
  q: string;
  n: string;
  encryptions: { m: string; r: string; c: string }[];
  add: { a: number; b: number; c: string };
  multiply: { a: number; by: number; c: string }[];
}
const cases = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/python-paillier/raw.json', import.meta.url), 'utf8'),
) as VectorCase[];
const SHORT = 512;
const rng: Rng = createSeededRng('paillier');
const short = { insecureKeyBits: SHORT, rng };
let keys: { publicKey: PaillierPublicKey; secretKey: PaillierSecretKey };
let other: typeof keys;

beforeAll(() => {
  keys = generatePaillierKeys({ keyBits: SHORT, allowInsecureKeyBits: true }, rng);
  other = generatePaillierKeys({ keyBits: SHORT, allowInsecureKeyBits: true }, rng);
});

describe("python-paillier's known answers", () => {
  it.each(cases.map((vector) => [vector.n.length * 4 - 8, vector] as const))(
    '%i bits: keys, encryptions, sums, products',
    (_, vector) => {
      const [p, q, n] = [BigInt(vector.p), BigInt(vector.q), BigInt(vector.n)];
      const key = createPaillierPublicKey({ n });
      const secret = createPaillierSecretKey(key, p, q);
      const rows = vector.encryptions.map(({ m, r, c }) => ({ m: BigInt(m), r: BigInt(r), c: BigInt(c) }));
      for (const { m, r, c } of rows.slice(0, 3)) expect(encryptResidue(key, m, modPow(r, n, n * n))).toBe(c);
      for (const { m, c } of rows.slice(2)) expect(decryptResidue(secret, c)).toBe(m);
      const at = (i: number) => (rows[i] as { c: bigint }).c;
      expect(addCiphertexts(key, at(vector.add.a), at(vector.add.b))).toBe(BigInt(vector.add.c));
      for (const { a, by, c } of vector.multiply) expect(multiplyPlainResidue(key, at(a), BigInt(by))).toBe(BigInt(c));
    },
  );
});

describe('Paillier', () => {
  it('makes primes that fit short exponents and threshold keys', () => {
    for (const prime of [keys.secretKey.p, keys.secretKey.q]) {
      expect(prime % 4n).toBe(3n);
      expect(isProbablePrime(prime, rng)).toBe(true);
      for (let i = 3n; i < 4096n; i += 2n) expect(((prime - 1n) / 2n) % i).not.toBe(0n);
    }
    expect(keys.publicKey.n.toString(2)).toHaveLength(SHORT);
    for (const composite of [3_215_031_751n, 561n, 4n, 1n << 61n]) expect(isProbablePrime(composite, rng)).toBe(false);
  });

  it('is homomorphic: sums, plain sums, signed products, with either kind of randomness', () => {
    const { publicKey: key, secretKey } = keys;
    for (const method of ['short-exponent', 'full-exponent'] as const) {
      const source = createObfuscator(key, { method }, rng);
      fc.assert(
        fc.property(
          fc.bigInt({ min: 0n, max: key.n - 1n }),
          fc.bigInt({ min: 0n, max: key.n - 1n }),
          fc.bigInt({ min: -1000n, max: 1000n }),
          (a, b, k) => {
            const [ea, eb] = [encryptResidue(key, a, source.next()), encryptResidue(key, b, source.next())];
            expect(decryptResidue(secretKey, addCiphertexts(key, ea, eb))).toBe((a + b) % key.n);
            expect(decryptResidue(secretKey, addPlainResidue(key, ea, b))).toBe((a + b) % key.n);
            const product = centre(key, decryptResidue(secretKey, multiplyPlainResidue(key, ea, k)));
            expect((product - a * k) % key.n).toBe(0n);
            const again = rerandomize(key, ea, source);
            expect(again).not.toBe(ea);
            expect(decryptResidue(secretKey, again)).toBe(a);
          },
        ),
        { numRuns: 10 },
      );
    }
  });

  it('hands precomputed factors out once', () => {
    const source = createObfuscator(keys.publicKey, {}, rng);
    source.precompute(5);
    expect(source.ready).toBe(5);
    expect(new Set(Array.from({ length: 8 }, () => source.next())).size).toBe(8);
    expect(source.ready).toBe(0);
  });

  it('refuses short keys, foreign primes, and plaintexts that are no residues', () => {
    expect(() => generatePaillierKeys({ keyBits: 1024 }, rng)).toThrow(
      expect.objectContaining({ code: 'homomorphic/insecure-parameters' }),
    );
    expect(() => createPaillierPublicKey({ n: keys.publicKey.n })).toThrow(
      expect.objectContaining({ code: 'homomorphic/insecure-parameters' }),
    );
    expect(() => createPaillierSecretKey(keys.publicKey, other.secretKey.p, other.secretKey.q)).toThrow(
      expect.objectContaining({ code: 'homomorphic/malformed' }),
    );
    expect(() => encryptResidue(keys.publicKey, keys.publicKey.n, 1n)).toThrow(
      expect.objectContaining({ code: 'homomorphic/overflow' }),
    );
    expect(() => encryptResidue(keys.publicKey, -1n, 1n)).toThrow(
      expect.objectContaining({ code: 'homomorphic/overflow' }),
    );
  });

  it('stores secret keys and reads them back', () => {
    const bytes = encodePaillierSecretKey(keys.secretKey);
    expect(decodePaillierSecretKey(bytes, { allowInsecureKeyBits: true })).toEqual(keys.secretKey);
    expect(() => decodePaillierSecretKey(bytes.subarray(1), { allowInsecureKeyBits: true })).toThrow(
      expect.objectContaining({ code: 'homomorphic/malformed' }),
    );
  });
});

describe('keys', () => {
  it('are named by their base too: one of small order would hide nothing', () => {
    const { n, base, nSquared, keyId } = keys.publicKey;
    const weak = createPaillierPublicKey({ n, base: nSquared - 1n }, { allowInsecureKeyBits: true });
    const bare = createPaillierPublicKey({ n }, { allowInsecureKeyBits: true });
    expect(new Set([keyId, weak.keyId, bare.keyId]).size).toBe(3);
    expect(createPaillierPublicKey({ n, base }, { allowInsecureKeyBits: true }).keyId).toBe(keyId);
  });
});

describe('packed vectors', () => {
  it('unpack to what was packed after any sums within the guard bits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.bigInt({ min: 1n, max: 1n << 40n }),
        fc.integer({ min: 1, max: 30 }),
        (addends, largest, entries) => {
          const layout = layOutSlots({ largest: largest * BigInt(addends), keyBits: 512 });
          const draw = createSeededRng(`${addends} ${largest}`);
          const vectors = Array.from({ length: addends }, () =>
            Array.from(
              { length: entries },
              () => [largest, -largest, (draw.uint64() % (2n * largest + 1n)) - largest][draw.uint32() % 3] as bigint,
            ),
          );
          const packed = vectors.map((vector) => packSlots(vector, layout));
          const sum = (packed[0] as bigint[]).map((_, i) =>
            packed.reduce((total, row) => total + (row[i] as bigint), 0n),
          );
          const expected = Array.from({ length: entries }, (_, i) =>
            vectors.reduce((total, vector) => total + (vector[i] as bigint), 0n),
          );
          expect(unpackSlots(sum, entries, layout)).toEqual(expected);
          for (const block of sum) expect((block < 0n ? -block : block) < 1n << 510n).toBe(true);
          expect(slotLimit(layout)).toBeGreaterThanOrEqual(largest * BigInt(addends));
        },
      ),
    );
  });

  const make = (): PaillierContext => createPaillier({ ...short, clampRange: 8, fractionBits: 16, addends: 5 });

  it('sum, multiply by plain numbers and decrypt exactly on the grid, through bytes', async () => {
    const context = make();
    const { publicKey, secretKey } = keys;
    const values = Array.from({ length: 5 }, (_, party) =>
      Float64Array.from({ length: 70 }, (__, i) => ((Math.sin(i * 7 + party) * 8 * 65_536) | 0) / 65_536),
    );
    const vectors = await Promise.all(values.map((vector) => context.encrypt(vector, publicKey)));
    const sum = context.add(...(vectors as [(typeof vectors)[0] & object]));
    const parsed = context.parse(context.serialize(sum));
    expect(parsed).toEqual(sum);
    const exact = values[0]?.map((_, i) => values.reduce((total, vector) => total + (vector[i] as number), 0));
    expect(await context.decrypt(parsed, secretKey)).toEqual(exact);
    const one = vectors[0] as (typeof vectors)[0] & object;
    expect(await context.decrypt(context.multiplyPlain(one, -3), secretKey)).toEqual(
      values[0]?.map((value) => 0 - value * 3),
    );
    expect(await context.decrypt(context.addPlain(one, new Float64Array(70).fill(0.5)), secretKey)).toEqual(
      values[0]?.map((value) => value + 0.5),
    );
    const half = createPaillier({ ...short, clampRange: 8, fractionBits: 16, addends: 5000 });
    const product = half.multiplyPlain(await half.encrypt([1.5, -2], publicKey), 0.25);
    expect(await half.decrypt(product, secretKey)).toEqual(Float64Array.of(0.375, -0.5));
    expect(half.multiplyPlain(product, 1).fractionBits).toBe(18);
  });

  it('refuses overflow, mixed contexts and wrong keys without decrypting', async () => {
    const context = make();
    const { publicKey, secretKey } = keys;
    const one = await context.encrypt([1, 2], publicKey);
    await expect(context.encrypt([8.5], publicKey)).rejects.toMatchObject({
      code: 'homomorphic/overflow',
      details: { entry: 0 },
    });
    await expect(context.encrypt([Number.NaN], publicKey)).rejects.toMatchObject({ code: 'homomorphic/overflow' });
    expect(() => context.add(one, one, one, one, one, one, one, one)).toThrow(
      expect.objectContaining({ code: 'homomorphic/overflow' }),
    );
    expect(() => context.multiplyPlain(one, 9)).toThrow(expect.objectContaining({ code: 'homomorphic/overflow' }));
    expect(() => context.add(one, { ...one, entries: 3 })).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    const foreign = await context.encrypt([1, 2], other.publicKey);
    expect(() => context.add(one, foreign)).toThrow(expect.objectContaining({ code: 'homomorphic/wrong-key' }));
    await expect(context.decrypt(foreign, secretKey)).rejects.toMatchObject({ code: 'homomorphic/wrong-key' });
    const wider = createPaillier({ ...short, clampRange: 8, fractionBits: 17, addends: 5 });
    expect(() => wider.parse(context.serialize(one))).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    expect(() => context.parse(context.serialize(one).subarray(0, -1))).toThrow(
      expect.objectContaining({ code: 'homomorphic/malformed' }),
    );
    expect(() => createPaillier({ ...short, clampRange: 2 ** 500, fractionBits: 16, addends: 2 })).toThrow(
      expect.objectContaining({ code: 'homomorphic/no-parameters' }),
    );
  });

  it('spreads blocks over workers in order, with progress', async () => {
    const pool = createPaillierPool(
      Array.from({ length: 3 }, () => {
        const run = createPaillierJobRunner();
        return { run: (job) => Promise.resolve(run(structuredClone(job))), close: () => {} };
      }),
    );
    const context = createPaillier({ ...short, clampRange: 1000, fractionBits: 0, addends: 1, pool });
    const values = Float64Array.from({ length: 3000 }, (_, i) => i % 1000);
    const progress: number[] = [];
    const encrypted = await context.encrypt(values, keys.publicKey, { onProgress: (done) => progress.push(done) });
    expect(await context.decrypt(encrypted, keys.secretKey)).toEqual(values);
    expect(progress.at(-1)).toBe(encrypted.blocks.length);
    expect(progress.length).toBeGreaterThan(3);
  });
});

describe('threshold decryption', () => {
  it('decrypts with every qualified set of holders and with no smaller one', async () => {
    const context = createPaillier({ ...short, clampRange: 8, fractionBits: 8, addends: 2 });
    const values = Float64Array.from({ length: 40 }, (_, i) => (i - 20) / 4);
    const vector = await context.encrypt(values, keys.publicKey);
    const sum = context.add(vector, vector);
    const shares = context.dealKey(keys.secretKey, { holders: 4, threshold: 3, dealer: 'hospital board' });
    expect(shares.every(({ dealer }) => dealer === 'hospital board')).toBe(true);
    const partials = shares.map((share) => decryptPartially(sum.blocks, share));
    const sets = Array.from({ length: 16 }, (_, set) => partials.filter((__, i) => (set >> i) & 1));
    for (const set of sets.filter(({ length }) => length < 3)) {
      expect(() => joinPartialDecryptions(set, keys.publicKey)).toThrow(
        expect.objectContaining({ code: 'homomorphic/too-few' }),
      );
    }
    for (const set of sets.filter(({ length }) => length >= 3)) {
      expect(context.decode(joinPartialDecryptions(set, keys.publicKey), sum)).toEqual(
        values.map((value) => 2 * value),
      );
    }
    const [first] = partials;
    expect(() => joinPartialDecryptions([first, first, first] as never, keys.publicKey)).toThrow(
      expect.objectContaining({ code: 'homomorphic/too-few' }),
    );
    for (const holder of [0, 5, 1.5, -1]) {
      const nobody = { ...(first as (typeof partials)[0]), holder };
      expect(() => joinPartialDecryptions([nobody, ...partials.slice(1)] as never, keys.publicKey)).toThrow(
        expect.objectContaining({ code: 'homomorphic/malformed' }),
      );
    }
    expect(() => joinPartialDecryptions(partials, other.publicKey)).toThrow(
      expect.objectContaining({ code: 'homomorphic/wrong-key' }),
    );
    const wrong = {
      ...(partials[1] as (typeof partials)[0] & object),
      parts: (partials[2] as (typeof partials)[0] & object).parts,
    };
    expect(() => joinPartialDecryptions([partials[0], wrong, partials[2]] as never, keys.publicKey)).toThrow(
      expect.objectContaining({ code: 'homomorphic/malformed' }),
    );
  });
});
