/**
 * The one spawner of workers, for Node and for the browser, and the pool around it. One of the three side doors outside
 * `runtime/`: a room that wants workers passes its own entry point in and gets questions answered.
 *
 * @module
 */

import { SottoError } from '../numerics/index.ts';

/** A worker that could not start, ended, or threw. */
export class WorkerError extends SottoError<'kernels/worker-failed'> {}

/**
 * Where a worker's module is. Both forms are written out at the caller, for bundlers look for the first one literally and
 * would take the second for an asset without the comment:
 * ```ts
 * {
 *   inBrowser: () => new Worker(new URL('./my-worker.ts', import.meta.url), { type: 'module' }),
 *   inNode: () => new URL(/* @vite-ignore *\/ './my-worker.ts', import.meta.url),
 * }
 * ```
 */
export interface WorkerEntry {
  readonly inBrowser: () => Worker;
  readonly inNode: () => URL;
}

/** A running worker. */
export interface WorkerThread<Request, Answer> {
  /** Asks a question; questions are answered in order. @throws {WorkerError} when the worker fails or has ended. */
  ask(request: Request, transfer?: readonly Transferable[]): Promise<Answer>;
  /** Ends the worker; open questions are rejected. */
  close(): Promise<void>;
}

interface Envelope<Request> {
  readonly id: number;
  readonly request: Request;
}

type Reply<Answer> = { readonly id: number } & (
  | { readonly answer: Answer }
  | { readonly failure: { readonly name: string; readonly message: string } }
);

/** What both kinds of worker offer. */
interface Port {
  post(message: unknown, transfer: readonly Transferable[]): void;
  /** Keeps the process alive while there are open questions. */
  hold(busy: boolean): void;
  end(): Promise<void>;
}

interface Listener {
  message(data: unknown): void;
  failure(reason: unknown): void;
}

/**
 * Node's own threads, where there are any that work: a library may have put a global `Worker` of its own beside them, and a
 * page of Electron that has Node in it (`process.type` is `renderer`, or `worker` in its workers) can start web workers alone.
 */
function threadsOfNode(): typeof import('node:worker_threads') | undefined {
  // oxlint-disable-next-line no-restricted-globals
  const host = typeof process === 'undefined' ? undefined : (process as typeof process & { readonly type?: string });
  if (host?.type === 'renderer' || host?.type === 'worker') return undefined;
  return host?.getBuiltinModule?.('node:worker_threads');
}

/**
 * MiB of a thread's heap for what was made last. What workers make is short-lived, or lies outside of the heap; left to itself each
 * lets more than a hundred pile up before it clears away, for hardly any time won.
 */
const YOUNG_MIB = 24;

function openPort(entry: WorkerEntry, listener: Listener): Port {
  const threads = threadsOfNode();
  if (threads === undefined) {
    const worker = entry.inBrowser();
    worker.addEventListener('message', ({ data }) => listener.message(data));
    worker.addEventListener('error', (event) => listener.failure(event.message));
    worker.addEventListener('messageerror', () => listener.failure('a message could not be read'));
    return {
      post: (message, transfer) => worker.postMessage(message, [...transfer]),
      hold: () => undefined,
      end: () => Promise.resolve(worker.terminate()),
    };
  }
  const worker = new threads.Worker(entry.inNode(), { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } });
  worker.unref();
  worker.on('message', (data) => listener.message(data));
  worker.on('error', (error) => listener.failure(error));
  worker.on('messageerror', (error) => listener.failure(error));
  worker.on('exit', (code) => listener.failure(`it ended with code ${code}`));
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    post: (message, transfer) => worker.postMessage(message, transfer as never),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
}

