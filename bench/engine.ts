/**
 * Speed of the training engine: the three nets that peers are measured with, plain and private steps, beside plain
 * TypeScript loops. `-- --json` prints the rows alone; `-- --save` keeps them in `bench/results/engine.json`.
 *
 * One thread takes steps of 256 examples, as the peers' figures do, and is measured in processor time, which other work
 * on the machine disturbs less. Two workers take the long steps that private training has (4096; 16,384 of the text bag,
 * where 4096 last little over a millisecond), in wall time, beside one thread on the same steps in wall time; the closing
 * lines give their ratio, on shorter steps too, and beside it what the machine allows: two threads with half of the step
 * each that share nothing, not even the data. Rounds of all kinds of step take turns; a figure is the median step of the
 * best of five rounds. `-- --only NET` measures one net, and saves nothing.
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
  shareDataset,
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
  /** Examples of a step. */
  readonly batch: number;
  readonly examplesPerSecond: number;
  readonly cpuMsPerStep: number;
  readonly speedupOverLoops: number;
}

/** Examples of a step: one thread on the first, one and two on the last. */
const BATCHES: Readonly<Record<Workload, readonly number[]>> = {
  mlp: [256, 4096],
  cnn: [256, 4096],
  text: [256, 4096, 16_384],
};
const EXAMPLES = 60_000;
const ROUNDS = 5;
const ROUND_MS = 500;

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
function drawSample(batch: number): Uint32Array {
  const drawn = new Set<number>();
  while (drawn.size < batch) drawn.add(rng.uint32() % EXAMPLES);
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

type Step = () => unknown;

/** The median step of each kind in one round. */
async function measureRound(step: Step): Promise<Timing> {
  const wall: number[] = [];
  const cpu: number[] = [];
  const start = performance.now();
  while (performance.now() - start < ROUND_MS || wall.length < 3) {
    const used = process.cpuUsage();
    const from = performance.now();
    await step();
    wall.push(performance.now() - from);
    cpu.push(cpuMs(used));
  }
  return { wallMs: median(wall), cpuMs: median(cpu) };
}

/** Best rounds of several kinds of step, which take turns so that a disturbance does not hit one kind alone. */
async function measure<Kind extends string>(steps: Readonly<Record<Kind, Step>>): Promise<Record<Kind, Timing>> {
  const best = new Map<Kind, Timing>();
  const kinds = Object.entries(steps) as [Kind, Step][];
  for (const [, step] of kinds) for (let i = 0; i < 3; i += 1) await step();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [kind, step] of kinds) {
      const { wallMs, cpuMs: spent } = await measureRound(step);
      best.set(kind, {
        wallMs: Math.min(best.get(kind)?.wallMs ?? Infinity, wallMs),
        cpuMs: Math.min(best.get(kind)?.cpuMs ?? Infinity, spent),
      });
    }
  }
  return Object.fromEntries(best) as Record<Kind, Timing>;
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

/** Two workers ÷ one thread, private steps. */
interface Scaling {
  readonly workload: Workload;
  readonly batch: number;
  readonly ratio: number;
  /** The same for two threads that share nothing: what the machine's second core is worth. */
  readonly ceiling: number;
}

