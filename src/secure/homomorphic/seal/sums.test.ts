import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import type { PaillierContext } from '../paillier/context.ts';
import type { PlainArithmetic } from '../scheme.ts';
import { loadSeal, loadSealFrom } from './library.ts';
import { chooseCkksSum, chooseExactSum, slotErrorBound } from './parameters.ts';
import type { BfvContext, BfvTypes, BgvContext, CkksContext } from './sum-types.ts';
import { createBfv, createBgv, createCkks } from './sums.ts';

const needs = { clampRange: 8, fractionBits: 20, addends: 5 };
const vectorOf = (seed: number, entries: number) => {
  const rng = createSeededRng(`seal ${seed}`);
  return Float64Array.from({ length: entries }, () => (rng.uint32() / 2 ** 32 - 0.5) * 16);
};
const onGrid = (value: number) => Math.round(value * 2 ** 20) / 2 ** 20;

describe.each(['bfv', 'bgv', 'ckks'] as const)('%s sums', (scheme) => {
  let context: BfvContext | BgvContext | CkksContext;
  let keys: Awaited<ReturnType<typeof context.createKeys>>;
  const create = (options = needs) => ({ bfv: createBfv, bgv: createBgv, ckks: createCkks })[scheme](options);
  beforeAll(async () => {
    context = await create();
    keys = await context.createKeys();
  });

  it('decrypts to the exact sum of the values on the grid, through bytes, seeded or not', async () => {
    const entries = 5000;
    const values = Array.from({ length: 5 }, (_, i) => vectorOf(i, entries));
    const ctx = context as BfvContext;
    const vectors = await Promise.all(
      values.map((vector, i) =>
        i === 0 ? ctx.encryptSymmetric(vector, keys as never) : ctx.encrypt(vector, keys.publicKey as never),
      ),
    );
    const parsed = vectors.map((vector) => ctx.parse(ctx.serialize(vector)));
    const sum = ctx.add(...(parsed as [(typeof parsed)[0] & object]));
    expect(sum.addends).toBe(5);
    const decrypted = await ctx.decrypt(sum, keys.secretKey as never);
    const exact = Float64Array.from({ length: entries }, (_, i) =>
      values.reduce((total, vector) => total + onGrid(vector[i] as number), 0),
    );
    expect(decrypted).toEqual(exact);
    expect(context.maxError).toBeLessThan(1e-5);
    // A seeded ciphertext is half as long.
    const sizes = vectors.map((vector) => ctx.serialize(vector).length);
    expect(sizes[0] as number).toBeLessThan(0.52 * (sizes[1] as number));
  });

  it('refuses overflow, foreign keys and contexts, and bytes that are none of its own', async () => {
    const ctx = context as BfvContext;
    const open = keys.publicKey as never;
    const one = await ctx.encrypt([1, 2], open);
    await expect(ctx.encrypt([8.1], open)).rejects.toMatchObject({
      code: 'homomorphic/overflow',
      details: { entry: 0 },
    });
    await expect(ctx.encrypt([Number.NaN], open)).rejects.toMatchObject({ code: 'homomorphic/overflow' });
    expect(() => ctx.add(one, one, one, one, one, one)).toThrow(
      expect.objectContaining({ code: 'homomorphic/overflow' }),
    );
    const other = await ctx.createKeys();
    const foreign = await ctx.encrypt([1, 2], other.publicKey);
    expect(() => ctx.add(one, foreign)).toThrow(expect.objectContaining({ code: 'homomorphic/wrong-key' }));
    await expect(ctx.decrypt(foreign, keys.secretKey as never)).rejects.toMatchObject({
      code: 'homomorphic/wrong-key',
    });
    const second = (await create({ ...needs, fractionBits: 19 })) as BfvContext;
    await expect(second.encrypt([1], open)).rejects.toMatchObject({ code: 'homomorphic/mixed-contexts' });
    expect(() => second.parse(ctx.serialize(one))).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    expect(() => ctx.parse(ctx.serialize(one).subarray(0, 100))).toThrow(
      expect.objectContaining({ code: 'homomorphic/malformed' }),
    );
    const garbled = { ...one, chunks: [new Uint8Array(1000)] };
    expect(() => ctx.add(garbled, garbled)).toThrow(expect.objectContaining({ code: 'homomorphic/malformed' }));
    expect(ctx.parsePublicKey(ctx.serializePublicKey(other.publicKey))).toEqual(other.publicKey);
    expect(() => second.parsePublicKey(ctx.serializePublicKey(other.publicKey))).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    second.close();
  });
});

