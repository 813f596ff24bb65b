import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createLinearKernels, panelFloats } from './linear.ts';

const shared = createLinearKernels();
// Grown ahead, so that views stay valid.
shared.memory.grow(256);

function kernels() {
  return { exports: shared.exports, memory: shared.memory, alloc: (bytes: number): number => shared.alloc(bytes) };
}

const size = fc.integer({ min: 1, max: 41 });

describe('matrix products', () => {
  it('are the chains of products that they claim, for any sizes and strides, to the bit', () => {
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 300 }), fc.boolean(), fc.boolean(), (M, N, K, flipA, flipB) => {
        const { exports, memory, alloc } = kernels();
        const [a, b, panels, c] = [alloc(4 * M * K), alloc(4 * K * N), alloc(4 * panelFloats(K, N)), alloc(4 * M * N)];
        const f32 = new Float32Array(memory.buffer);
        const value = (i: number): number => Math.fround(Math.sin(i * 12.9898) * 3);
        for (let i = 0; i < M * K; i += 1) f32[a / 4 + i] = value(i);
        for (let i = 0; i < K * N; i += 1) f32[b / 4 + i] = value(i + 7777);
        const [aRow, aK] = flipA ? [1, M] : [K, 1];
        const [bK, bJ] = flipB ? [1, K] : [N, 1];
        exports.packPanels(b, bK, bJ, K, N, panels);
        exports.gemm(M, N, K, a, aRow, aK, panels, c, N, 0);
        for (let m = 0; m < M; m += 1) {
          for (let n = 0; n < N; n += 1) {
            let sum = 0;
            for (let k0 = 0; k0 < K; k0 += 256) {
              let part = 0;
              for (let k = k0; k < Math.min(K, k0 + 256); k += 1) {
                const product = Math.fround(f32[a / 4 + m * aRow + k * aK]! * f32[b / 4 + k * bK + n * bJ]!);
                part = Math.fround(part + product);
              }
              sum = k0 === 0 ? part : Math.fround(sum + part);
            }
            expect(f32[c / 4 + m * N + n]).toBe(sum);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('on the grid are rounded once and added exactly', () => {
    const { exports, memory, alloc } = kernels();
    const [M, N, K] = [9, 11, 13];
    const [a, b, panels, sums] = [alloc(4 * K * M), alloc(4 * K * N), alloc(4 * panelFloats(K, N)), alloc(8 * M * N)];
    const f32 = new Float32Array(memory.buffer);
    const f64 = new Float64Array(memory.buffer);
    for (let i = 0; i < K * M; i += 1) f32[a / 4 + i] = Math.sin(i);
    for (let i = 0; i < K * N; i += 1) f32[b / 4 + i] = Math.cos(i);
    const grid = 2 ** -10;
    exports.packPanels(b, N, 1, K, N, panels);
    for (let time = 0; time < 2; time += 1) exports.gemmGrid(M, N, K, a, M, panels, sums, N, 1.5 * 2 ** 52 * grid);
    for (let m = 0; m < M; m += 1) {
      for (let n = 0; n < N; n += 1) {
        let part = 0;
        for (let k = 0; k < K; k += 1) {
          part = Math.fround(part + Math.fround(f32[a / 4 + k * M + m]! * f32[b / 4 + k * N + n]!));
        }
        const steps = f64[sums / 8 + m * N + n]! / grid;
        expect(Number.isInteger(steps)).toBe(true);
        expect(Math.abs(steps / 2 - part / grid)).toBeLessThanOrEqual(0.5);
      }
    }
  });
});

describe('elementary functions', () => {
  const { exports, memory, alloc } = kernels();
  const at = alloc(4 * 4001);
  const inputs = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 200);

  function apply(kernel: () => void): Float32Array {
    const f32 = new Float32Array(memory.buffer);
    f32.set(inputs, at / 4);
    kernel();
    return f32.slice(at / 4, at / 4 + inputs.length);
  }

  it('are right to float32', () => {
    const tanh = apply(() => exports.tanhForward(at, inputs.length));
    const sigmoid = apply(() => exports.temperedForward(at, inputs.length, 1, 1, 0));
    for (const [i, x] of inputs.entries()) {
      expect(Math.abs(tanh[i]! - Math.tanh(x))).toBeLessThanOrEqual(2e-7);
      expect(Math.abs(sigmoid[i]! - 1 / (1 + Math.exp(-x)))).toBeLessThanOrEqual(2e-7);
    }
  });

  it('keep NaN', () => {
    const f32 = new Float32Array(memory.buffer);
    f32.fill(Number.NaN, at / 4, at / 4 + 7);
    exports.tanhForward(at, 7);
    exports.relu(at, 7);
    expect(f32.slice(at / 4, at / 4 + 7).every(Number.isNaN)).toBe(true);
  });
});

describe('coins', () => {
  it.each([
    // Known answers of Random123 1.14 for threefry2x32 with 20 rounds: counter, key, words.
    [[0, 0], [0, 0], '6b200159', '99ba4efe'],
    [[0xffff_ffff, 0xffff_ffff], [0xffff_ffff, 0xffff_ffff], '1cb996fc', 'bb002be7'],
    [[0x243f_6a88, 0x85a3_08d3], [0x1319_8a2e, 0x0370_7344], 'c4923a9c', '483df7a0'],
  ])('are Threefry: %j', ([c0, c1], [k0, k1], first, second) => {
    const words = BigInt.asUintN(64, kernels().exports.coins(k0!, k1!, c0!, c1!));
    expect((words & 0xffff_ffffn).toString(16).padStart(8, '0')).toBe(first);
    expect((words >> 32n).toString(16).padStart(8, '0')).toBe(second);
  });
});

describe('the memory of a kernel', () => {
  it('never hands out an address twice: beyond 2 GiB it goes on, beyond 4 GiB it refuses', () => {
    const kernel = createLinearKernels();
    const start = kernel.mark();
    const first = kernel.alloc(2 ** 31 - 2 ** 20);
    const second = kernel.alloc(2 ** 21);
    const third = kernel.alloc(16);
    expect([second - first, third - second]).toEqual([2 ** 31 - 2 ** 20, 2 ** 21]);
    expect(third).toBeGreaterThan(2 ** 31);
    for (const sizeBytes of [2 ** 31, 2 ** 40, Number.NaN, -16]) {
      expect(() => kernel.alloc(sizeBytes)).toThrow('a kernel would need');
    }
    kernel.release(start);
    expect(kernel.alloc(16)).toBe(first);
  });
});

describe('squared norms', () => {
  it('hold to 2^-21 for all magnitudes that floats have, the smallest among them', () => {
    const { exports, memory, alloc } = kernels();
    const at = alloc(4 * 50);
    const x = new Float32Array(memory.buffer, at, 50);
    for (let power = -149; power < 60; power += 1) {
      for (const count of [1, 15, 16, 37, 50]) {
        for (let i = 0; i < 50; i += 1) x[i] = (1 + Math.sin(i)) * 2 ** (power - (i % 5));
        const exact = x.subarray(0, count).reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(exports.sumSquares(at, count) - exact)).toBeLessThanOrEqual(2 ** -21 * exact);
      }
    }
  });
});
