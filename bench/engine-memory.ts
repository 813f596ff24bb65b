/**
 * Peak memory of private steps of 4096 examples on a net of a million parameters: it must be of the order of the
 * parameters, not of examples × parameters (which would be 16 GiB). Prints one JSON line.
 */
import { createDataset } from '../src/learning/data/index.ts';
import { compilePlan, createEngine, dense, initializeParameters, model, relu } from '../src/learning/models/index.ts';
import { createSeededRng } from '../src/foundations/random/index.ts';

const BATCH = 4096;

const plan = compilePlan(
  model([dense({ out: 1024 }), relu(), dense({ out: 200 }), relu(), dense({ out: 10 })], {
    input: [784],
    loss: 'softmaxCrossEntropy',
  }),
);
const rng = createSeededRng('bench/engine-memory');
const dataset = createDataset({
  inputs: rng.bytes(2 * BATCH * 784),
  inputShape: [784],
  labels: rng.bytes(2 * BATCH).map((byte) => byte % 10),
  inputScale: 1 / 255,
});
const engine = createEngine(plan);
const parameters = initializeParameters(plan, rng);
const indices = Uint32Array.from({ length: BATCH }, (_, i) => 2 * i);
for (let step = 0; step < 3; step += 1) {
  const { sum } = engine.clippedSum({ parameters, dataset, indices, clipNorm: 1 });
  for (let j = 0; j < sum.length; j += 1) parameters[j] = (parameters[j] as number) - (sum[j] as number) / BATCH;
}
const peakMiB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ parameters: plan.parameterCount, batch: BATCH, peakMiB: Math.round(peakMiB) }));
