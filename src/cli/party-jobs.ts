/**
 * What a party can be asked to do: a sum, or predictions of a network on shares. The public part is equal for all
 * parties; `local` is this party's own.
 *
 * @module
 */

import { z } from 'zod';

import { createAgreementKey, sha256, type SigningKey, toHex, utf8 } from '../foundations/crypto/index.ts';
import { createSeededRng, type Rng } from '../foundations/random/index.ts';
import { createRing, decodeRing, encodeRing } from '../foundations/vector/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import {
  connectDealer,
  createAggregationServer,
  type Contribution,
  countTraffic,
  createMpcSession,
  joinSecureSum,
  joinServerSums,
  loadSecureModel,
  type PartyChannel,
  runDealer,
  type SecureLayer,
  type SecureSumOptions,
  splitForServers,
} from '../secure/mpc/index.ts';
import { UsageError } from './exit-codes.ts';
import { readJson } from './read-document.ts';
import {
  assertEnough,
  inputsOf,
  planOf,
  readModel,
  readRunTask,
  readTestData,
  secureLayersOf,
} from './secure-layers.ts';

const count = z.int().positive();
const pair = z.tuple([z.int().nonnegative(), z.int().nonnegative()]).readonly();
const image = { channels: count, height: count, width: count };

const layerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dense'), inputs: count, outputs: count }),
  z.strictObject({
    kind: z.literal('convolution'),
    ...image,
    filters: count,
    kernel: pair,
    stride: pair,
    padding: pair,
  }),
  z.strictObject({ kind: z.literal('relu') }),
  z.strictObject({ kind: z.literal('tanh') }),
  z.strictObject({ kind: z.literal('maxPool'), ...image, size: pair, stride: pair }),
  z.strictObject({ kind: z.literal('averagePool'), ...image, size: pair, stride: pair }),
]) satisfies z.ZodType<SecureLayer>;

const sumSchema = z.strictObject({
  kind: z.literal('sum'),
  clampRange: z.number().positive(),
  fractionBits: z.int().min(0).max(52).default(16),
  readers: z.array(z.int().nonnegative()).optional(),
  minParties: count.optional(),
  noise: z
    .strictObject({ clipNorm: z.number().positive(), noiseMultiplier: z.number().positive(), honestParties: count })
    .optional(),
  local: z.union([
    /** JSON: a number, an array, or an object of columns. */
    z.strictObject({ input: z.string() }),
    /** Pseudorandom input, for measurements: everybody can check the sum. */
    z.strictObject({ seed: z.string(), entries: count }),
  ]),
});

const predictSchema = z.strictObject({
  kind: z.literal('predict'),
  layers: z.array(layerSchema).min(1),
  modelOwner: z.int().nonnegative(),
  dataOwner: z.int().nonnegative(),
  images: count,
  batch: count,
  open: z.enum(['labels', 'scores']).default('labels'),
  local: z
    .strictObject({
      /** Run folder whose model this party owns. */
      model: z.string().optional(),
      /** Run folder whose test data this party owns. */
      data: z.string().optional(),
    })
    .default({}),
});

const aggregateSchema = z.strictObject({
  kind: z.literal('aggregate'),
  /** The first endpoints are the servers, the others contribute. */
  servers: z.int().min(2),
  /** Fewest contributors of a sum. */
  threshold: z.int().min(2),
  taskId: z.string().min(1),
  round: z.int().nonnegative(),
  entries: count,
  bitWidth: z.int().min(2).max(32),
  local: z
    .strictObject({
      /** JSON array of integers: a contributor's, noise included. */
      input: z.string().optional(),
    })
    .default({}),
});

const vector = z.array(z.number());
const contributionSchema = z.union(
  [z.number(), vector, z.record(z.string(), z.union([z.number(), vector]))],
  'must be a number, an array of numbers, or an object of such columns',
);

/** A job as a configuration declares it. */
export const jobSchema = z.discriminatedUnion('kind', [sumSchema, predictSchema, aggregateSchema]);
export type PartyJob = z.infer<typeof jobSchema>;

/** What a party reports; numbers and openings meant for it. */
export type PartyReport = Readonly<Record<string, unknown>>;

/** The endpoints, and who this one is. */
export interface PartyContext {
  readonly names: readonly string[];
  /** Identity keys by endpoint. */
  readonly keys: readonly Uint8Array[];
  readonly identity: SigningKey;
  readonly rng: Rng;
}

/** Runs a job to its end. The parties of an aggregation are servers and contributors; all must be there. */
export function runJob(channel: PartyChannel, job: PartyJob, about: PartyContext): Promise<PartyReport> {
  switch (job.kind) {
    case 'sum':
      return runSum(channel, job, about.rng);
    case 'predict':
      return runPredict(channel, job, about);
    case 'aggregate':
      return runAggregate(channel, job, about);
  }
}

