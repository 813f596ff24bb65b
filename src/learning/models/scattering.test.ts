import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import { createPrivateNormalization } from './private-normalization.ts';
import { computePadding, createWavelet } from './scattering-filters.ts';
import { createFeatureExtractor } from './scattering.ts';
import { drawStrokes } from './strokes.ts';

interface Vector {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly pixels: number[];
  readonly features: number[];
}
const { images: vectors } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/learning/scattering.json', import.meta.url), 'utf8'),
) as { images: Vector[] };

function imagesOf(pixels: readonly number[], inputShape: readonly number[]): Dataset {
  const size = pixels.length / inputShape.reduce((a, b) => a * b, 1);
  return createDataset({
    inputs: Uint8Array.from(pixels),
    inputShape,
    labels: new Uint8Array(size),
    inputScale: 1 / 255,
    classes: 10,
  });
}

function randomImages(size: number, inputShape: readonly number[]): Dataset {
  const rng = createSeededRng(`images/${inputShape.join()}`);
  return imagesOf([...rng.bytes(size * inputShape.reduce((a, b) => a * b, 1))], inputShape);
}

const largestError = (actual: ArrayLike<number>, expected: ArrayLike<number>) => {
  let largest = actual.length === expected.length ? 0 : Infinity;
  for (let i = 0; i < expected.length; i += 1) {
    largest = Math.max(largest, Math.abs((actual[i] as number) - (expected[i] as number)));
  }
  return largest;
};

const raw = { kind: 'scattering', normalization: { kind: 'none' } } as const;

/** One plane by the definition, in float64: circular convolutions summed point by point, no Fourier transform. */
function scatterDirectly(pixels: readonly number[], height: number, width: number): number[][] {
  const [side, across] = [computePadding(height), computePadding(width)];
  const [rows, columns] = [side.padded, across.padded];
  const mirror = (i: number, size: number) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);
  const image = Float64Array.from({ length: rows * columns }, (_, at) => {
    const y = mirror(Math.floor(at / columns) - side.before, height);
    const x = mirror((at % columns) - across.before, width);
    return (pixels[y * width + x] as number) / 255;
  });
  /** |plane ∗ wavelet| at every `step`-th point. */
  const modulus = (plane: Float64Array, [re, im]: [Float64Array, Float64Array], step: number): Float64Array => {
    const out = new Float64Array((rows / step) * (columns / step));
    for (let r = 0; r < rows; r += step) {
      for (let c = 0; c < columns; c += step) {
        let sumRe = 0;
        let sumIm = 0;
        for (let y = 0; y < rows; y += 1) {
          const row = ((r - y + rows) % rows) * columns;
          for (let x = 0; x < columns; x += 1) {
            const at = row + ((c - x + columns) % columns);
            const value = plane[y * columns + x] as number;
            sumRe += value * (re[at] as number);
            sumIm += value * (im[at] as number);
          }
        }
        out[(r / step) * (columns / step) + c / step] = Math.hypot(sumRe, sumIm);
      }
    }
    return out;
  };
  /** The Gaussian of width 1.6 at the given resolution, cut to the band that the resolution holds. */
  const gaussian = (size: number, step: number): Float64Array => {
    const points = size / step;
    return Float64Array.from({ length: points }, (_, x) => {
      let sum = 0;
      for (let k = -size / 2; k < size / 2; k += 1) {
        if (step === 2 && (k < -size / 4 || k >= size / 4)) continue;
        // The Gaussian's own transform: wrapping in space is sampling in frequency, and the tails beyond π are 1e-6.
        let height = 0;
        for (let wrap = -2; wrap <= 2; wrap += 1) {
          const omega = (2 * Math.PI * (k + wrap * size)) / size;
          height += Math.exp((-omega * omega * 1.6 * 1.6) / 2);
        }
        sum += height * Math.cos((2 * Math.PI * k * x) / points);
      }
      return sum / points;
    });
  };
  const smooth = (plane: Float64Array, step: number): number[] => {
    const [r, c] = [rows / step, columns / step];
    const [down, sideways] = [gaussian(rows, step), gaussian(columns, step)];
    const out: number[] = [];
    for (let i = 0; i < side.kept; i += 1) {
      for (let j = 0; j < across.kept; j += 1) {
        let sum = 0;
        for (let y = 0; y < r; y += 1) {
          for (let x = 0; x < c; x += 1) {
            const v = down[(((i + side.first) * 4) / step - y + r) % r] as number;
            const h = sideways[(((j + across.first) * 4) / step - x + c) % c] as number;
            sum += v * h * (plane[y * c + x] as number);
          }
        }
        out.push(sum);
      }
    }
    return out;
  };
  const wavelets = (scale: number) =>
    Array.from({ length: 8 }, (_, angle) => createWavelet({ rows, columns }, { scale, angle }));
  const [fine, coarse] = [wavelets(0), wavelets(1)];
  const first = fine.map((wavelet) => modulus(image, wavelet, 1));
  return [
    smooth(image, 1),
    ...first.map((plane) => smooth(plane, 1)),
    ...coarse.map((wavelet) => smooth(modulus(image, wavelet, 2), 2)),
    ...first.flatMap((plane) => coarse.map((wavelet) => smooth(modulus(plane, wavelet, 2), 2))),
  ];
}

