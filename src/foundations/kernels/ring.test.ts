import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../random/index.ts';
import { createKeystream } from './keystream.ts';
import {
  add128Into,
  addKeystreamInto,
  multiplyAdd128Into,
  multiplyAdd64Into,
  multiplyMatrices128Into,
  multiplyMatrices64Into,
  splitBits64,
} from './ring.ts';

const M64 = (1n << 64n) - 1n;
const words = (count: number, seed: string) => new BigUint64Array(createSeededRng(seed).bytes(8 * count).buffer);
const join = (pair: BigUint64Array, i: number) => (pair[2 * i] as bigint) | ((pair[2 * i + 1] as bigint) << 64n);

describe('the ring kernel', () => {
  it('adds the ChaCha20 keystream of the key, whatever the length', () => {
    for (const length of [1, 63, 64, 65, 65_535, 65_536, 65_537, 200_001]) {
      const key = createSeededRng(`key ${length}`).bytes(32);
      const stream = new Uint8Array(4 * length);
      createKeystream(key).fill(stream);
      const target = new Uint32Array(length).fill(7);
      addKeystreamInto(target, { key, wordBits: 32 });
      const expected = new Uint32Array(stream.buffer).map((word) => word + 7);
      expect(target).toEqual(expected);
      addKeystreamInto(target, { key, wordBits: 32, subtract: true });
      expect(target.every((word) => word === 7)).toBe(true);
    }
  });

  it('carries between the halves of a 64-bit word', () => {
    const key = new Uint8Array(32).fill(1);
    const stream = new BigUint64Array(1000);
    createKeystream(key).fill(new Uint8Array(stream.buffer));
    const target = new BigUint64Array(1000).fill(M64);
    addKeystreamInto(target, { key, wordBits: 64 });
    expect(target).toEqual(stream.map((word) => word - 1n));
  });

  it('multiplies matrices modulo 2^64 and 2^128', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (rows, inner, columns) => {
          const shape = { rows, inner, columns };
          const a = words(2 * rows * inner, `a${rows}`);
          const b = words(2 * inner * columns, `b${columns}`);
          const start = words(2 * rows * columns, 'c');
          const narrow = start.slice(0, rows * columns);
          multiplyMatrices64Into(narrow, a.slice(0, rows * inner), b.slice(0, inner * columns), shape);
          const wide = start.slice();
          multiplyMatrices128Into(wide, a, b, shape);
          for (let i = 0; i < rows; i += 1) {
            for (let j = 0; j < columns; j += 1) {
              let sum = start[i * columns + j] as bigint;
              let wideSum = join(start, i * columns + j);
              for (let p = 0; p < inner; p += 1) {
                sum += (a[i * inner + p] as bigint) * (b[p * columns + j] as bigint);
                wideSum += join(a, i * inner + p) * join(b, p * columns + j);
              }
              expect(narrow[i * columns + j]).toBe(sum & M64);
              expect(join(wide, i * columns + j)).toBe(BigInt.asUintN(128, wideSum));
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('adds, subtracts and multiplies entry by entry', () => {
    const [a, b, c] = [words(64, 'a'), words(64, 'b'), words(64, 'c')];
    const product = c.slice();
    multiplyAdd64Into(product, a, b);
    expect(product).toEqual(c.map((x, i) => x + (a[i] as bigint) * (b[i] as bigint)));
    const wide = c.slice();
    multiplyAdd128Into(wide, a, b);
    const sum = c.slice();
    add128Into(sum, a);
    const difference = c.slice();
    add128Into(difference, a, { subtract: true });
    for (let i = 0; i < 32; i += 1) {
      expect(join(wide, i)).toBe(BigInt.asUintN(128, join(c, i) + join(a, i) * join(b, i)));
      expect(join(sum, i)).toBe(BigInt.asUintN(128, join(c, i) + join(a, i)));
      expect(join(difference, i)).toBe(BigInt.asUintN(128, join(c, i) - join(a, i)));
    }
  });

  it('separates even from odd bits', () => {
    const x = words(50, 'bits');
    const { even, odd } = splitBits64(x);
    x.forEach((word, i) => {
      for (let bit = 0n; bit < 32n; bit += 1n) {
        expect(((even[i] as bigint) >> bit) & 1n).toBe((word >> (2n * bit)) & 1n);
        expect(((odd[i] as bigint) >> bit) & 1n).toBe((word >> (2n * bit + 1n)) & 1n);
      }
    });
  });

  it('refuses lengths that do not fit', () => {
    expect(() =>
      multiplyMatrices64Into(words(4, 'o'), words(4, 'a'), words(3, 'b'), { rows: 2, inner: 2, columns: 2 }),
    ).toThrow(RangeError);
    expect(() => multiplyAdd64Into(words(4, 'o'), words(4, 'a'), words(3, 'b'))).toThrow(RangeError);
    expect(() => addKeystreamInto(new Uint32Array(1), { key: new Uint8Array(31), wordBits: 32 })).toThrow(/32 bytes/);
  });
});