/** Entries in ±1 that follow from a seed: odd multiples of 2^−32, so that none lies halfway between two grid points. */
export function measurementInput(seed: string, entries: number): Float64Array {
  const bytes = createSeededRng(seed).bytes(4 * entries);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, entries);
  return Float64Array.from(words, (word) => (2 * word + 1) / 2 ** 32);
}

/** Compares a sum with the exact one: of the inputs on the grid, and of the inputs. */
export function checkSum(
  sum: ArrayLike<number>,
  inputs: readonly Float64Array[],
  fractionBits: number,
): { readonly exact: boolean; readonly maxError: number } {
  const scale = 2 ** fractionBits;
  let exact = true;
  let maxError = 0;
  for (let i = 0; i < sum.length; i += 1) {
    let real = 0;
    let grid = 0;
    for (const input of inputs) {
      real += input[i] as number;
      grid += Math.round((input[i] as number) * scale);
    }
    if (Math.abs((sum[i] as number) * scale - grid) > 1e-9) exact = false;
    maxError = Math.max(maxError, Math.abs((sum[i] as number) - real));
  }
  return { exact, maxError };
}

async function runSum(channel: PartyChannel, job: Extract<PartyJob, { kind: 'sum' }>, rng: Rng): Promise<PartyReport> {
  const { local, clampRange, fractionBits, readers, minParties, noise } = job;
  const input =
    'input' in local
      ? readInput<Contribution>(local.input, contributionSchema)
      : measurementInput(`${local.seed}/${channel.endpoint}`, local.entries);
  const options: SecureSumOptions = {
    clampRange,
    fractionBits,
    ...(readers && { readers }),
    ...(minParties !== undefined && { minParties }),
    ...(noise && { noise }),
  };
  const started = performance.now();
  const result = await joinSecureSum(channel, input, options, rng);
  const seconds = (performance.now() - started) / 1000;
  const report = {
    job: 'sum',
    parties: result.parties,
    seconds,
    bytesPerParty: result.bytes.shares + result.bytes.opening,
    bytes: result.bytes,
    rounds: result.rounds,
    trust: result.trust,
    ...(result.transcript && { transcript: toHex(result.transcript) }),
  };
  if (result.sum === undefined) return report;
  if ('input' in local) return { ...report, maxError: result.maxError, sum: plainOf(result.sum) };
  const inputs = Array.from({ length: result.parties }, (_, party) =>
    measurementInput(`${local.seed}/${party}`, local.entries),
  );
  return { ...report, ...checkSum(result.sum as Float64Array, inputs, fractionBits) };
}

function readInput<T>(path: string, schema: z.ZodType<T>): T {
  return readJson(new TextDecoder().decode(readFileOf(path, 'input')), { path, schema });
}

function plainOf(sum: unknown): unknown {
  if (sum instanceof Float64Array) return [...sum];
  if (typeof sum !== 'object' || sum === null) return sum;
  return Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, plainOf(value)]));
}

async function runPredict(
  channel: PartyChannel,
  job: Extract<PartyJob, { kind: 'predict' }>,
  { names, rng }: PartyContext,
): Promise<PartyReport> {
  const parties = channel.endpoints - 1;
  if (channel.endpoint === parties) {
    const counted = countTraffic(channel);
    await runDealer(counted, rng);
    return { job: 'predict', role: 'dealer', bytesSent: counted.traffic().bytesSent };
  }
  const { layers, modelOwner, dataOwner, images, batch, open } = job;
  const { weights, inputs } = await readSecrets(channel.endpoint, job);
  const preprocessing = await connectDealer(channel, { dealer: names[parties] as string, parties });
  const session = createMpcSession({ channel, parties, preprocessing }, rng);
  const started = performance.now();
  const cpu = process.cpuUsage();
  const model = await loadSecureModel(session, layers, { modelOwner, weights });
  const loading = session.cost();
  const loaded = performance.now();
  const labels: number[] = [];
  const scores: number[] = [];
  for (let from = 0; from < images; from += batch) {
    const size = Math.min(batch, images - from);
    const own = inputs?.subarray(from * model.inputs, (from + size) * model.inputs);
    const prediction = await model.predict(own, { batch: size, dataOwner, open });
    if (prediction?.kind === 'labels') labels.push(...prediction.labels);
    if (prediction?.kind === 'scores') scores.push(...prediction.scores);
  }
  const seconds = (performance.now() - loaded) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cost = session.cost();
  await preprocessing.finish();
  return {
    job: 'predict',
    role: channel.endpoint === dataOwner ? 'data owner' : channel.endpoint === modelOwner ? 'model owner' : 'helper',
    images,
    secondsLoading: (loaded - started) / 1000,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    rounds: cost.rounds - loading.rounds,
    bytesOnce: loading.bytesSent,
    bytesPerImage: (cost.bytesSent - loading.bytesSent) / images,
    dealerBytesPerImage: (cost.dealerBytes - loading.dealerBytes) / images,
    trust: session.trust,
    ...(labels.length > 0 && { labels }),
    ...(scores.length > 0 && { scores }),
  };
}

