/**
 * The engine on several cores: blocks of a sample are dealt out to workers, each with its own engine and ordinary memory,
 * and their sums are added. Blocks are sums on one grid, so the result has the same bits whatever the number of workers
 * and whoever computes what.
 *
 * @module
 */

import { createWorkerPool, type WorkerEntry } from '../../foundations/kernels/index.ts';
import { createDataset, type Dataset, type DatasetFields } from '../data/index.ts';
import type { Block } from './blocks.ts';
import {
  assertFiniteSum,
  blockSample,
  clippingOf,
  evaluationOf,
  rowAt,
  seedOf,
  type BlockedSample,
  type ClippedSum,
  type ClippedSumRequest,
  type EngineOptions,
  type Evaluation,
  type ForwardRequest,
} from './engine.ts';
import { assertAugmentation } from './augmentation.ts';
import { EVALUATION_ROWS } from './scoring.ts';
import type { EngineAnswer, EngineRequest, PickedRows, Shard } from './engine-protocol.ts';
import { assertFits } from './fit.ts';
import type { Plan } from './plan.ts';

/** Where the workers' module is; a page's bundler finds it by the first form. */
export const engineWorker: WorkerEntry = {
  inBrowser: () => new Worker(new URL('./engine-worker.ts', import.meta.url), { type: 'module' }),
  inNode: () => new URL(/* @vite-ignore */ './engine-worker.ts', import.meta.url),
};

/** An engine whose work is done by workers; the calling thread stays free. */
export interface ParallelEngine {
  readonly plan: Plan;
  readonly workers: number;
  /** As {@link Engine.clippedSum}, with the same bits. */
  clippedSum(request: ClippedSumRequest): Promise<ClippedSum>;
  /** As {@link Engine.evaluate}. */
  evaluate(request: ForwardRequest): Promise<Evaluation>;
  /** As {@link Engine.predict}. */
  predict(request: ForwardRequest): Promise<Float32Array>;
  /** Ends the workers. */
  close(): Promise<void>;
}

/** Rows that are copied to one worker at a time. */
const SHARD_ROWS = 4096;
/** Data sets in shared memory that workers keep at hand: one to train on, one to test on. */
const PLACES = 2;

/**
 * Starts workers for a plan.
 * @param options - `workers`; the rest as for {@link createEngine}. `sharedMemory`: exchange parameters and sums through
 * shared memory; by default wherever the platform has it.
 * @throws {WorkerError} when a worker does not start.
 */
