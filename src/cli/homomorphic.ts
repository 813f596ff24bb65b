/**
 * `sotto homomorphic`: computing on ciphertexts. `sum` adds encrypted vectors, `predict` answers encrypted questions with
 * the model of a run.
 *
 * @module
 */

import { Command, Option } from 'commander';

import { createSystemRng } from '../foundations/random/index.ts';
import {
  type AdditiveContext,
  createBfv,
  createBgv,
  createCkks,
  createEncryptedInference,
  createPaillier,
  createPaillierPool,
  type DenseWeights,
  fitActivation,
  type PolynomialActivation,
  type SchemeName,
  type SchemeTypes,
} from '../secure/homomorphic/index.ts';
import type { SecureLayer, SecureWeights } from '../secure/mpc/index.ts';
import { startPaillierWorkers } from '../runtime/drivers/index.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption, predictInClear, printReport } from './mpc.ts';
import { checkSum, measurementInput } from './party-jobs.ts';
import {
  assertEnough,
  inputsOf,
  planOf,
  readModel,
  readRunTask,
  readTestData,
  secureLayersOf,
} from './secure-layers.ts';

/** Creates the command. */
export function createHomomorphicCommand(): Command {
  const command = new Command('homomorphic').description(
    'Compute on ciphertexts: only the holder of the key reads the result.',
  );
  command
    .command('sum')
    .description('encrypt random vectors of several parties, add them, and compare with the exact sum')
    .addOption(new Option('--scheme <name>', 'scheme').choices(['ckks', 'bfv', 'bgv', 'paillier']).default('ckks'))
    .option('--parties <count>', 'parties', '5')
    .option('--entries <count>', 'entries of a vector', '1000')
    .option('--fraction-bits <count>', 'binary digits after the point: the grid', '20')
    .option('--key-bits <count>', 'Paillier modulus: 2048, 3072 or 4096', '2048')
    .option('--workers <count>', 'worker threads for Paillier', '1')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action((options: SumOptions) => runSum(options));
  command
    .command('predict')
    .description('answer encrypted test images with the model of a run: a linear model, or one hidden layer')
    .argument('<run>', 'run folder with model.safetensors')
    .option('--images <count>', 'test images', '10')
    .option('--range <number>', 'range of the hidden units’ arguments that the activation is fitted to', '4')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action((folder: string, options: PredictOptions) => runPredict(folder, options));
  return command;
}

interface SumOptions {
  readonly scheme: SchemeName;
  readonly parties: string;
  readonly entries: string;
  readonly fractionBits: string;
  readonly keyBits: string;
  readonly workers: string;
  readonly json?: boolean;
}

async function runSum(options: SumOptions): Promise<void> {
  const parties = integerOption(options.parties, '--parties', { min: 1, max: 10_000 });
  const entries = integerOption(options.entries, '--entries', { min: 1, max: 2 ** 24 });
  const fractionBits = integerOption(options.fractionBits, '--fraction-bits', { min: 0, max: 40 });
  const keyBits = Number(options.keyBits);
  if (keyBits !== 2048 && keyBits !== 3072 && keyBits !== 4096)
    throw new UsageError(`--key-bits must be 2048, 3072 or 4096, got ${options.keyBits}`);
  const workers = integerOption(options.workers, '--workers', { min: 1, max: 64 });
  const needs = { clampRange: 1, fractionBits, addends: parties };
  if (options.scheme === 'ckks')
    return sumWith(await createCkks({ ...needs, entries }), { parties, entries, fractionBits }, options);
  if (options.scheme === 'bfv')
    return sumWith(await createBfv({ ...needs, entries }), { parties, entries, fractionBits }, options);
  if (options.scheme === 'bgv')
    return sumWith(await createBgv({ ...needs, entries }), { parties, entries, fractionBits }, options);
  const pool = workers > 1 ? createPaillierPool(startPaillierWorkers(workers)) : undefined;
  try {
    await sumWith(
      createPaillier({ ...needs, keyBits, rng: createSystemRng(), ...(pool && { pool }) }),
      { parties, entries, fractionBits },
      options,
    );
  } finally {
    pool?.close();
  }
}