/** Reads what this party owns, and nothing else. */
async function readSecrets(
  endpoint: number,
  { modelOwner, dataOwner, images, local, layers }: Extract<PartyJob, { kind: 'predict' }>,
) {
  const own = (role: string, folder: string | undefined) => {
    if (folder === undefined) throw new UsageError(`the ${role} owner needs job.local.${role}: a run folder`);
    return readRunTask(folder);
  };
  let weights: ReturnType<ReturnType<typeof secureLayersOf>['weights']> | undefined;
  let inputs: Float64Array | undefined;
  if (endpoint === modelOwner) {
    const { task, folder } = own('model', local.model);
    const plan = planOf(task, (await readTestData(task, folder, { count: 1 })).inputShape);
    const joined = secureLayersOf(plan);
    if (JSON.stringify(joined.layers) !== JSON.stringify(layers))
      throw new UsageError('the model of the run folder has other layers than the job');
    weights = joined.weights(readModel(folder, plan));
  }
  if (endpoint === dataOwner) {
    const { task, folder } = own('data', local.data);
    const dataset = await readTestData(task, folder, { count: images });
    assertEnough(dataset, images);
    inputs = inputsOf(dataset, { from: 0, count: images });
  }
  return { weights, inputs };
}

/** One server or contributor of a sum by several servers. The first server reports the sum. */
async function runAggregate(
  channel: PartyChannel,
  job: Extract<PartyJob, { kind: 'aggregate' }>,
  { names, keys, identity, rng }: PartyContext,
): Promise<PartyReport> {
  const { servers, threshold, taskId, entries, bitWidth, local } = job;
  const { endpoint, endpoints } = channel;
  const ring = createRing({ bitWidth });
  const { local: _, ...open } = job;
  const round = { taskId, round: job.round, attempt: 0, configDigest: sha256(utf8(JSON.stringify(open))) };
  const serverIndices = Array.from({ length: servers }, (__, i) => i);
  const contributors = Array.from({ length: Math.max(0, endpoints - servers) }, (__, i) => servers + i);
  if (endpoint >= servers) {
    if (local.input === undefined)
      throw new UsageError('a contributor needs job.local.input: a JSON array of integers');
    const values = readInput(local.input, z.array(z.int()).length(entries, `must be ${entries} integers`));
    const limit = 2 ** (bitWidth - 1);
    if (values.some((value) => value < -limit || value >= limit))
      throw new UsageError(`${local.input} holds a number beyond ${bitWidth} bits`);
    const serverKeys: Uint8Array[] = [];
    for (const server of serverIndices) serverKeys.push(await channel.receive(server));
    const messages = splitForServers(
      encodeRing(Int32Array.from(values), ring),
      { ring, serverKeys, from: names[endpoint] as string, round, identity },
      rng,
    );
    await Promise.all(messages.map((message, server) => channel.send(server, message)));
    return { job: 'aggregate', role: 'contributor', bytesSent: messages.reduce((sum, { length }) => sum + length, 0) };
  }
  const privateKey = rng.bytes(32);
  const roster = new Map(contributors.map((from) => [names[from] as string, keys[from] as Uint8Array]));
  if (roster.size < contributors.length) throw new UsageError('every contributor needs a name of its own');
  const options = { ring, entries, servers, threshold, privateKey, roster, round };
  const server = createAggregationServer({ ...options, server: endpoint });
  const { publicKey } = createAgreementKey(privateKey);
  await Promise.all(contributors.map((to) => channel.send(to, publicKey)));
  for (const from of contributors) server.receive(names[from] as string, await channel.receive(from));
  const own = server.sum(server.contributors);
  if (endpoint > 0) {
    await channel.send(0, own);
    return { job: 'aggregate', role: 'server', contributors: server.contributors.length };
  }
  const sums = [own];
  for (const other of serverIndices.slice(1)) sums.push(await channel.receive(other));
  const sum = decodeRing(joinServerSums(sums, { ring, entries, servers }), ring);
  return {
    job: 'aggregate',
    role: 'server',
    contributors: server.contributors.length,
    sum: [...sum],
    trust: 'semi-honest servers; at least one outside any collusion',
  };
}