describe.each([
  ['BFV', createBfv],
  ['BGV', createBgv],
] as const)('%s', (_name, create) => {
  it('multiplies by integers and adds plain numbers', async () => {
    const context = (await create(needs)) as BfvContext;
    const { publicKey, secretKey } = await context.createKeys();
    const one = await context.encrypt([1.5, -2], publicKey);
    expect(await context.decrypt(context.multiplyPlain(one, -3), secretKey)).toEqual(Float64Array.of(-4.5, 6));
    expect(await context.decrypt(context.addPlain(one, [0.25, 1]), secretKey)).toEqual(Float64Array.of(1.75, -1));
    expect(() => context.multiplyPlain(one, 6)).toThrow(expect.objectContaining({ code: 'homomorphic/overflow' }));
    expect(() => context.multiplyPlain(one, 0.5)).toThrow(RangeError);
    context.close();
  });
});

describe('capabilities', () => {
  it('are types: what a scheme cannot do does not type-check', () => {
    expectTypeOf<PaillierContext>().toHaveProperty('dealKey');
    expectTypeOf<BfvContext>().toExtend<PlainArithmetic<BfvTypes>>();
    expectTypeOf<CkksContext>().not.toHaveProperty('multiplyPlain');
    expectTypeOf<BfvContext>().not.toHaveProperty('dealKey');
    expectTypeOf<PaillierContext>().not.toHaveProperty('rotate');
    expectTypeOf<Parameters<BfvContext['add']>[0]>().not.toEqualTypeOf<Parameters<CkksContext['add']>[0]>();
  });
});

describe('parameters', () => {
  it('follow from needs, and no parameters are better than wrong ones', () => {
    expect(chooseCkksSum({ ...needs, entries: 1_000_000 })).toMatchObject({ degree: 4096, modulusBits: [60] });
    expect(chooseExactSum({ ...needs, entries: 1_000_000 })).toMatchObject({
      degree: 4096,
      modulusBits: [60],
      plainBits: 28,
    });
    expect(
      chooseCkksSum({ ...needs, clampRange: 100, fractionBits: 30, entries: 1000 }).modulusBits.length,
    ).toBeGreaterThan(1);
    expect(() => chooseCkksSum({ ...needs, fractionBits: 50, entries: 1000 })).toThrow(
      expect.objectContaining({ code: 'homomorphic/no-parameters' }),
    );
    expect(() => chooseExactSum({ ...needs, fractionBits: 52, clampRange: 1e6, entries: 10 })).toThrow(
      expect.objectContaining({ code: 'homomorphic/no-parameters' }),
    );
  });
});

