/**
 * Draws a second of the batched samplers, by CPU time, best of several. Writes bench/results/mechanisms.json.
 * Run: npm run bench -- mechanisms (or node --conditions=source bench/mechanisms.ts), on an otherwise idle machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';

import { createSystemRng } from '../src/foundations/random/index.ts';
import {
  createBinomial,
  createDiscreteGaussian,
  createDiscreteLaplace,
  createGaussian,
  createPoissonSampler,
  createSkellam,
  type IntegerNoise,
  sampleDiscreteGaussian,
} from '../src/privacy/mechanisms/index.ts';
import { describeMachine } from './machine.ts';

const DRAWS = 4_000_000;
const REPETITIONS = 7;
const rng = createSystemRng();

/** The least CPU seconds of several runs. */
function measure(run: () => void): number {
  run();
  let best = Infinity;
  for (let i = 0; i < REPETITIONS; i += 1) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return best;
}

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly perSecond: number;
}

const rows: Row[] = [];
function record(name: string, unit: string, count: number, run: () => void): void {
  const perSecond = Math.round(count / measure(run));
  rows.push({ name, unit, perSecond });
  console.log(`${name.padEnd(44)} ${(perSecond / 1e6).toFixed(perSecond < 1e6 ? 4 : 1).padStart(9)} M ${unit}/s`);
}

const out = new Int32Array(DRAWS);
function recordNoise(name: string, noise: IntegerNoise, draws = DRAWS): void {
  const target = out.subarray(0, draws);
  record(name, 'draws', draws, () => noise.sampleInto(target, rng));
}

for (const sigma of [10, 1e3, 1e6]) {
  recordNoise(`discrete Gaussian, σ = ${sigma}`, createDiscreteGaussian({ variance: sigma * sigma }));
}
recordNoise('discrete Laplace, scale 1000', createDiscreteLaplace({ scale: 1000 }));
recordNoise('Skellam, variance 10^6', createSkellam({ variance: 1e6 }));
recordNoise('binomial, 10^6 trials of 1/2', createBinomial({ trials: 1_000_000, probability: 0.5 }));

const values = new Float64Array(1_000_000);
const gaussian = createGaussian({ l2Sensitivity: 1, noiseMultiplier: 1, dimension: values.length });
record('grid-snapped Gaussian on a vector of doubles', 'entries', values.length, () =>
  gaussian.releaseInto(values, rng),
);

const sampler = createPoissonSampler({ samplingRate: 256 / 60_000 });
record('Poisson sampling, q = 256/60000', 'records', 1_000_000, () => void sampler.sample(1_000_000, rng));

record('discrete Gaussian, plain exact form, σ = 1000', 'draws', 5_000, () => {
  for (let i = 0; i < 5_000; i += 1) sampleDiscreteGaussian({ variance: 1e6 }, rng);
});

const required = 8_000_000;
const slow = rows.filter(({ name, perSecond }) => /Gaussian, σ/.test(name) && perSecond < required);
const results = new URL('./results/', import.meta.url);
mkdirSync(results, { recursive: true });
writeFileSync(
  new URL('mechanisms.json', results),
  `${JSON.stringify({ machine: describeMachine(), method: 'CPU time, best of 7, one core', required, rows }, undefined, 2)}\n`,
);
if (slow.length > 0) {
  console.error(`below ${required} draws a second: ${slow.map(({ name }) => name).join('; ')}`);
  process.exitCode = 1;
}