async function sumWith<T extends SchemeTypes<SchemeName>>(
  context: AdditiveContext<T>,
  {
    parties,
    entries,
    fractionBits,
  }: { readonly parties: number; readonly entries: number; readonly fractionBits: number },
  options: SumOptions,
): Promise<void> {
  const note = (text: string) => {
    if (options.json !== true && process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}`);
  };
  const inputs = Array.from({ length: parties }, (_, party) =>
    measurementInput(`sotto homomorphic sum/${party}`, entries),
  );
  const seconds = { keys: 0, encrypt: 0, add: 0, decrypt: 0 };
  const timed = async <R>(phase: keyof typeof seconds, body: () => Promise<R> | R): Promise<R> => {
    const started = performance.now();
    const result = await body();
    seconds[phase] += (performance.now() - started) / 1000;
    return result;
  };
  const keys = await timed('keys', () => context.createKeys());
  let sum: T['vector'] | undefined;
  let bytesPerParty = 0;
  for (const [party, input] of inputs.entries()) {
    const onProgress = (done: number, total: number) =>
      note(`party ${party + 1} of ${parties}: ${done} of ${total} ciphertexts`);
    const vector = await timed('encrypt', () => context.encrypt(input, keys.publicKey, { onProgress }));
    const bytes = context.serialize(vector);
    bytesPerParty = Math.max(bytesPerParty, bytes.length);
    const received = context.parse(bytes);
    sum = sum === undefined ? received : await timed('add', () => context.add(sum as T['vector'], received));
  }
  const decrypted = await timed('decrypt', () => context.decrypt(sum as T['vector'], keys.secretKey));
  note('');
  printReport(
    {
      ...checkSum(decrypted, inputs, fractionBits),
      seconds: seconds.encrypt + seconds.add + seconds.decrypt,
      bytesPerParty,
      secondsEncryptPerParty: seconds.encrypt / parties,
      secondsAdd: seconds.add,
      secondsDecrypt: seconds.decrypt,
      secondsKeys: seconds.keys,
      scheme: context.scheme,
      parameters: context.description,
      parties,
      entries,
      trust: 'the key holder does not collude with whoever stores single ciphertexts',
    },
    options.json,
  );
}

interface PredictOptions {
  readonly images: string;
  readonly range: string;
  readonly json?: boolean;
}

/** A dense layer with its weights turned: one row an output. */
function denseOf(layer: SecureLayer, weights: SecureWeights | undefined): DenseWeights {
  if (layer.kind !== 'dense' || weights === undefined) throw new UsageError('encrypted inference takes dense layers');
  const { inputs, outputs } = layer;
  const turned = Float64Array.from(
    { length: inputs * outputs },
    (_, i) => weights.weights[(i % inputs) * outputs + Math.floor(i / inputs)] as number,
  );
  return { inputs, outputs, weights: turned, bias: weights.bias };
}

function activationOf(kind: string | undefined, range: number): PolynomialActivation {
  if (kind === 'tanh') return fitActivation(Math.tanh, { kind: 'oddCubic', range });
  if (kind === 'relu') return fitActivation((x) => Math.max(0, x), { kind: 'quadratic', range });
  throw new UsageError(`encrypted inference takes relu or tanh between two dense layers, not ${kind}`);
}

async function runPredict(path: string, options: PredictOptions): Promise<void> {
  const images = integerOption(options.images, '--images', { min: 1, max: 10_000 });
  const range = Number(options.range);
  if (!(range > 0)) throw new UsageError(`--range must be a number > 0, got ${options.range}`);
  const { task, folder } = readRunTask(path);
  const dataset = await readTestData(task, folder, { count: images });
  assertEnough(dataset, images);
  const plan = planOf(task, dataset.inputShape);
  const model = readModel(folder, plan);
  const joined = secureLayersOf(plan);
  const kinds = joined.layers.map(({ kind }) => kind);
  const weights = joined.weights(model);
  const dense = joined.layers.flatMap((layer, i) => (layer.kind === 'dense' ? [denseOf(layer, weights[i])] : []));
  const [first, second] = dense;
  if (first === undefined || !['dense', 'dense,relu,dense', 'dense,tanh,dense'].includes(kinds.join())) {
    throw new UsageError(
      `encrypted inference takes one dense layer, or two around relu or tanh; this model has ${kinds.join(', ')}`,
    );
  }
  const inference = await createEncryptedInference({
    inputs: first.inputs,
    outputs: (second ?? first).outputs,
    ...(second && { hidden: { units: first.outputs, activation: activationOf(kinds[1], range) } }),
  });
  const started = performance.now();
  const keys = inference.createKeys();
  const secondsKeys = (performance.now() - started) / 1000;
  const prepared = inference.prepare(dense);
  const seconds = { encrypt: 0, evaluate: 0, decrypt: 0 };
  const labels: number[] = [];
  const inputs = inputsOf(dataset, { from: 0, count: images });
  let bytes = { query: 0, answer: 0 };
  for (let i = 0; i < images; i += 1) {
    const times = [performance.now()];
    const query = inference.encrypt(inputs.subarray(i * first.inputs, (i + 1) * first.inputs), keys.publicKey);
    times.push(performance.now());
    const answer = prepared.evaluate(query, keys.evaluationKeys);
    times.push(performance.now());
    const scores = inference.decrypt(answer, keys.secretKey);
    times.push(performance.now());
    const [t0, t1, t2, t3] = times as [number, number, number, number];
    seconds.encrypt += (t1 - t0) / 1000;
    seconds.evaluate += (t2 - t1) / 1000;
    seconds.decrypt += (t3 - t2) / 1000;
    labels.push(scores.indexOf(Math.max(...scores)));
    bytes = { query: query.chunks[0]?.length ?? 0, answer: answer.chunks[0]?.length ?? 0 };
  }
  const plain = predictInClear(plan, model, dataset, images);
  printReport(
    {
      images,
      agreement: labels.filter((label, i) => label === plain[i]).length / images,
      accuracy: labels.filter((label, i) => label === dataset.labels[i]).length / images,
      secondsPerImage: (seconds.encrypt + seconds.evaluate + seconds.decrypt) / images,
      secondsEvaluate: seconds.evaluate / images,
      secondsKeys,
      bytesQuery: bytes.query,
      bytesAnswer: bytes.answer,
      bytesEvaluationKeys:
        (keys.evaluationKeys.rotation?.length ?? 0) + (keys.evaluationKeys.relinearization?.length ?? 0),
      rotations: inference.rotations,
      parameters: inference.description,
      trust:
        'the owner of the model sees ciphertexts only; the one who asks learns the scores, and no more is promised for the model',
    },
    options.json,
  );
}