/** Starts a worker whose module calls {@link serveRequests}. */
export function startWorker<Request, Answer>(entry: WorkerEntry): WorkerThread<Request, Answer> {
  const open = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let asked = 0;
  let broken: WorkerError | undefined;

  function failAll(reason: unknown): void {
    const cause = reason instanceof Error ? reason : undefined;
    const text = cause?.message ?? String(reason);
    broken ??= new WorkerError(
      'kernels/worker-failed',
      `a worker failed: ${text}`,
      cause === undefined ? {} : { cause },
    );
    for (const { reject } of open.values()) reject(broken);
    open.clear();
  }

  const port = openPort(entry, {
    failure: failAll,
    message(data) {
      const reply = data as Reply<Answer>;
      const question = open.get(reply.id);
      open.delete(reply.id);
      if (open.size === 0) port.hold(false);
      if ('answer' in reply) question?.resolve(reply.answer);
      else {
        const { name, message } = reply.failure;
        question?.reject(
          new WorkerError('kernels/worker-failed', `a worker failed: ${message}`, { details: { name } }),
        );
      }
    },
  });
  return {
    ask: (request, transfer = []) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) {
          reject(broken);
          return;
        }
        asked += 1;
        open.set(asked, { resolve, reject });
        port.hold(true);
        const envelope: Envelope<Request> = { id: asked, request };
        try {
          port.post(envelope, transfer);
        } catch (error) {
          open.delete(asked);
          reject(error as Error);
        }
      }),
    async close() {
      failAll('it was closed');
      await port.end();
    },
  };
}

/** Some workers with the same entry, each answering one question at a time. */
export interface WorkerPool<Request, Answer> {
  readonly threads: readonly WorkerThread<Request, Answer>[];
  /** Asks the first worker that is free. */
  run(request: Request, transfer?: readonly Transferable[]): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * Starts `size` workers.
 * @throws {RangeError} when `size` is not an integer in [1, 256].
 */
export function createWorkerPool<Request, Answer>(
  entry: WorkerEntry,
  { size }: { size: number },
): WorkerPool<Request, Answer> {
  if (!Number.isInteger(size) || size < 1 || size > 256) {
    throw new RangeError(`"size" must be an integer in [1, 256], got ${size}`);
  }
  const threads = Array.from({ length: size }, () => startWorker<Request, Answer>(entry));
  const idle = [...threads];
  const waiting: ((thread: WorkerThread<Request, Answer>) => void)[] = [];

  function release(thread: WorkerThread<Request, Answer>): void {
    const next = waiting.shift();
    if (next === undefined) idle.push(thread);
    else next(thread);
  }

  return {
    threads,
    async run(request, transfer) {
      const thread =
        idle.pop() ?? (await new Promise<WorkerThread<Request, Answer>>((resolve) => waiting.push(resolve)));
      try {
        return await thread.ask(request, transfer);
      } finally {
        release(thread);
      }
    },
    close: async () => void (await Promise.all(threads.map((thread) => thread.close()))),
  };
}

/** What a worker gives back. */
export interface Served<Answer> {
  readonly answer: Answer;
  /** Buffers handed over instead of copied. */
  readonly transfer?: readonly Transferable[];
  /** Work that the answer need not wait for. */
  readonly after?: () => void;
}

/**
 * Answers the questions that a worker is asked, one after the other. To be called once by the worker's module.
 * @param handle - may throw: the question is then rejected with the message, and the worker goes on.
 */
export function serveRequests<Request, Answer>(
  handle: (request: Request) => Served<Answer> | Promise<Served<Answer>>,
): void {
  const reply = openReply();
  let last: Promise<void> = Promise.resolve();

  async function serve({ id, request }: Envelope<Request>): Promise<void> {
    try {
      const { answer, transfer = [], after } = await handle(request);
      reply.post({ id, answer } satisfies Reply<Answer>, transfer);
      after?.();
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      reply.post({ id, failure: { name, message } } satisfies Reply<Answer>, []);
    }
  }

  reply.listen((data) => {
    last = last.then(() => serve(data as Envelope<Request>));
  });
}

function openReply(): {
  post(message: unknown, transfer: readonly Transferable[]): void;
  listen(onMessage: (data: unknown) => void): void;
} {
  if (typeof WorkerGlobalScope !== 'undefined' && globalThis instanceof WorkerGlobalScope) {
    const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
    return {
      post: (message, transfer) => scope.postMessage(message, [...transfer]),
      listen: (onMessage) => scope.addEventListener('message', ({ data }) => onMessage(data)),
    };
  }
  // oxlint-disable-next-line no-restricted-globals
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  if (parentPort === null) throw new TypeError('serveRequests belongs in a worker');
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    post: (message, transfer) => parentPort.postMessage(message, transfer as never),
    listen: (onMessage) => void parentPort.on('message', onMessage),
  };
}

/** Worker scopes, as far as they are used here; the DOM library knows pages only. */
declare const WorkerGlobalScope: (new () => unknown) | undefined;
interface DedicatedWorkerGlobalScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
}
