/**
 * Speed of the training engine: the three nets that peers are measured with, plain and private steps of 256 examples, one
 * thread and two workers, beside plain TypeScript loops. `-- --json` prints the rows alone; `-- --save` keeps them in
 * `bench/results/engine.json`.
 *
 * One thread is measured in processor time, which other work on the machine disturbs less; workers in wall time. A
 * figure is the median step of the best of three rounds.
 */
import { writeFileSync } from 'node:fs';

import { createDataset, type Dataset } from '../src/learning/data/index.ts';
import {
  compilePlan,
  conv2d,
  createEngine,
  createParallelEngine,
  dense,
  embeddingBag,
  initializeParameters,
  maxPool,
  model,
  relu,
  type Model,
  type Plan,
} from '../src/learning/models/index.ts';
import { createSeededRng } from '../src/foundations/random/index.ts';
import { describeMachine } from './machine.ts';
import { createPlainNet, plainClippedSum } from './plain-loops.ts';

type Workload = 'mlp' | 'cnn' | 'text';

interface Row {
  readonly workload: Workload;
  readonly mode: 'plain' | 'private';
  readonly workers: number;
  readonly examplesPerSecond: number;
  readonly cpuMsPerStep: number;
  readonly speedupOverLoops: number;
}

const BATCH = 256;
const EXAMPLES = 60_000;
const ROUNDS = 3;
const ROUND_MS = 1500;

const loss = 'softmaxCrossEntropy';
const nets: Readonly<Record<Workload, Model>> = {
  mlp: model([dense({ out: 128 }), relu(), dense({ out: 10 })], { input: [28, 28, 1], loss }),
  cnn: model(
    [
      conv2d({ out: 16, kernel: 8, stride: 2, padding: 3 }),
      relu(),
      maxPool({ size: 2, stride: 1 }),
      conv2d({ out: 32, kernel: 4, stride: 2 }),
      relu(),
      maxPool({ size: 2, stride: 1 }),
      dense({ out: 32 }),
      relu(),
      dense({ out: 10 }),
    ],
    { input: [28, 28, 1], loss },
  ),
  text: model([embeddingBag({ vocabulary: 4096, dimension: 16, mode: 'mean' }), dense({ out: 2 })], {
    input: [32],
    loss,
  }),
};

/** Examples a second of Opacus on one thread of a Xeon of the same kind, PyTorch 1.13 with a tuned OpenBLAS. */
const opacus: Readonly<Record<Workload, { readonly hooks: number; readonly ghost: number }>> = {
  mlp: { hooks: 1530, ghost: 49_500 },
  cnn: { hooks: 2500, ghost: 2900 },
  text: { hooks: 2400, ghost: 9100 },
};

const rng = createSeededRng('bench/engine');

function datasetOf(workload: Workload): Dataset {
  const classes = workload === 'text' ? 2 : 10;
  const labels = rng.bytes(EXAMPLES).map((byte) => byte % classes);
  if (workload === 'text') {
    const inputs = new Uint16Array(rng.bytes(EXAMPLES * 64).buffer).map((word) => word % 4096);
    return createDataset({ inputs, inputShape: [32], labels });
  }
  return createDataset({ inputs: rng.bytes(EXAMPLES * 784), inputShape: [28, 28, 1], labels, inputScale: 1 / 255 });
}

/** One Poisson-like sample: distinct examples, the same in every step so that steps compare. */
function drawSample(): Uint32Array {
  const drawn = new Set<number>();
  while (drawn.size < BATCH) drawn.add(rng.uint32() % EXAMPLES);
  return Uint32Array.from(drawn).sort();
}

