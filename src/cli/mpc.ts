/**
 * `sotto mpc`: computing on shares. `sum` adds vectors of parties so that only the sum is opened, `predict` evaluates the
 * model of a run on data that its owner does not see.
 *
 * @module
 */

import { Command } from 'commander';

import { createSystemRng } from '../foundations/random/index.ts';
import { createEngine, type Plan } from '../learning/models/index.ts';
import { secureSum } from '../secure/mpc/index.ts';
import { UsageError } from './exit-codes.ts';
import { checkSum, measurementInput, type PartyJob } from './party-jobs.ts';
import { runPartyProcesses } from './party-processes.ts';
import {
  assertEnough,
  planOf,
  readModel,
  readRunTask,
  readTestData,
  secureLayersOf,
  type TrainedModel,
} from './secure-layers.ts';

/** Reads a whole number in a range. */
export function integerOption(
  text: string,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new UsageError(`${name} must be an integer in [${min}, ${max}], got ${text}`);
  return value;
}

/** Prints a report: JSON alone, or one line a number. */
export function printReport(report: Readonly<Record<string, unknown>>, json: boolean | undefined): void {
  if (json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else {
    const width = Math.max(...Object.keys(report).map(({ length }) => length));
    for (const [name, value] of Object.entries(report)) {
      process.stdout.write(`${name.padEnd(width)}  ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
    }
  }
}

/** Creates the command. */
export function createMpcCommand(): Command {
  const command = new Command('mpc').description('Compute on shares: nobody sees an input, only the result is opened.');
  command
    .command('sum')
    .description('sum random vectors of several parties, and compare with the exact sum')
    .option('--parties <count>', 'parties', '3')
    .option('--entries <count>', 'entries of a vector', '1000')
    .option('--fraction-bits <count>', 'binary digits after the point', '16')
    .option('--processes', 'one process a party, over HTTP on loopback, instead of all in this one')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action((options: SumOptions) => runSum(options));
  command
    .command('predict')
    .description(
      'predict test images on shares with the model of a run: model owner, data owner and dealer in processes of their own',
    )
    .argument('<run>', 'run folder with model.safetensors')
    .option('--images <count>', 'test images', '100')
    .option('--batch <count>', 'images evaluated together', '100')
    .option('--parties <count>', 'computing parties, 2 or 3, beside the dealer', '2')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action((folder: string, options: PredictOptions) => runPredict(folder, options));
  return command;
}

interface SumOptions {
  readonly parties: string;
  readonly entries: string;
  readonly fractionBits: string;
  readonly processes?: boolean;
  readonly json?: boolean;
}

async function runSum(options: SumOptions): Promise<void> {
  const parties = integerOption(options.parties, '--parties', { min: 3, max: 64 });
  const entries = integerOption(options.entries, '--entries', { min: 1, max: 2 ** 26 });
  const fractionBits = integerOption(options.fractionBits, '--fraction-bits', { min: 0, max: 40 });
  const seed = 'sotto mpc sum';
  if (options.processes === true) {
    const job: PartyJob = { kind: 'sum', clampRange: 1, fractionBits, local: { seed, entries } };
    const names = Array.from({ length: parties }, (_, i) => `party ${i}`);
    const reports = await runPartyProcesses(
      seed,
      names.map((name) => ({ name, job })),
    );
    const numbers = (key: string) => reports.map((report) => report[key] as number);
    printReport(
      {
        exact: reports.every(({ exact }) => exact === true),
        maxError: Math.max(...numbers('maxError')),
        seconds: Math.max(...numbers('seconds')),
        bytesPerParty: Math.max(...numbers('bytesPerParty')),
        bytes: reports[0]?.bytes,
        parties,
        entries,
        rounds: 2,
        transport: 'HTTP between processes on loopback, sealed',
        trust: reports[0]?.trust,
      },
      options.json,
    );
    return;
  }
  const inputs = Array.from({ length: parties }, (_, party) => measurementInput(`${seed}/${party}`, entries));
  const started = performance.now();
  const [result] = await secureSum(inputs, { clampRange: 1, fractionBits }, createSystemRng());
  const seconds = (performance.now() - started) / 1000;
  if (result?.sum === undefined) throw new UsageError('there is no party to read the sum');
  printReport(
    {
      ...checkSum(result.sum, inputs, fractionBits),
      seconds,
      bytesPerParty: result.bytes.shares + result.bytes.opening,
      bytes: result.bytes,
      parties,
      entries,
      rounds: result.rounds,
      transport: 'in one process',
      trust: result.trust,
    },
    options.json,
  );
}

interface PredictOptions {
  readonly images: string;
  readonly batch: string;
  readonly parties: string;
  readonly json?: boolean;
}

async function runPredict(path: string, options: PredictOptions): Promise<void> {
  const images = integerOption(options.images, '--images', { min: 1, max: 100_000 });
  const batch = integerOption(options.batch, '--batch', { min: 1, max: 10_000 });
  const parties = integerOption(options.parties, '--parties', { min: 2, max: 3 });
  const { task, folder } = readRunTask(path);
  const dataset = await readTestData(task, folder, { count: images });
  assertEnough(dataset, images);
  const plan = planOf(task, dataset.inputShape);
  const { layers } = secureLayersOf(plan);
  const open = { kind: 'predict', layers, modelOwner: 0, dataOwner: 1, images, batch, open: 'labels' } as const;
  const endpoints = [
    { name: 'model owner', job: { ...open, local: { model: folder } } },
    { name: 'data owner', job: { ...open, local: { data: folder } } },
    ...(parties === 3 ? [{ name: 'helper', job: { ...open, local: {} } }] : []),
    { name: 'dealer', job: { ...open, local: {} } },
  ];
  const reports = await runPartyProcesses(
    `sotto mpc predict ${Date.now()}`,
    endpoints as { name: string; job: PartyJob }[],
  );
  const [modelOwner, dataOwner] = reports as [Record<string, unknown>, Record<string, unknown>];
  const labels = dataOwner.labels as number[];
  const plain = predictInClear(plan, readModel(folder, plan), dataset, images);
  const agreeing = plain.filter((label, i) => label === labels[i]).length;
  const right = labels.filter((label, i) => label === dataset.labels[i]).length;
  const seconds = Math.max(modelOwner.seconds as number, dataOwner.seconds as number);
  printReport(
    {
      images,
      agreement: agreeing / images,
      accuracy: right / images,
      seconds,
      millisecondsPerImage: (seconds * 1000) / images,
      cpuMillisecondsPerImage: (((modelOwner.cpuSeconds as number) + (dataOwner.cpuSeconds as number)) * 1000) / images,
      bytesPerImage: dataOwner.bytesPerImage,
      dealerBytesPerImage: dataOwner.dealerBytesPerImage,
      bytesOnce: Math.max(modelOwner.bytesOnce as number, dataOwner.bytesOnce as number),
      rounds: dataOwner.rounds,
      batches: Math.ceil(images / batch),
      layers: layers.map(({ kind }) => kind),
      trust: dataOwner.trust,
    },
    options.json,
  );
}

/** The labels the model gives in the clear. */
export function predictInClear(
  plan: Plan,
  model: TrainedModel,
  dataset: Parameters<ReturnType<typeof createEngine>['predict']>[0]['dataset'],
  images: number,
): number[] {
  const parameters = new Float32Array(plan.parameterCount);
  for (const { name, offset } of plan.parameters) parameters.set(model.tensors.get(name) as Float32Array, offset);
  const indices = Uint32Array.from({ length: images }, (_, i) => i);
  const outputs = createEngine(plan).predict({ parameters, dataset, indices });
  return Array.from({ length: images }, (_, row) => {
    const scores = outputs.subarray(row * plan.outputWidth, (row + 1) * plan.outputWidth);
    return scores.indexOf(Math.max(...scores));
  });
}
