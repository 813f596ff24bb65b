import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../foundations/random/index.ts';
import { createRing, encodeRing } from '../foundations/vector/index.ts';
import { createDataset } from '../learning/data/index.ts';
import {
  compilePlan,
  conv2d,
  createEngine,
  dense,
  flatten,
  initializeParameters,
  model,
  relu,
} from '../learning/models/index.ts';
import { createGaussian } from '../privacy/mechanisms/index.ts';
import { computeLikeness, findFirstLayer, invertFirstLayer, measureInversion } from './inversion.ts';
import { testUniformity, watchMaskedRound } from './masked-sight.ts';

const rng = createSeededRng('inversion');
const WIDTH = 100;
const plan = compilePlan(
  model([flatten(), dense({ out: 64 }), relu(), dense({ out: 4 })], {
    input: [10, 10, 1],
    loss: 'softmaxCrossEntropy',
  }),
);
const layer = findFirstLayer(plan);
const engine = createEngine(plan);
const parameters = initializeParameters(plan, rng);
const dataset = createDataset({
  inputs: Float32Array.from({ length: 64 * WIDTH }, () => rng.uint32() / 2 ** 32),
  inputShape: [10, 10, 1],
  labels: Uint8Array.from({ length: 64 }, (_, i) => i % 4),
});
const rowOf = (i: number): Float32Array => dataset.inputs.slice(i * WIDTH, (i + 1) * WIDTH) as Float32Array;
const rows = (from: number, to: number): Float32Array[] => Array.from({ length: to - from }, (_, i) => rowOf(from + i));
const updateOf = (batch: number, clipNorm: number): Float64Array =>
  engine.clippedSum({ parameters, dataset, indices: Array.from({ length: batch }, (_, i) => i), clipNorm }).sum;
const others = rows(32, 64);

describe('gradient inversion', () => {
  it('reads the one example of an update to the last digit of a float', () => {
    const guesses = invertFirstLayer(updateOf(1, Infinity), layer);
    expect(guesses.length).toBeGreaterThan(10);
    const [example] = rows(0, 1) as [Float32Array];
    for (const guess of guesses) {
      expect(Math.max(...guess.map((value, i) => Math.abs(value - (example[i] as number))))).toBeLessThan(1e-4);
    }
    const outcome = measureInversion(updateOf(1, Infinity), { layer, examples: [example], others });
    expect(outcome).toMatchObject({ recovered: 1, control: { recovered: 0 } });
  });

  it('is not hindered by clipping alone, which keeps the direction', () => {
    expect(measureInversion(updateOf(1, 0.01), { layer, examples: rows(0, 1), others }).recovered).toBe(1);
  });

  it('reads fewer of a larger batch, where neurons answer to many', () => {
    const [few, many] = [2, 32].map((batch) =>
      measureInversion(updateOf(batch, Infinity), { layer, examples: rows(0, batch), others }),
    );
    expect(few?.recovered).toBeGreaterThan(many?.recovered as number);
    expect(few?.likeness).toBeGreaterThan(many?.likeness as number);
    expect(many?.control.recovered).toBe(0);
  });

  it('reads nothing through clipping and noise together', () => {
    const sum = updateOf(1, 1);
    createGaussian({ l2Sensitivity: 1, noiseMultiplier: 1, dimension: sum.length }).releaseInto(sum, rng);
    const { recovered, likeness, control } = measureInversion(sum, { layer, examples: rows(0, 1), others });
    expect(recovered).toBe(0);
    // The best of 64 guesses that have nothing to do with a hundred numbers: 5/√100 is out of reach but for noise that tells.
    expect(likeness).toBeLessThan(0.5);
    expect(control.likeness).toBeLessThan(0.5);
  });

  it('refuses models whose first layer it cannot divide', () => {
    const network = (first: Parameters<typeof model>[0][number]): unknown =>
      findFirstLayer(
        compilePlan(model([first, flatten(), dense({ out: 4 })], { input: [10, 10, 1], loss: 'softmaxCrossEntropy' })),
      );
    expect(() => network(conv2d({ out: 2, kernel: 3 }))).toThrow(/the model begins with conv2d/);
    const bare = compilePlan(model([dense({ out: 4, bias: false })], { input: [10], loss: 'softmaxCrossEntropy' }));
    expect(() => findFirstLayer(bare)).toThrow(/only a dense first layer/);
  });

  it('compares lists whatever their scale and offset', () => {
    expect(computeLikeness([1, 2, 3], [-10, 0, 10])).toBeCloseTo(1, 12);
    expect(computeLikeness([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    expect(computeLikeness([1, 2, 3], [5, 5, 5])).toBe(0);
  });
});

describe('under masks', () => {
  it.each([24, 32, 40])('the coordinator sees a uniform vector in a ring of %i bits, and the right sum', (bitWidth) => {
    const ring = createRing({ bitWidth });
    const updates = Array.from({ length: 4 }, (_, party) =>
      Int32Array.from(updateOf(1 + party, Infinity), (value) => Math.round(value * 2 ** 12)),
    );
    const plain = Float64Array.from(updates[0] as Int32Array);
    const sight = watchMaskedRound(
      updates.map((values) => encodeRing(values, ring)),
      { bitWidth, threshold: 3, maxCorrupt: 0 },
      rng.fork(`round of ${bitWidth} bits`),
    );
    expect([...sight.sum]).toEqual(
      Array.from(plain, (_, i) => updates.reduce((sum, values) => sum + (values[i] as number), 0)),
    );
    // A right mask fails one of these with 10^-6, an update without one always.
    expect(testUniformity(sight.received, { bitWidth }).pValue).toBeGreaterThan(1e-6);
    expect(testUniformity(plain, { bitWidth }).pValue).toBeLessThan(1e-6);
    const seen = measureInversion(sight.received, { layer, examples: rows(0, 1), others });
    expect(seen.recovered).toBe(0);
    expect(seen.likeness).toBeLessThan(0.5);
    expect(measureInversion(plain, { layer, examples: rows(0, 1), others }).recovered).toBe(1);
    expect(sight.sizeBytes).toBeGreaterThan((plain.length * bitWidth) / 8);
  });

  it('uniformity is judged by the quantiles of χ², tables of [AS64] 26.8', () => {
    // Two cells: ten entries, all in one: statistic 10 of one degree, p = 0.00157.
    const lopsided = testUniformity(
      Float64Array.from({ length: 10 }, () => 1),
      { bitWidth: 8 },
    );
    expect(lopsided).toMatchObject({ statistic: 10, degrees: 1, pValue: expect.closeTo(0.001565, 6) as number });
    // Three degrees: 16.266 is exceeded with probability 0.001.
    const counts = [41, 13, 13, 13];
    const values = Float64Array.from(
      counts.flatMap((count, cell) => Array.from({ length: count }, () => (cell - 2) * 64)),
    );
    const uneven = testUniformity(values.subarray(0, 79), { bitWidth: 8 });
    expect(uneven.degrees).toBe(7);
    expect(() => testUniformity(new Float64Array(9), { bitWidth: 8 })).toThrow(/at least 10/);
  });
});