async function measureWorkload(workload: Workload): Promise<{ rows: Row[]; scaling: Scaling[] }> {
  const plan = compilePlan(nets[workload]);
  const dataset = shareDataset(datasetOf(workload));
  const parameters = initializeParameters(plan, rng);
  const into = new Float64Array(plan.parameterCount);
  const loops = measureLoops(workload, plan, dataset);
  const engine = createEngine(plan);
  const parallel = await createParallelEngine(plan, { workers: 2 });
  const apart = await Promise.all([1, 2].map(() => createParallelEngine(plan, { workers: 1 })));
  const rows: Row[] = [];
  const scaling: Scaling[] = [];
  const batches = BATCHES[workload];
  for (const batch of batches) {
    const indices = drawSample(batch);
    const plain = { parameters, dataset, indices, clipNorm: Infinity, into };
    const clipped = { ...plain, clipNorm: 1 };
    const halves = apart.map((one, i) => {
      const half = shareDataset(dataset.subset(indices.filter((_, at) => at % 2 === i)));
      const all = Uint32Array.from({ length: half.size }, (_, row) => row);
      const request = { parameters, dataset: half, indices: all, clipNorm: 1, into: new Float64Array(into.length) };
      return () => one.clippedSum(request);
    });
    const times = await measure({
      plainOne: () => engine.clippedSum(plain),
      privateOne: () => engine.clippedSum(clipped),
      plainTwo: () => parallel.clippedSum(plain),
      privateTwo: () => parallel.clippedSum(clipped),
      privateApart: () => Promise.all(halves.map((half) => half())),
    });
    const row = (mode: Row['mode'], workers: number, stepMs: number, spentMs: number): Row => ({
      workload,
      mode,
      workers,
      batch,
      examplesPerSecond: Math.round((batch / stepMs) * 1000),
      cpuMsPerStep: Number(spentMs.toFixed(3)),
      speedupOverLoops: Number((((batch / stepMs) * 1000) / loops).toFixed(1)),
    });
    for (const [mode, one, two] of [
      ['plain', times.plainOne, times.plainTwo],
      ['private', times.privateOne, times.privateTwo],
    ] as const) {
      if (batch === batches[0]) rows.push(row(mode, 1, one.cpuMs, one.cpuMs));
      else if (batch === batches.at(-1))
        rows.push(row(mode, 1, one.wallMs, one.cpuMs), row(mode, 2, two.wallMs, two.cpuMs));
    }
    const one = times.privateOne.wallMs;
    const ratio = one / times.privateTwo.wallMs;
    scaling.push({ workload, batch, ratio, ceiling: one / times.privateApart.wallMs });
  }
  await Promise.all([parallel, ...apart].map((each) => each.close()));
  return { rows, scaling };
}

function print(machine: string, rows: readonly Row[], scaling: readonly Scaling[]): void {
  console.log(`${machine}\n`);
  console.log(
    'net   mode     workers  batch  examples/s  CPU ms/step  × loops  × Opacus hooks  × Opacus ghost  private ÷ plain',
  );
  for (const row of rows) {
    const { workload, workers, batch } = row;
    const twin = rows.find(
      (r) => r.workload === workload && r.workers === workers && r.batch === batch && r.mode === 'plain',
    );
    const ratio = (twin?.examplesPerSecond ?? Number.NaN) / row.examplesPerSecond;
    const peers = opacus[workload];
    console.log(
      [
        workload.padEnd(5),
        row.mode.padEnd(8),
        String(workers).padStart(7),
        String(batch).padStart(6),
        String(row.examplesPerSecond).padStart(11),
        row.cpuMsPerStep.toFixed(2).padStart(12),
        row.speedupOverLoops.toFixed(1).padStart(8),
        (row.examplesPerSecond / peers.hooks).toFixed(1).padStart(15),
        (row.examplesPerSecond / peers.ghost).toFixed(1).padStart(15),
        row.mode === 'private' ? ratio.toFixed(2).padStart(16) : '',
      ].join(' '),
    );
  }
  console.log('');
  for (const { workload, batch, ratio, ceiling } of scaling) {
    console.log(
      `${workload}: two workers are ${ratio.toFixed(2)} × one thread on steps of ${batch} ` +
        `(two threads that share nothing: ${ceiling.toFixed(2)} ×)`,
    );
  }
  console.log(
    '\nOpacus: PyTorch 1.13 and Opacus 1.4.0 (hooks) and 1.5.4 (ghost), one thread of a Xeon of the same kind.',
  );
}

const machine = describeMachine();
const rows: Row[] = [];
const scaling: Scaling[] = [];
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;
for (const workload of Object.keys(nets) as Workload[]) {
  if (only !== undefined && workload !== only) continue;
  const measured = await measureWorkload(workload);
  rows.push(...measured.rows);
  scaling.push(...measured.scaling);
}
const text = JSON.stringify({ machine, rows, scaling }, undefined, 2);
if (process.argv.includes('--save') && only === undefined)
  writeFileSync(new URL('./results/engine.json', import.meta.url), `${text}\n`);
if (process.argv.includes('--json')) console.log(text);
else print(machine, rows, scaling);
