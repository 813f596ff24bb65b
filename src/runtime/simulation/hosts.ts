/**
 * The hosts of a simulation, seen from the main thread: participants spread over worker threads.
 *
 * @module
 */

import * as nodeModule from 'node:module';

import { startWorker } from '../../foundations/kernels/index.ts';
import type { Dataset, DatasetFields } from '../../learning/data/index.ts';
import type { TaskFile } from '../task/index.ts';
import type { SimulatedAssistants } from './assistants.ts';
import type { SimulatedIdentities } from './identities.ts';
import type { HostAnswer, HostedParticipant, HostRequest, HostSeconds, TimedAnswer } from './host-protocol.ts';

/** Participants that a host is given between two words about how far it is. */
const ENROLLED_AT_ONCE = 20;

/** Score on the public test data. */
export interface Score {
  readonly accuracy: number;
  /** Mean over the examples. */
  readonly loss: number;
}

/** All hosts together. */
export interface Hosts {
  /** Hands a participant its message; resolves to what it sends back. */
  deliver(to: string, bytes: Uint8Array): Promise<{ replies: readonly Uint8Array[]; refusal?: string }>;
  evaluate(parameters: Float32Array): Promise<Score>;
  /** Thread seconds so far, summed over hosts. */
  seconds(): HostSeconds;
}

/** One worker with its open requests. */
export interface HostThread {
  ask(request: HostRequest): Promise<HostAnswer>;
  seconds(): HostSeconds | undefined;
  /** Hands a message over; the same one again, for somebody else, is not copied again. */
  deliver(to: string, bytes: Uint8Array): Promise<HostAnswer>;
  close(): Promise<void>;
}

/** Workers that load their code while the data is still being read; {@link startHosts} gives them something to do. */
export interface HostThreads {
  readonly threads: readonly HostThread[];
  close(): Promise<void>;
}

/** Starts the threads of hosts. */
export function startHostThreads(count: number): HostThreads {
  // What this thread has compiled of the code they share, they need not compile again.
  nodeModule.flushCompileCache?.();
  const threads = Array.from({ length: count }, startHost);
  return { threads, close: async () => void (await Promise.all(threads.map((thread) => thread.close()))) };
}

function startHost(): HostThread {
  const thread = startWorker<HostRequest, TimedAnswer>({
    inBrowser: () => {
      throw new TypeError('a simulation runs in Node');
    },
    inNode: () => new URL('./host-worker.ts', import.meta.url),
  });
  let latest: HostSeconds | undefined;
  let delivered: Uint8Array | undefined;
  const ask = async (request: HostRequest): Promise<HostAnswer> => {
    const { answer, seconds } = await thread.ask(request);
    latest = seconds ?? latest;
    return answer;
  };
  return {
    ask,
    deliver(to, bytes) {
      const again = bytes === delivered;
      delivered = bytes;
      return ask({ kind: 'deliver', to, ...(again ? {} : { bytes }) });
    },
    seconds: () => latest,
    close: () => thread.close(),
  };
}

/** Rows [start, end) of a data set, as plain fields that a worker can be sent. */
function slice(dataset: Dataset, start: number, end: number): DatasetFields {
  return fields(dataset.subset(Uint32Array.from({ length: end - start }, (_, i) => start + i)));
}

function fields({ inputs, inputShape, labels, inputScale, inputOffset, labelWidth, classes }: Dataset): DatasetFields {
  return { inputs, inputShape, labels, inputScale, inputOffset, labelWidth, classes };
}

/**
 * Sets the hosts up: participants are dealt out so that each host gets about the same number of examples.
 * @param options - `parts` are the row indices of each participant, in the order of `ids`.
 */
export async function startHosts({
  task,
  seed,
  ids,
  parts,
  train,
  test,
  threads,
  assistants,
  identities,
  onStarted = () => {},
}: {
  task: TaskFile;
  seed: string | undefined;
  ids: readonly string[];
  parts: readonly Uint32Array[];
  train: Dataset;
  test: Dataset;
  threads: readonly HostThread[];
  assistants?: SimulatedAssistants | undefined;
  identities?: SimulatedIdentities | undefined;
  /** Called with the number of participants that are ready so far. */
  onStarted?: (started: number) => void;
}): Promise<Hosts> {
  const shares = threads
    .slice(0, ids.length)
    .map((host) => ({ host, examples: 0, participants: [] as HostedParticipant[] }));
  const home = new Map<string, (typeof shares)[number]>();
  const bySize = ids
    .map((id, i) => ({ id, part: parts[i] as Uint32Array }))
    .toSorted((a, b) => b.part.length - a.part.length);
  for (const { id, part } of bySize) {
    const share = shares.reduce((least, each) => (each.examples < least.examples ? each : least));
    share.examples += part.length;
    share.participants.push({
      id,
      data: fields(train.subset(part)),
      identitySeed: identities?.of.get(id)?.seed ?? assistants?.identitySeeds.get(id),
      certificate: identities?.of.get(id)?.certificate,
    });
    home.set(id, share);
  }
  let started = 0;
  await Promise.all(
    shares.map(async ({ host, participants }, i) => {
      const cut = (k: number): number => Math.floor((test.size * k) / shares.length);
      const setup = {
        task,
        seed,
        assistantKeys: assistants?.keys,
        admission: identities?.admission,
        test: slice(test, cut(i), cut(i + 1)),
      };
      await host.ask({ kind: 'setup', setup });
      for (let at = 0; at < participants.length; at += ENROLLED_AT_ONCE) {
        const some = participants.slice(at, at + ENROLLED_AT_ONCE);
        await host.ask({ kind: 'enroll', participants: some });
        onStarted((started += some.length));
      }
    }),
  );
  return {
    async deliver(to, bytes) {
      const answer = await home.get(to)?.host.deliver(to, bytes);
      if (answer?.kind !== 'replies') throw new Error('a host gave an answer of the wrong kind');
      return answer;
    },
    async evaluate(parameters) {
      const answers = await Promise.all(shares.map(({ host }) => host.ask({ kind: 'evaluate', parameters })));
      let correct = 0;
      let count = 0;
      let loss = 0;
      for (const answer of answers) {
        if (answer.kind !== 'score') throw new Error('a host gave an answer of the wrong kind');
        correct += answer.correct;
        count += answer.count;
        loss += answer.loss * answer.count;
      }
      return { accuracy: correct / count, loss: loss / count };
    },
    seconds() {
      const total = { gradients: 0, noise: 0, protocol: 0, evaluation: 0, setup: 0 };
      for (const { host } of shares) {
        const part = host.seconds();
        if (part === undefined) continue;
        for (const key of Object.keys(total) as (keyof HostSeconds)[]) total[key] += part[key];
      }
      return total;
    },
  };
}