describe('scattering features', () => {
  it.each(vectors)('equal an independent implementation: $name', ({ height, width, pixels, features }) => {
    const extractor = createFeatureExtractor(raw, [height, width, 1]);
    expect(extractor.outputShape).toEqual([height / 4, width / 4, 81]);
    expect(largestError(extractor.compute(imagesOf(pixels, [height, width, 1])), features)).toBeLessThan(1e-6);
  });

  it('equal a direct computation without Fourier transforms, on sides that differ and are padded by radix 5', () => {
    const [height, width] = [16, 34];
    expect([computePadding(height).padded, computePadding(width).padded]).toEqual([24, 40]);
    const images = randomImages(1, [height, width, 1]);
    const direct = scatterDirectly([...images.inputs], height, width);
    const features = createFeatureExtractor(raw, [height, width, 1]).compute(images);
    const expected = Array.from({ length: features.length }, (_, i) => direct[i % 81]?.[Math.floor(i / 81)] ?? NaN);
    expect(largestError(features, expected)).toBeLessThan(2e-6);
  });

  it('do not depend on what else is in the batch', () => {
    const images = randomImages(7, [20, 17, 1]);
    const extractor = createFeatureExtractor({ kind: 'scattering' }, [20, 17, 1]);
    const all = extractor.compute(images);
    const width = all.length / 7;
    for (const example of [0, 3, 4, 6]) {
      const alone = extractor.compute(images.subset([example]));
      expect(alone).toEqual(all.slice(example * width, (example + 1) * width));
    }
  });

  it('treat every channel of a picture as a plane of its own', () => {
    const colour = randomImages(3, [16, 16, 2]);
    const shape = [16, 16, 1];
    const features = createFeatureExtractor(raw, [16, 16, 2]).compute(colour);
    const second = imagesOf(
      [...colour.inputs].filter((_, i) => i % 2 === 1),
      shape,
    );
    const expected = createFeatureExtractor(raw, shape).compute(second);
    const picked = features.filter((_, i) => i % 162 >= 81);
    expect(picked).toEqual(expected);
  });

  it('of a group of channels are normalised over the group, example by example', () => {
    const images = randomImages(2, [16, 16, 1]);
    const config = { kind: 'scattering', normalization: { kind: 'group', groups: 9 } } as const;
    const features = createFeatureExtractor(config, [16, 16, 1]).compute(images);
    const plain = createFeatureExtractor(raw, [16, 16, 1]).compute(images);
    for (const example of [0, 1]) {
      for (let group = 0; group < 9; group += 1) {
        const inGroup = (_: number, i: number) =>
          Math.floor(i / (16 * 81)) === example && Math.floor((i % 81) / 9) === group;
        const values = Float64Array.from(plain.filter(inGroup));
        const mean = values.reduce((a, b) => a + b) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
        const expected = values.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
        expect(largestError(features.filter(inGroup), expected)).toBeLessThan(1e-4);
      }
    }
  });

  it('are kept on the public scale to half a step, and cropped', () => {
    const images = randomImages(5, [28, 28, 1]);
    for (const [bits, step] of [
      [8, 8.5 / 255],
      [16, 8.5 / 65535],
    ] as const) {
      const config = { kind: 'scattering', bits, crop: 1 } as const;
      const extractor = createFeatureExtractor(config, [28, 28, 1]);
      const kept = extractor.extract(images);
      expect(kept.inputShape).toEqual([5, 5, 81]);
      expect(kept.inputs.BYTES_PER_ELEMENT).toBe(bits / 8);
      expect(kept.inputScale).toBeCloseTo(step, 12);
      const values = Float64Array.from(kept.inputs, (level) => level * kept.inputScale + kept.inputOffset);
      const exact = extractor.compute(images).map((value) => Math.min(7, Math.max(-1.5, value)));
      expect(largestError(values, exact)).toBeLessThan(step / 2 + 1e-6);
      const whole = createFeatureExtractor({ kind: 'scattering', bits }, [28, 28, 1]).compute(images);
      expect(extractor.compute(images)[0]).toBe(whole[(1 * 7 + 1) * 81]);
    }
  });

  it('of 70,000 digits take less than 600 MiB', () => {
    const bytes = (bits: 8 | 16) => {
      const { inputs } = createFeatureExtractor({ kind: 'scattering', bits }, [28, 28, 1]).extract(
        randomImages(1, [28, 28, 1]),
      );
      return 70_000 * inputs.byteLength;
    };
    expect(bytes(8)).toBeLessThan(300 * 2 ** 20);
    expect(bytes(16)).toBeLessThan(600 * 2 ** 20);
  });

  it('refuse shapes and settings that do not fit', () => {
    expect(() => createFeatureExtractor(raw, [28, 28])).toThrow('"inputShape" must be [height, width, channels]');
    expect(() => createFeatureExtractor(raw, [15, 28, 1])).toThrow('"inputShape[0]"');
    expect(() => createFeatureExtractor({ ...raw, crop: 4 }, [28, 28, 1])).toThrow('"crop" must leave a sample');
    expect(() =>
      createFeatureExtractor({ kind: 'scattering', normalization: { kind: 'group', groups: 10 } }, [28, 28, 1]),
    ).toThrow('"groups" must divide 81');
    const standardize = { kind: 'standardize', mean: [0], stddev: [1] } as const;
    expect(() =>
      createFeatureExtractor(
        { kind: 'scattering', normalization: { ...standardize, mean: [0], stddev: [1] } },
        [28, 28, 1],
      ),
    ).toThrow('"mean" must have 81 entries, got 1');
    expect(() => createFeatureExtractor(raw, [28, 28, 1]).compute(randomImages(1, [20, 20, 1]))).toThrow('"images"');
  });
});