export async function createParallelEngine(
  plan: Plan,
  {
    workers,
    frozen = new Float32Array(0),
    augmentation = { views: 1 },
    sharedMemory = typeof SharedArrayBuffer !== 'undefined',
  }: EngineOptions & { workers: number; sharedMemory?: boolean },
): Promise<ParallelEngine> {
  if (frozen.length !== plan.frozenCount) {
    throw new RangeError(`"frozen" must hold ${plan.frozenCount} numbers, got ${frozen.length}`);
  }
  assertAugmentation(plan, augmentation);
  const pool = createWorkerPool<EngineRequest, EngineAnswer>(engineWorker, { size: workers });
  const shared = sharedMemory
    ? {
        parameters: new SharedArrayBuffer(4 * plan.parameterCount),
        sums: pool.threads.map(() => new SharedArrayBuffer(8 * plan.parameterCount)),
      }
    : undefined;
  const sums = shared?.sums.map((buffer) => new Float64Array(buffer));
  /** The data sets the workers have in shared memory, and which place is given away next. */
  const placed: (Dataset | undefined)[] = [];
  let nextPlace = 0;
  /** One step at a time: the workers' memory belongs to it. */
  let last: Promise<unknown> = Promise.resolve();

  async function open(): Promise<void> {
    await settleAll(
      pool.threads.map((thread, i) =>
        thread.ask({
          kind: 'open',
          model: plan.model,
          frozen,
          augmentation,
          shared: shared && { parameters: shared.parameters, sum: shared.sums[i] as SharedArrayBuffer },
        }),
      ),
    );
  }

  /** Puts the parameters where the workers find them; returns what has to go with a message. */
  function publish(parameters: Float32Array): Float32Array | undefined {
    if (parameters.length !== plan.parameterCount) {
      throw new RangeError(`"parameters" must hold ${plan.parameterCount} numbers, got ${parameters.length}`);
    }
    if (shared === undefined) return parameters;
    new Float32Array(shared.parameters).set(parameters);
    return undefined;
  }

  /** Makes sure that workers have a data set, if it is in shared memory. */
  async function place(dataset: Dataset): Promise<void> {
    if (!isShared(dataset) || placed.includes(dataset)) return;
    const at = nextPlace;
    nextPlace = (nextPlace + 1) % PLACES;
    placed[at] = undefined;
    const fields = fieldsOf(dataset);
    await settleAll(pool.threads.map((thread) => thread.ask({ kind: 'share', place: at, fields })));
    placed[at] = dataset;
  }

  /** Rows as a message to a worker has them, and the buffers that go along with it. */
  function pick(dataset: Dataset, rows: Uint32Array): { picked: PickedRows; transfer: Transferable[] } {
    const at = placed.indexOf(dataset);
    if (at >= 0) return { picked: { place: at, rows }, transfer: [] };
    const picked = fieldsOf(dataset.subset(rows));
    return { picked, transfer: [picked.inputs.buffer as ArrayBuffer] };
  }

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function sumShare(
    worker: number,
    { sample, blocks }: { sample: BlockedSample; blocks: readonly Block[] },
    first: { parameters: Float32Array | undefined; begin: Begin },
  ): Promise<Extract<EngineAnswer, { kind: 'sum' }>> {
    const thread = pool.threads[worker] as (typeof pool.threads)[number];
    // What is in shared memory need not be copied, and goes at once.
    const parts = placed.includes(sample.dataset) ? [blocks] : splitByRows(blocks, SHARD_ROWS);
    let answer: EngineAnswer = { kind: 'ready' };
    for (const [i, part] of parts.entries()) {
      const { rows, identities, counts } = cutShard(sample, part);
      const { picked, transfer } = pick(sample.dataset, rows);
      answer = await thread.ask(
        {
          kind: 'sum',
          parameters: i === 0 ? first.parameters : undefined,
          begin: i === 0 ? first.begin : undefined,
          shard: { picked, identities, counts },
          end: i === parts.length - 1,
        },
        transfer,
      );
    }
    return answer as Extract<EngineAnswer, { kind: 'sum' }>;
  }

  /** Asks for rows in pieces, one at a time of each worker; answers in the order of the rows. */
  function look<Kind extends 'score' | 'outputs'>(
    request: ForwardRequest,
    kind: 'evaluate' | 'predict',
  ): Promise<Extract<EngineAnswer, { kind: Kind }>[]> {
    const { dataset, indices } = request;
    assertFits(plan, dataset, { labels: kind === 'evaluate' });
    return inTurn(async () => {
      const parameters = publish(request.parameters);
      await place(dataset);
      const total = indices?.length ?? dataset.size;
      const answers: EngineAnswer[] = [];
      let next = 0;
      const work = async (thread: (typeof pool.threads)[number]): Promise<void> => {
        while (next < total) {
          const from = next;
          next += EVALUATION_ROWS;
          const rows = Uint32Array.from({ length: Math.min(EVALUATION_ROWS, total - from) }, (_, i) =>
            rowAt(dataset, indices, from + i),
          );
          const { picked, transfer } = pick(dataset, rows);
          answers[from / EVALUATION_ROWS] = await thread.ask({ kind, parameters, picked }, transfer);
        }
      };
      await settleAll(pool.threads.map(work));
      return answers as Extract<EngineAnswer, { kind: Kind }>[];
    });
  }

  const engine: ParallelEngine = {
    plan,
    workers,
    clippedSum(request) {
      const sample = blockSample(plan, request);
      const begin = { clipping: clippingOf(request), stepSeed: seedOf(plan, augmentation, request.stepSeed) };
      return inTurn(async () => {
        const parameters = publish(request.parameters);
        await place(sample.dataset);
        const shares = dealBlocks(sample.blocks, workers);
        const answers = await settleAll(
          shares.map((blocks, i) => sumShare(i, { sample, blocks }, { parameters, begin })),
        );
        const into = request.into ?? new Float64Array(plan.parameterCount);
        addUp(
          answers.map(({ sum }, i) => sum ?? (sums?.[i] as Float64Array)),
          into,
        );
        if (answers.some(({ finite }) => !finite)) assertFiniteSum(false);
        return { sum: into, nonFinite: answers.reduce((total, { nonFinite }) => total + nonFinite, 0) };
      });
    },
    async evaluate(request) {
      const scores = await look<'score'>(request, 'evaluate');
      const count = request.indices?.length ?? request.dataset.size;
      return evaluationOf(plan, { scores, count });
    },
    async predict(request) {
      const parts = await look<'outputs'>(request, 'predict');
      const out = new Float32Array((request.indices?.length ?? request.dataset.size) * plan.outputWidth);
      for (const [i, { outputs }] of parts.entries()) out.set(outputs, i * EVALUATION_ROWS * plan.outputWidth);
      return out;
    },
    close: () => pool.close(),
  };
  try {
    await open();
  } catch (error) {
    await pool.close();
    throw error;
  }
  return engine;
}

