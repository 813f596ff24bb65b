/**
 * The worker that hosts participants: each is a real client with its own data, keys and coins.
 *
 * @module
 */

import { prepareAssistance } from '../../federation/rounds/index.ts';
import { decodeMessage } from '../../federation/wire/index.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { serveRequests } from '../../foundations/kernels/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSeededRng, createSystemRng, type Rng } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../../learning/data/index.ts';
import { createEngine, type Engine } from '../../learning/models/index.ts';
import { createParticipant, type Participant } from '../client/index.ts';
import { createSecAggSetup, type SecAggSetup } from '../../secure/secagg/index.ts';
import { type Contributor, createContributor, planRun, type RunPlan } from '../training/index.ts';
import { prepareLazily } from './lazy-features.ts';
import type {
  HostAnswer,
  HostedParticipant,
  HostRequest,
  HostSeconds,
  HostSetup,
  TimedAnswer,
} from './host-protocol.ts';

interface Host {
  readonly participants: ReadonlyMap<string, Participant>;
  readonly contributors: readonly Contributor[];
  readonly enroll: (participants: readonly HostedParticipant[]) => void;
  readonly engine: Engine;
  /** The public test data with its features, computed when it is first asked for: the first round need not wait. */
  readonly test: () => Dataset;
  /** The model that is evaluated: personal layers as everybody started with them. */
  readonly complete: (parameters: Float32Array) => Float32Array;
}

let host: Host | undefined;
/** The last message: an offer goes to everybody, and is read once. */
let last: { readonly bytes: Uint8Array; message?: ReturnType<typeof decodeMessage> } | undefined;

function decodeOnce(bytes: Uint8Array): ReturnType<typeof decodeMessage> {
  return last?.bytes === bytes ? (last.message ??= decodeMessage(bytes)) : decodeMessage(bytes);
}

const busy = { setup: 0, delivery: 0, evaluation: 0 };

/** The generator of one attempt: fresh entropy, or in a seeded simulation a fork that names participant and attempt. */
function attemptRng(seed: string | undefined, id: string, attempt: number): Rng {
  return seed === undefined
    ? createSystemRng()
    : createSeededRng(`simulation/${seed}`).fork(`participant/${id}/attempt/${attempt}`);
}

/** Keys of the whole task, where its masks come from such. */
function setupOf(
  { aggregation }: RunPlan['plan'],
  { taskId, seed, id }: { taskId: string; seed: string | undefined; id: string },
): SecAggSetup | undefined {
  if (aggregation.kind !== 'secagg' || aggregation.setup === 'round') return undefined;
  const rng =
    seed === undefined ? createSystemRng() : createSeededRng(`simulation/${seed}`).fork(`participant/${id}/setup`);
  return createSecAggSetup({ taskId, rng });
}

async function setUp({ task, seed, assistantKeys, admission, test }: HostSetup): Promise<Host> {
  const testData = createDataset(test);
  const { layers, plan, personal, prepare, taskId } = planRun(task, testData);
  const engine = createEngine(layers);
  const assistance = await prepareAssistance(plan, assistantKeys);
  const contributors: Contributor[] = [];
  const hosted = new Map<string, Participant>();
  function enroll({ id, data, identitySeed, certificate }: HostedParticipant): void {
    const raw = createDataset(data);
    // A participant that trains on everything it has needs all of the features at once.
    const isLazy = task.features !== undefined && plan.update === undefined && raw.size > 0;
    const own = isLazy ? prepareLazily(raw, prepare, engine) : { engine, dataset: prepare(raw) };
    const contributor = createContributor({ id, plan, personal, ...own });
    contributors.push(contributor);
    const rng = ({ attempt }: { attempt: number }): Rng => attemptRng(seed, id, attempt);
    const identity = identitySeed && {
      signingKey: createSigningKey(identitySeed),
      ...(certificate && { certificate }),
    };
    const security = {
      assistance,
      setup: setupOf(plan, { taskId, seed, id }),
      ...(identity && { identity }),
      ...(admission && { policy: { admission, requireMaliciousSecurity: true } }),
    };
    hosted.set(id, createParticipant({ id, taskId, plan, contributor, rng, security, decode: decodeOnce }));
  }
  let prepared: Dataset | undefined;
  return {
    participants: hosted,
    contributors,
    enroll: (participants) => participants.forEach(enroll),
    engine,
    test: () => (prepared ??= prepare(testData)),
    complete: (parameters) => personal?.complete(parameters) ?? parameters,
  };
}

async function answer(request: HostRequest): Promise<HostAnswer> {
  if (request.kind === 'setup') {
    host = await setUp(request.setup);
    return { kind: 'ready' };
  }
  if (host === undefined) throw new Error('the host has not been set up');
  if (request.kind === 'enroll') {
    host.enroll(request.participants);
    return { kind: 'ready' };
  }
  if (request.kind === 'evaluate') {
    const { correct, count, loss } = host.engine.evaluate({
      parameters: host.complete(request.parameters),
      dataset: host.test(),
    });
    return { kind: 'score', correct, count, loss };
  }
  const participant = host.participants.get(request.to);
  if (participant === undefined) throw new Error('the participant lives on another host');
  try {
    if (request.bytes !== undefined) last = { bytes: request.bytes };
    if (last === undefined) throw new Error('nothing was delivered before');
    return { kind: 'replies', replies: (await participant.receive(last.bytes)).map(ownBytes) };
  } catch (error) {
    if (!(error instanceof SottoError)) throw error;
    return { kind: 'replies', replies: [], refusal: `${error.code}: ${error.message}` };
  }
}

function secondsSoFar(): HostSeconds {
  const gradients = host?.contributors.reduce((sum, { seconds }) => sum + seconds.gradients, 0) ?? 0;
  const noise = host?.contributors.reduce((sum, { seconds }) => sum + seconds.noise, 0) ?? 0;
  return {
    gradients,
    noise,
    protocol: busy.delivery - gradients - noise,
    evaluation: busy.evaluation,
    setup: busy.setup,
  };
}

/** A copy that fills its buffer, so that it can be handed over whole. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

const PART = { setup: 'setup', enroll: 'setup', deliver: 'delivery', evaluate: 'evaluation' } as const;

/** Requests are answered one after another: one participant's work never interleaves with another's. */
serveRequests<HostRequest, TimedAnswer>(async (request) => {
  const start = performance.now();
  try {
    const result = await answer(request);
    const transfer = result.kind === 'replies' ? result.replies.map(({ buffer }) => buffer as ArrayBuffer) : [];
    busy[PART[request.kind]] += (performance.now() - start) / 1000;
    const seconds = request.kind === 'deliver' ? undefined : secondsSoFar();
    return { answer: { answer: result, ...(seconds && { seconds }) }, transfer };
  } catch (error) {
    busy[PART[request.kind]] += (performance.now() - start) / 1000;
    throw error;
  }
});