interface Timing {
  readonly wallMs: number;
  readonly cpuMs: number;
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The median step of the best round. */
async function measure(step: () => unknown): Promise<Timing> {
  for (let i = 0; i < 5; i += 1) await step();
  let best: Timing = { wallMs: Infinity, cpuMs: Infinity };
  for (let round = 0; round < ROUNDS; round += 1) {
    const wall: number[] = [];
    const cpu: number[] = [];
    const start = performance.now();
    while (performance.now() - start < ROUND_MS) {
      const used = process.cpuUsage();
      const from = performance.now();
      await step();
      wall.push(performance.now() - from);
      cpu.push(cpuMs(used));
    }
    best = { wallMs: Math.min(best.wallMs, median(wall)), cpuMs: Math.min(best.cpuMs, median(cpu)) };
  }
  return best;
}

/** Examples a second of plain loops, in processor time. */
function measureLoops(workload: Workload, plan: Plan, dataset: Dataset): number {
  const net = createPlainNet(workload, initializeParameters(plan, rng));
  const examples = Array.from({ length: 16 }, (_, row) => ({
    x: Float32Array.from(
      dataset.inputs.subarray(row * dataset.inputWidth, (row + 1) * dataset.inputWidth),
      (value) => value * dataset.inputScale,
    ),
    label: dataset.labels[row] ?? 0,
  }));
  plainClippedSum(net, examples, { clipNorm: 1 });
  const times = Array.from({ length: 7 }, () => {
    const used = process.cpuUsage();
    plainClippedSum(net, examples, { clipNorm: 1 });
    return cpuMs(used);
  });
  return (examples.length / Math.min(...times)) * 1000;
}

async function measureWorkload(workload: Workload): Promise<Row[]> {
  const plan = compilePlan(nets[workload]);
  const dataset = datasetOf(workload);
  const parameters = initializeParameters(plan, rng);
  const indices = drawSample();
  const into = new Float64Array(plan.parameterCount);
  const loops = measureLoops(workload, plan, dataset);
  const rows: Row[] = [];
  const row = (mode: Row['mode'], workers: number, stepMs: number, spent: number): Row => {
    const perSecond = (BATCH / stepMs) * 1000;
    return {
      workload,
      mode,
      workers,
      examplesPerSecond: Math.round(perSecond),
      cpuMsPerStep: Number(spent.toFixed(3)),
      speedupOverLoops: Number((perSecond / loops).toFixed(1)),
    };
  };
  const modes = [
    { mode: 'plain', clipNorm: Infinity },
    { mode: 'private', clipNorm: 1 },
  ] as const;
  const engine = createEngine(plan);
  for (const { mode, clipNorm } of modes) {
    const time = await measure(() => engine.clippedSum({ parameters, dataset, indices, clipNorm, into }));
    rows.push(row(mode, 1, time.cpuMs, time.cpuMs));
  }
  const parallel = await createParallelEngine(plan, { workers: 2 });
  for (const { mode, clipNorm } of modes) {
    const time = await measure(() => parallel.clippedSum({ parameters, dataset, indices, clipNorm, into }));
    rows.push(row(mode, 2, time.wallMs, time.cpuMs));
  }
  await parallel.close();
  return rows;
}

function print(machine: string, rows: readonly Row[]): void {
  console.log(`${machine}; steps of ${BATCH} examples\n`);
  console.log(
    'net   mode     workers  examples/s  CPU ms/step  × loops  × Opacus hooks  × Opacus ghost  private ÷ plain',
  );
  for (const row of rows) {
    const plain = rows.find((r) => r.workload === row.workload && r.workers === row.workers && r.mode === 'plain');
    const ratio = row.mode === 'private' && plain !== undefined ? plain.examplesPerSecond / row.examplesPerSecond : 1;
    const peers = opacus[row.workload];
    console.log(
      [
        row.workload.padEnd(5),
        row.mode.padEnd(8),
        String(row.workers).padStart(7),
        String(row.examplesPerSecond).padStart(11),
        row.cpuMsPerStep.toFixed(2).padStart(12),
        row.speedupOverLoops.toFixed(1).padStart(8),
        (row.examplesPerSecond / peers.hooks).toFixed(1).padStart(15),
        (row.examplesPerSecond / peers.ghost).toFixed(1).padStart(15),
        row.mode === 'private' ? ratio.toFixed(2).padStart(16) : '',
      ].join(' '),
    );
  }
  for (const workload of Object.keys(nets) as Workload[]) {
    const of = (workers: number): number =>
      rows.find((r) => r.workload === workload && r.mode === 'private' && r.workers === workers)?.examplesPerSecond ??
      0;
    console.log(`${workload}: two workers are ${(of(2) / of(1)).toFixed(2)} × one thread`);
  }
  console.log(
    '\nOpacus: PyTorch 1.13 and Opacus 1.4.0 (hooks) and 1.5.4 (ghost), one thread of a Xeon of the same kind.',
  );
}

const rows: Row[] = [];
for (const workload of Object.keys(nets) as Workload[]) rows.push(...(await measureWorkload(workload)));
const machine = describeMachine();
const text = JSON.stringify({ machine, rows }, undefined, 2);
if (process.argv.includes('--save')) writeFileSync(new URL('./results/engine.json', import.meta.url), `${text}\n`);
if (process.argv.includes('--json')) console.log(text);
else print(machine, rows);
