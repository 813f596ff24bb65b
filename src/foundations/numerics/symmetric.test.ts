import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { computeSymmetricEigen } from './symmetric.ts';

const matrices = fc.integer({ min: 1, max: 8 }).chain((size) =>
  fc
    .array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: size * size, maxLength: size * size })
    .map((entries) => {
      const square = Float64Array.from(entries);
      const gram = new Float64Array(size * size);
      for (let i = 0; i < size; i += 1) {
        for (let j = 0; j < size; j += 1) {
          for (let k = 0; k < size; k += 1) {
            gram[i * size + j] =
              (gram[i * size + j] as number) + (square[k * size + i] as number) * (square[k * size + j] as number);
          }
        }
        gram[i * size + i] = (gram[i * size + i] as number) + 1;
      }
      return { size, gram };
    }),
);

describe('symmetric matrices', () => {
  it('gives back the matrix from its eigenvalues, in descending order, and orthonormal vectors', () => {
    fc.assert(
      fc.property(matrices, ({ size, gram }) => {
        const { values, vectors } = computeSymmetricEigen(gram, size);
        for (let i = 0; i < size; i += 1) {
          if (i > 0) expect(values[i - 1]).toBeGreaterThanOrEqual(values[i] as number);
          for (let j = 0; j < size; j += 1) {
            let rebuilt = 0;
            let product = 0;
            for (let k = 0; k < size; k += 1) {
              rebuilt += (values[k] as number) * (vectors[k * size + i] as number) * (vectors[k * size + j] as number);
              product += (vectors[i * size + k] as number) * (vectors[j * size + k] as number);
            }
            expect(Math.abs(rebuilt - (gram[i * size + j] as number))).toBeLessThan(1e-9);
            expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-12);
          }
        }
      }),
    );
  });

  it('knows the eigenvalues of the second difference: 2 − 2 cos(πk/(n + 1))', () => {
    const size = 40;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i += 1) {
      matrix[i * size + i] = 2;
      if (i > 0) matrix[i * size + i - 1] = -1;
    }
    const { values } = computeSymmetricEigen(matrix, size);
    values.forEach((value, i) =>
      expect(Math.abs(value - (2 - 2 * Math.cos((Math.PI * (size - i)) / (size + 1))))).toBeLessThan(1e-13),
    );
  });

  it('handles the zero matrix, and refuses what is not finite or not square', () => {
    expect([...computeSymmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
    expect(() => computeSymmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow(/finite/);
    expect(() => computeSymmetricEigen(new Float64Array(3), 2)).toThrow(/2 × 2/);
  });
});