describe('room for noise', () => {
  it('is taken for products where they are wanted, and refused where it is not there', async () => {
    // 4,000 addends of 22 bits: as sums they fit a small ring, as one vector times 4,000 they do not.
    const many = { clampRange: 2 ** 21, fractionBits: 0, addends: 4000, entries: 100 };
    expect(chooseExactSum(many)).toMatchObject({ degree: 4096 });
    expect(chooseExactSum({ ...many, products: true })).toMatchObject({ degree: 8192 });
    const small = await createBfv(many);
    const keys = await small.createKeys();
    const one = await small.encrypt([3], keys.publicKey);
    expect(() => small.multiplyPlain(one, 4000)).toThrow(
      expect.objectContaining({ code: 'homomorphic/unsupported', message: expect.stringContaining('products: true') }),
    );
    expect(await small.decrypt(small.multiplyPlain(one, -1), keys.secretKey)).toEqual(Float64Array.of(-3));
    small.close();
    const wide = await createBfv({ ...many, products: true });
    const own = await wide.createKeys();
    const times = wide.multiplyPlain(await wide.encrypt([2 ** 21, -7], own.publicKey), -4000);
    expect(await wide.decrypt(times, own.secretKey)).toEqual(Float64Array.of(-4000 * 2 ** 21, 28_000));
    wide.close();
  });

  it('bounds the error of every slot of CKKS, which is far below it and above a tenth of a thousandth of it', async () => {
    // No grid to speak of: a step of 2^-34 under a scale of 2^52 shows the noise itself.
    const seal = await loadSeal();
    const context = await createCkks({ clampRange: 1, fractionBits: 16, addends: 1, entries: 4096 });
    const scale = 2 ** Number(/scale 2\^(\d+)/.exec(context.description)?.[1]);
    context.close();
    const parameters = seal.EncryptionParameters(seal.SchemeType.ckks);
    parameters.setPolyModulusDegree(4096);
    parameters.setCoeffModulus(seal.CoeffModulus.Create(4096, Int32Array.of(60)));
    const plainContext = seal.Context(parameters, false, seal.SecurityLevel.tc128);
    const generator = seal.KeyGenerator(plainContext);
    const encryptor = seal.Encryptor(plainContext, generator.createPublicKey());
    const decryptor = seal.Decryptor(plainContext, generator.secretKey());
    const encoder = seal.CKKSEncoder(plainContext);
    let worst = 0;
    for (let i = 0; i < 20; i += 1) {
      const [plain, cipher] = [seal.PlainText(), seal.CipherText()];
      encoder.encode(new Float64Array(encoder.slotCount), scale, plain);
      encryptor.encrypt(plain, cipher);
      decryptor.decrypt(cipher, plain);
      worst = Math.max(worst, ...encoder.decode(plain).map(Math.abs));
      plain.delete();
      cipher.delete();
    }
    const bound = slotErrorBound({ degree: 4096, addends: 1, entries: 20 * 2048 }) / scale;
    expect(worst).toBeLessThan(bound);
    expect(worst).toBeGreaterThan(bound / 1000);
  });
});

describe('wider parameters', () => {
  it.each(['bfv', 'bgv', 'ckks'] as const)('carry the sums they promise: %s', async (scheme) => {
    const wide =
      scheme === 'ckks'
        ? { clampRange: 100, fractionBits: 30, addends: 4 }
        : { clampRange: 1000, fractionBits: 36, addends: 4 };
    const create = { bfv: createBfv, bgv: createBgv, ckks: createCkks }[scheme];
    const context = (await create(wide)) as BfvContext;
    const { publicKey, secretKey } = await context.createKeys();
    const values = Float64Array.from(
      { length: 20 },
      (_, i) => (i % 2 === 0 ? 1 : -1) * (wide.clampRange - i / 2 ** 10),
    );
    const vector = await context.encrypt(values, publicKey);
    const sum = context.add(vector, vector, vector, vector);
    expect(context.description).toContain('60+60+60');
    expect(await context.decrypt(sum, secretKey)).toEqual(values.map((value) => 4 * value));
    context.close();
  });
});

describe('the optional library', () => {
  it('says how to install it when it is absent or of an unknown shape', async () => {
    await expect(loadSealFrom(() => Promise.reject(new Error('Cannot find package')))).rejects.toMatchObject({
      code: 'homomorphic/library-missing',
      message: expect.stringContaining('npm install node-seal@6.0.3') as string,
    });
    await expect(loadSealFrom(() => Promise.resolve({ default: {} }))).rejects.toMatchObject({
      code: 'homomorphic/library-missing',
    });
  });
});
