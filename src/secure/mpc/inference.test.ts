import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { loadSecureModel, type SecureLayer, type SecureWeights } from './inference.ts';
import { runLocalSession } from './local-session.ts';

const rng = createSeededRng('secure inference');
const reals = (count: number, range: number) =>
  Float64Array.from({ length: count }, () => (rng.uint32() / 2 ** 32 - 0.5) * 2 * range);

/** A slow evaluation in the clear. */
function evaluate(
  layers: readonly SecureLayer[],
  weights: readonly (SecureWeights | undefined)[],
  input: Float64Array,
): Float64Array {
  let x = input;
  layers.forEach((layer, index) => {
    const w = weights[index];
    if (layer.kind === 'relu') x = x.map((v) => Math.max(0, v));
    else if (layer.kind === 'dense') {
      const before = x;
      x = Float64Array.from({ length: layer.outputs }, (_, o) =>
        before.reduce((sum, v, i) => sum + v * (w?.weights[i * layer.outputs + o] as number), w?.bias[o] as number),
      );
    } else if (layer.kind === 'convolution') {
      const before = x;
      const { channels, height, width, filters, kernel, stride, padding } = layer;
      const [oh, ow] = [0, 1].map(
        (d) =>
          Math.floor(
            ((d ? width : height) + 2 * (padding[d] as number) - (kernel[d] as number)) / (stride[d] as number),
          ) + 1,
      ) as [number, number];
      x = Float64Array.from({ length: filters * oh * ow }, (_, at) => {
        const [f, y, z] = [Math.floor(at / (oh * ow)), Math.floor(at / ow) % oh, at % ow];
        let sum = w?.bias[f] as number;
        for (let c = 0; c < channels; c += 1)
          for (let ky = 0; ky < kernel[0]; ky += 1)
            for (let kx = 0; kx < kernel[1]; kx += 1) {
              const [sy, sx] = [y * stride[0] + ky - padding[0], z * stride[1] + kx - padding[1]];
              if (sy < 0 || sy >= height || sx < 0 || sx >= width) continue;
              sum +=
                (before[(c * height + sy) * width + sx] as number) *
                (w?.weights[((f * channels + c) * kernel[0] + ky) * kernel[1] + kx] as number);
            }
        return sum;
      });
    } else if (layer.kind !== 'tanh') {
      const before = x;
      const { channels, height, width, size, stride } = layer;
      const [oh, ow] = [Math.floor((height - size[0]) / stride[0]) + 1, Math.floor((width - size[1]) / stride[1]) + 1];
      x = Float64Array.from({ length: channels * oh * ow }, (_, at) => {
        const [c, y, z] = [Math.floor(at / (oh * ow)), Math.floor(at / ow) % oh, at % ow];
        const window: number[] = [];
        for (let dy = 0; dy < size[0]; dy += 1)
          for (let dx = 0; dx < size[1]; dx += 1)
            window.push(before[(c * height + y * stride[0] + dy) * width + z * stride[1] + dx] as number);
        return layer.kind === 'maxPool' ? Math.max(...window) : window.reduce((a, b) => a + b, 0) / window.length;
      });
    }
  });
  return x;
}

const layersOf = (pool: 'maxPool' | 'averagePool'): SecureLayer[] => [
  {
    kind: 'convolution',
    channels: 2,
    height: 9,
    width: 8,
    filters: 3,
    kernel: [3, 2],
    stride: [2, 1],
    padding: [1, 0],
  },
  { kind: 'relu' },
  { kind: pool, channels: 3, height: 5, width: 7, size: [2, 3], stride: [2, 2] },
  { kind: 'dense', inputs: 18, outputs: 12 },
  { kind: 'relu' },
  { kind: 'dense', inputs: 12, outputs: 5 },
];
const weights: (SecureWeights | undefined)[] = [
  { weights: reals(3 * 2 * 3 * 2, 1), bias: reals(3, 0.5) },
  undefined,
  undefined,
  { weights: reals(18 * 12, 1), bias: reals(12, 0.5) },
  undefined,
  { weights: reals(12 * 5, 1), bias: reals(5, 0.5) },
];

describe('secure inference', () => {
  it.each([
    [2, 'maxPool'],
    [3, 'averagePool'],
  ] as const)('%i parties evaluate convolution, ReLU, %s and dense layers', async (parties, pool) => {
    const layers = layersOf(pool);
    const batch = 4;
    const inputs = reals(batch * 144, 1);
    const results = await runLocalSession(
      { parties },
      async (session) => {
        const model = await loadSecureModel(session, layers, {
          modelOwner: 0,
          weights: session.party === 0 ? weights : undefined,
        });
        const own = session.party === 1 ? inputs : undefined;
        const scores = await model.predict(own, { batch, dataOwner: 1, open: 'scores' });
        const labels = await model.predict(own, { batch, dataOwner: 1 });
        return { scores, labels, cost: session.cost() };
      },
      createSeededRng('network'),
    );
    expect(results[0]?.scores).toBeUndefined();
    expect(results[0]?.labels).toBeUndefined();
    const { scores, labels } = results[1] as { scores: { scores: Float64Array }; labels: { labels: Int32Array } };
    for (let row = 0; row < batch; row += 1) {
      const expected = evaluate(layers, weights, inputs.slice(row * 144, (row + 1) * 144));
      expected.forEach((value, i) =>
        expect(Math.abs((scores.scores[row * 5 + i] as number) - value)).toBeLessThan(2e-3),
      );
      expect(labels.labels[row]).toBe(expected.indexOf(Math.max(...expected)));
    }
  });

  it('refuses layers and weights that do not fit', async () => {
    const load = (layers: SecureLayer[], own: (SecureWeights | undefined)[]) =>
      runLocalSession(
        { parties: 2 },
        (session) =>
          loadSecureModel(session, layers, { modelOwner: 0, weights: session.party === 0 ? own : undefined }),
        createSeededRng('x'),
      );
    const dense = { kind: 'dense', inputs: 3, outputs: 2 } as const;
    await expect(load([dense, dense], [])).rejects.toMatchObject({
      code: 'mpc/shape-mismatch',
      message: expect.stringContaining('layer 1') as string,
    });
    await expect(load([dense], [])).rejects.toMatchObject({ code: 'mpc/shape-mismatch' });
    await expect(load([dense], [{ weights: [1], bias: [1, 2] }])).rejects.toMatchObject({ code: 'mpc/shape-mismatch' });
  });
});
