/**
 * Clipped sums of fixed nets, as digests of their bits: computed in Node and in a page, they must be the same.
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { createDataset, type Dataset } from '../../src/learning/data/index.ts';
import {
  averagePool,
  compilePlan,
  conv2d,
  createEngine,
  createParallelEngine,
  dense,
  dropout,
  embeddingBag,
  gelu,
  groupNorm,
  initializeParameters,
  layerNorm,
  maxPool,
  model,
  relu,
  residual,
  tanh,
  temperedSigmoid,
  type Model,
} from '../../src/learning/models/index.ts';

const image = [14, 14, 1];
const loss = 'softmaxCrossEntropy';
const nets: Readonly<Record<string, Model>> = {
  dense: model([dense({ out: 70 }), tanh(), layerNorm(), dense({ out: 30 }), gelu(), dense({ out: 10 })], {
    input: image,
    loss,
  }),
  convolutions: model(
    [
      conv2d({ out: 12, kernel: 5, stride: 2, padding: 2 }),
      relu(),
      maxPool({ size: 2, stride: 1 }),
      residual([groupNorm({ groups: 3 }), temperedSigmoid(), conv2d({ out: 12, kernel: 3, padding: 1, groups: 2 })]),
      averagePool({ size: 2 }),
      dropout({ rate: 0.25 }),
      dense({ out: 10 }),
    ],
    { input: image, loss },
  ),
  bag: model([embeddingBag({ vocabulary: 256, dimension: 9, mode: 'mean' }), dense({ out: 10 })], {
    input: [196],
    loss,
  }),
};

const EXAMPLES = 1000;

function prepare(name: string, declared: Model): { dataset: Dataset; parameters: Float32Array } {
  const rng = createSeededRng(`sums of ${name}`);
  const dataset = createDataset({
    inputs: rng.bytes(EXAMPLES * 196),
    inputShape: declared.input,
    labels: rng.bytes(EXAMPLES).map((byte) => byte % 10),
    ...(name === 'bag' ? {} : { inputScale: 1 / 128, inputOffset: -1 }),
  });
  return { dataset, parameters: initializeParameters(compilePlan(declared), rng) };
}

const digestOf = (values: Float64Array): string =>
  bytesToHex(sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));

/** Digests of one clipped sum of each net; on `workers` workers, or on the calling thread for 0. */
export async function computeSums({ workers }: { workers: number }): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const indices = Array.from({ length: 300 }, (_, i) => 3 * i + (i % 2));
  for (const [name, declared] of Object.entries(nets)) {
    const plan = compilePlan(declared);
    const request = { ...prepare(name, declared), indices, clipNorm: 0.5, stepSeed: 99n };
    if (workers === 0) {
      digests[name] = digestOf(createEngine(plan).clippedSum(request).sum);
      continue;
    }
    const engine = await createParallelEngine(plan, { workers });
    digests[name] = digestOf((await engine.clippedSum(request)).sum);
    await engine.close();
  }
  return digests;
}