interface Begin {
  readonly clipping: ReturnType<typeof clippingOf>;
  readonly stepSeed: bigint;
}

/** Deals blocks out, the largest first, each to whoever has the fewest rows. Nobody without a block is asked. */
function dealBlocks(blocks: readonly Block[], workers: number): Block[][] {
  const shares = Array.from({ length: workers }, () => ({ rows: 0, blocks: [] as Block[] }));
  for (const block of blocks.toSorted((a, b) => b.count - a.count)) {
    const share = shares.reduce((least, other) => (other.rows < least.rows ? other : least));
    share.blocks.push(block);
    share.rows += block.count;
  }
  return shares.map((share) => share.blocks).filter((share) => share.length > 0);
}

function splitByRows(blocks: readonly Block[], limit: number): Block[][] {
  const parts: Block[][] = [];
  let rows = limit;
  for (const block of blocks) {
    rows += block.count;
    if (rows > limit) {
      parts.push([]);
      rows = block.count;
    }
    parts.at(-1)?.push(block);
  }
  return parts;
}

/** Picks the rows of some blocks out of a sample. */
function cutShard(
  { rows, identities }: BlockedSample,
  blocks: readonly Block[],
): Pick<Shard, 'identities' | 'counts'> & { readonly rows: Uint32Array } {
  const counts = Uint32Array.from(blocks, ({ count }) => count);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const cut = (from: Uint32Array): Uint32Array => {
    const out = new Uint32Array(total);
    let at = 0;
    for (const block of blocks) {
      out.set(from.subarray(block.from, block.from + block.count), at);
      at += block.count;
    }
    return out;
  };
  const picked = cut(rows);
  // Most samples go by their row numbers: the same array twice is sent once.
  return { rows: picked, identities: identities === rows ? picked : cut(identities), counts };
}

/**
 * Waits until everything is over, and only then passes on what failed: no worker is still at what was given up when the
 * next step begins.
 */
async function settleAll<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

const isShared = ({ inputs }: Dataset): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && inputs.buffer instanceof SharedArrayBuffer;

/**
 * Copies a data set into shared memory, so that workers read the examples of a step where they are. Without shared memory
 * (a page that is not cross-origin isolated) it returns the data set as it is, and steps send their examples.
 */
export function shareDataset(dataset: Dataset): Dataset {
  if (typeof SharedArrayBuffer === 'undefined' || isShared(dataset)) return dataset;
  const share = <Values extends Dataset['inputs'] | Dataset['labels']>(values: Values): Values => {
    const copy = new (values.constructor as new (buffer: SharedArrayBuffer) => Values)(
      new SharedArrayBuffer(values.byteLength),
    );
    copy.set(values);
    return copy;
  };
  return createDataset({ ...fieldsOf(dataset), inputs: share(dataset.inputs), labels: share(dataset.labels) });
}

/** The plain fields of a data set, for a message. */
export function fieldsOf({
  inputs,
  inputShape,
  labels,
  inputScale,
  inputOffset,
  labelWidth,
  classes,
}: Dataset): DatasetFields {
  return { inputs, inputShape, labels, inputScale, inputOffset, labelWidth, classes };
}

function addUp(parts: readonly Float64Array[], into: Float64Array): void {
  const [first, second, ...rest] = parts;
  if (first === undefined) into.fill(0);
  else if (second === undefined) into.set(first);
  else for (let j = 0; j < into.length; j += 1) into[j] = (first[j] as number) + (second[j] as number);
  for (const part of rest) {
    for (let j = 0; j < into.length; j += 1) into[j] = (into[j] as number) + (part[j] as number);
  }
}
