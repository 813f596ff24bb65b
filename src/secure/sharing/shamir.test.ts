import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  createPrimeField,
  createSecretJoiner,
  FIELD_25519,
  joinSecret,
  lagrangeAtZero,
  splitSecret,
  splitWithCoefficients,
} from './index.ts';

interface Case {
  name: string;
  field: '2^255-19' | '2^61-1';
  threshold: number;
  secret: string;
  coefficients: string[];
  x: string[];
  shares: string[];
  secretLittleEndianHex?: string;
  sharesLittleEndianHex?: string[];
  reconstruct: { shareIndices: number[]; lagrangeAtZero: string[]; result: string; equalsSecret: boolean }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/secagg/shamir.json', import.meta.url), 'utf8'),
) as { primes: Record<string, string>; cases: Case[] };

const field61 = createPrimeField(2n ** 61n - 1n);
const fieldOf = (name: Case['field']) => (name === '2^61-1' ? field61 : FIELD_25519);

describe("Shamir's sharing", () => {
  it('works over the primes of the vectors', () => {
    expect(FIELD_25519.prime.toString()).toBe(vectors.primes['2^255-19']);
    expect(field61.prime.toString()).toBe(vectors.primes['2^61-1']);
  });

  const splittable = vectors.cases.filter(({ coefficients, threshold }) => coefficients?.length === threshold - 1);
  it.each(splittable)('splits and joins as the vector "$name" over $field', (row) => {
    const field = fieldOf(row.field);
    const coordinates = row.x.map((x) => (Number.isSafeInteger(Number(x)) ? Number(x) : BigInt(x)));
    const shares = splitWithCoefficients(BigInt(row.secret), row.coefficients.map(BigInt), {
      threshold: row.threshold,
      coordinates,
      field,
    });
    expect(shares.map(({ value }) => value.toString())).toEqual(row.shares);
    const encoded = row.sharesLittleEndianHex ?? shares.map(({ value }) => toHex(field.encode(value)));
    expect(shares.map(({ value }) => toHex(field.encode(value)))).toEqual(encoded);
    expect(encoded.map((hex) => field.decode(fromHex(hex)))).toEqual(shares.map(({ value }) => value));
    for (const { shareIndices, lagrangeAtZero: coefficients, result, equalsSecret } of row.reconstruct) {
      const picked = shareIndices.map((i) => shares[i] as (typeof shares)[number]);
      const xs = picked.map(({ x }) => x);
      expect(lagrangeAtZero(xs, field).map(String)).toEqual(coefficients);
      const joined = joinSecret(picked, { threshold: picked.length, field });
      expect(joined.toString()).toBe(result);
      expect(joined === BigInt(row.secret)).toBe(equalsSecret);
    }
  });

  it('gives the secret from any threshold of shares, and refuses fewer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.bigInt({ min: 0n, max: FIELD_25519.prime - 1n }),
        fc.string(),
        (threshold, extra, secret, seed) => {
          const rng = createSeededRng(seed);
          const holders = threshold + (extra % 20);
          const coordinates = Array.from({ length: holders }, (_, i) => 1 + i * (1 + extra));
          const shares = splitSecret(secret, { threshold, coordinates }, rng);
          const joiner = createSecretJoiner({ threshold });
          expect(joiner.join(shares.slice(-threshold))).toBe(secret);
          expect(joiner.join(shares.toReversed())).toBe(secret);
          expect(joiner.join(shares.slice(-threshold))).toBe(secret);
          expect(() => joiner.join(shares.slice(0, threshold - 1))).toThrow(
            expect.objectContaining({ code: 'sharing/too-few-shares' }),
          );
        },
      ),
    );
  });

  it('shares with a thousand holders', () => {
    const coordinates = Array.from({ length: 1000 }, (_, i) => i + 1);
    const shares = splitSecret(7n, { threshold: 667, coordinates }, createSeededRng('thousand'));
    expect(joinSecret(shares.slice(333), { threshold: 667 })).toBe(7n);
  });

  it('is additive: shares of two secrets sum to shares of the sum', () => {
    const options = { threshold: 3, coordinates: [1, 2, 3, 4, 5] };
    const rng = createSeededRng('additive');
    const left = splitSecret(11n, options, rng);
    const right = splitSecret(31n, options, rng);
    const sum = left.map(({ x, value }, i) => ({
      x,
      value: FIELD_25519.reduce(value + (right[i] as (typeof right)[number]).value),
    }));
    expect(joinSecret(sum, { threshold: 3 })).toBe(42n);
  });

  it('leaves threshold − 1 shares uniform: χ² over the lowest four bits', () => {
    const rng = createSeededRng('uniform shares');
    const counts = new Float64Array(16);
    const draws = 4000;
    for (let i = 0; i < draws; i += 1) {
      const [share] = splitSecret(1n, { threshold: 2, coordinates: [1, 2] }, rng);
      const cell = Number((share as { value: bigint }).value & 15n);
      counts[cell] = (counts[cell] as number) + 1;
    }
    const expected = draws / 16;
    const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Upper 1e-6 quantile of χ² with 15 degrees of freedom.
    expect(statistic).toBeLessThan(58.6);
  });

  it('refuses bad coordinates, thresholds, secrets and bytes', () => {
    const rng = createSeededRng('refused');
    const split = (coordinates: (number | bigint)[], threshold = 1, secret = 1n) =>
      splitSecret(secret, { threshold, coordinates }, rng);
    for (const coordinates of [[0, 1], [1, 1], [-1], [1.5], [FIELD_25519.prime], [1, 1n]]) {
      expect(() => split(coordinates)).toThrow(expect.objectContaining({ code: 'sharing/bad-coordinate' }));
    }
    expect(() => split([1, 2], 0)).toThrow(RangeError);
    expect(() => split([1, 2], 3)).toThrow(RangeError);
    for (const secret of [-1n, FIELD_25519.prime]) {
      expect(() => split([1], 1, secret)).toThrow(expect.objectContaining({ code: 'sharing/not-an-element' }));
    }
    const tooLarge = new Uint8Array(32).fill(255);
    expect(() => FIELD_25519.decode(tooLarge)).toThrow(expect.objectContaining({ code: 'sharing/not-an-element' }));
    expect(() => FIELD_25519.decode(new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'sharing/not-an-element' }),
    );
    expect(() => joinSecret([{ x: 1, value: FIELD_25519.prime }], { threshold: 1 })).toThrow(
      expect.objectContaining({ code: 'sharing/not-an-element' }),
    );
    expect(() => FIELD_25519.invert(0n)).toThrow(RangeError);
  });
});
