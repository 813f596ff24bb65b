import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { countNonFinite, createDataset, datasetFromIdx, DataError, readIdx } from './index.ts';

function idx(shape: readonly number[], data: ArrayLike<number>, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (type << 8) | shape.length);
  for (const [i, extent] of shape.entries()) view.setUint32(4 + 4 * i, extent);
  bytes.set(Uint8Array.from(data), 4 + 4 * shape.length);
  return bytes;
}

function failure(run: () => unknown): DataError {
  try {
    run();
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
  throw new Error('expected a DataError');
}

describe('readIdx', () => {
  it('reads shape and elements, also from a view into a larger buffer', () => {
    const file = idx([2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
    const padded = new Uint8Array(file.length + 7);
    padded.set(file, 3);
    const { shape, data } = readIdx(padded.subarray(3, 3 + file.length));
    expect(shape).toEqual([2, 2, 3]);
    expect([...data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
  });

  it('refuses every truncation of a file, naming the file', () => {
    const file = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    for (let length = 0; length < file.length; length += 1) {
      const error = failure(() => readIdx(file.subarray(0, length), { name: 'train.idx' }));
      expect(error.code).toBe('data/truncated');
      expect(error.message).toMatch(/^train\.idx is truncated: .*\d+ bytes/);
      expect(error.message).not.toContain('\n');
    }
  });

  it.each([
    ['data/trailing-bytes', new Uint8Array([...idx([1], [5]), 0])],
    ['data/not-idx', new TextEncoder().encode('PNG, surely')],
    ['data/not-idx', new Uint8Array([0, 0, 8, 0])],
    ['data/not-idx', new Uint8Array([0, 0, 7, 1, 0, 0, 0, 0])],
    ['data/unsupported-type', idx([1], [0, 0, 0, 0], 0x0d)],
    ['data/compressed', new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0])],
  ] as const)('answers %s', (code, bytes) => {
    expect(failure(() => readIdx(bytes)).code).toBe(code);
  });

  it('does not overflow on a header that promises 2^96 elements', () => {
    const file = idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []);
    expect(failure(() => readIdx(file)).code).toBe('data/truncated');
  });
});

describe('datasetFromIdx', () => {
  const images = readIdx(idx([3, 2, 2], [0, 51, 102, 255, 1, 2, 3, 4, 5, 6, 7, 8]));

  it('keeps pixels as bytes at the public scale 1/255', () => {
    const data = datasetFromIdx({ images, labels: readIdx(idx([3], [7, 0, 9])) });
    expect(data).toMatchObject({ size: 3, inputShape: [2, 2, 1], inputWidth: 4, classes: 10, inputScale: 1 / 255 });
    const part = data.subset([2, 0]);
    expect([...part.inputs]).toEqual([5, 6, 7, 8, 0, 51, 102, 255]);
    expect([...part.labels]).toEqual([9, 7]);
    expect(part.inputs.buffer).not.toBe(data.inputs.buffer);
    expect(() => data.subset([3])).toThrow('"indices[0]" must be an integer in [0, 2], got 3');
  });

  it.each([
    ['data/labels-mismatch', [2], [1, 2]],
    ['data/labels-mismatch', [4], [1, 2, 3, 4]],
    ['data/shape-mismatch', [3, 1], [1, 2, 3]],
    ['data/label-out-of-range', [3], [1, 10, 3]],
  ] as const)('answers %s', (code, shape, labels) => {
    const error = failure(() => datasetFromIdx({ images, labels: readIdx(idx(shape, labels)) }));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('\n');
  });

  it('refuses the labels file in place of the images file', () => {
    const labels = readIdx(idx([3], [1, 2, 3]));
    expect(failure(() => datasetFromIdx({ images: labels, labels })).code).toBe('data/shape-mismatch');
    expect(failure(() => datasetFromIdx({ images, labels: images })).code).toBe('data/shape-mismatch');
  });
});

describe('createDataset', () => {
  it('counts examples with NaN or infinite inputs and keeps them', () => {
    const inputs = new Float32Array([1, 2, Number.NaN, Number.NaN, 5, Number.NEGATIVE_INFINITY]);
    const data = createDataset({ inputs, inputShape: [2], labels: new Uint8Array(3) });
    expect(data.size).toBe(3);
    expect(countNonFinite(data)).toBe(2);
  });

  it('refuses lengths that do not fit and targets that are not finite', () => {
    const of = (inputs: number, labels: Float32Array, labelWidth = 1) =>
      failure(() => createDataset({ inputs: new Float32Array(inputs), inputShape: [2], labels, labelWidth })).code;
    expect(of(5, new Float32Array(2))).toBe('data/shape-mismatch');
    expect(of(4, new Float32Array(3))).toBe('data/labels-mismatch');
    expect(of(4, new Float32Array(3), 2)).toBe('data/labels-mismatch');
    expect(of(4, new Float32Array([0, Number.NaN]))).toBe('data/not-finite');
  });

  it('copies rows of several labels', () => {
    const rng = createSeededRng('rows');
    const labels = Float32Array.from({ length: 12 }, () => rng.uint32());
    const data = createDataset({ inputs: new Uint16Array(8), inputShape: [2], labels, labelWidth: 3 });
    expect([...data.subset([1, 1]).labels]).toEqual([...labels.subarray(3, 6), ...labels.subarray(3, 6)]);
    expect(data.subset([1]).inputs).toBeInstanceOf(Uint16Array);
  });
});