describe('createPrivateNormalization', () => {
  const shape = [16, 16, 1];
  const images = randomImages(400, shape);

  it('standardises channels to within the noise, and charges a Gaussian event', () => {
    const normalization = createPrivateNormalization({
      inputShape: shape,
      expectedSize: 400,
      noiseMultiplier: 1e-4,
      clipNorm: 1000,
    });
    expect(normalization.event).toMatchObject({ kind: 'discreteGaussian' });
    const constants = normalization.compute(images, createSeededRng('statistics'));
    const features = createFeatureExtractor({ kind: 'scattering', normalization: constants }, shape).compute(images);
    for (const channel of [0, 3, 12, 40, 80]) {
      const values = features.filter((_, i) => i % 81 === channel);
      const mean = values.reduce((a, b) => a + b) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan(0.2);
      expect(variance).toBeGreaterThan(0.5);
      expect(variance).toBeLessThan(2);
    }
    expect(() => normalization.compute(images, createSeededRng('again'))).toThrow('released already');
  });

  it('adds noise of the charged size to sums that one example moves by at most the sensitivity', () => {
    const options = { inputShape: shape, expectedSize: 512, noiseMultiplier: 4, clipNorm: 1 };
    const { event } = createPrivateNormalization(options);
    if (event.kind !== 'discreteGaussian') throw new Error('another event');
    expect(event.sigma / event.sensitivity).toBeCloseTo(4, 9);
    // With one example and a clip norm that everything exceeds, the mean is that of a unit vector plus the noise.
    const one = images.subset([0]);
    let squares = 0;
    const runs = 8;
    for (let run = 0; run < runs; run += 1) {
      const { mean } = createPrivateNormalization({ ...options, noiseMultiplier: 1e-6 }).compute(
        one,
        createSeededRng('exact'),
      );
      const noisy = createPrivateNormalization(options).compute(one, createSeededRng(`noise/${run}`)).mean;
      // Channels 17 to 80 share one scale, 0.004; a mean is sum · scale / expectedSize.
      for (let channel = 17; channel < 81; channel += 1) {
        squares += ((((noisy[channel] as number) - (mean[channel] as number)) * 512) / 0.004) ** 2;
      }
    }
    const draws = runs * 64;
    const variance = squares / draws;
    // χ² of 512 draws: six standard errors are 6 · √(2/512) = 38 %.
    expect(Math.abs(variance / 16 - 1)).toBeLessThan(6 * Math.sqrt(2 / draws));
    // The stddev in place of the variance would be seen.
    expect(Math.abs(4 / 16 - 1)).toBeGreaterThan(6 * Math.sqrt(2 / draws));
  });
});

describe('the template of strokes', () => {
  const shape = [28, 28, 1];

  it('is the same every time, looks like writing, and is what is subtracted', () => {
    const strokes = drawStrokes({ height: 28, width: 28, planes: 1 });
    expect(strokes.inputs).toEqual(drawStrokes({ height: 28, width: 28, planes: 1 }).inputs);
    const ink = (strokes.inputs as Float32Array).reduce((a, b) => a + b) / strokes.inputs.length;
    expect(ink).toBeGreaterThan(0.05);
    expect(ink).toBeLessThan(0.25);
    const plain = createFeatureExtractor({ kind: 'scattering', crop: 1 }, shape);
    const centered = createFeatureExtractor({ kind: 'scattering', crop: 1, center: 'strokes' }, shape);
    const images = randomImages(3, shape);
    const mean = new Float64Array(2025);
    const features = plain.compute(strokes);
    for (const [i, value] of features.entries()) mean[i % 2025] = (mean[i % 2025] as number) + value / strokes.size;
    const expected = plain.compute(images).map((value, i) => value - (mean[i % 2025] as number));
    expect(largestError(centered.compute(images), expected)).toBeLessThan(1e-5);
  });

  it('brings a digit nearer to zero', () => {
    const digits = imagesOf(vectors[0]?.pixels ?? [], shape);
    const norm = (center: 'none' | 'strokes') =>
      Math.hypot(...createFeatureExtractor({ kind: 'scattering', center }, shape).compute(digits));
    expect(norm('strokes')).toBeLessThan(0.9 * norm('none'));
  });

  it('needs features of one scale', () => {
    expect(() => createFeatureExtractor({ ...raw, center: 'strokes' }, shape)).toThrow('"center: strokes" needs');
  });
});
