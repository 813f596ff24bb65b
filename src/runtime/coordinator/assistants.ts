/**
 * The coordinator's side of a task whose sums need parties beside it: their keys, which participants are told, and the
 * questions put to them over HTTP. What a request asks for is opened by them alone; here it is bytes.
 *
 * @module
 */

import {
  type Assistance,
  type AssistantKeys,
  assertAssistantsPinned,
  prepareAssistance,
  type TaskPlan,
} from '../../federation/rounds/index.ts';
import { fromHex, sha256, toHex } from '../../foundations/crypto/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import type { TaskFile } from '../task/index.ts';
import { CoordinatorError } from './errors.ts';

/** The assistants of one served task. */
export interface ServedAssistants {
  /** What the machine of an attempt works with. */
  helpFor(cohort: readonly string[]): Promise<{
    readonly assistance: Assistance | undefined;
    readonly roster: ReadonlyMap<string, Uint8Array>;
  }>;
  /**
   * Asks an assistant, again and again while it cannot be reached, until the stage is over.
   * @throws {@link CoordinatorError} `coordinator/assistant-refused`, `coordinator/assistant-unreachable`.
   */
  ask(assistant: string, request: Uint8Array, cohort: readonly string[]): Promise<Uint8Array>;
  /** The public key of an assistant. @throws {@link CoordinatorError} `coordinator/unknown-participant`. */
  publicKey(assistant: string): Uint8Array;
  /** Gives up whatever is being asked. */
  close(): void;
}

/** Time between two tries, and for the key of a holder. */
const RETRY_MS = 200;
const KEY_TIMEOUT_MS = 15_000;
/** A serialised public key; the largest is some megabytes. */
const MAX_KEY_BYTES = 64 * 2 ** 20;

/** Addresses by assistant. @throws {@link CoordinatorError} `coordinator/wrong-state` naming what is missing. */
function urlsOf(task: TaskFile): ReadonlyMap<string, string> {
  const { aggregation } = task.privacy;
  const named =
    aggregation.kind === 'shares'
      ? aggregation.servers
      : aggregation.kind === 'homomorphic'
        ? [aggregation.holder]
        : [];
  return new Map(
    named.map(({ name, url }) => {
      if (url !== undefined) return [name, url.replace(/\/+$/, '')];
      throw new CoordinatorError(
        'coordinator/wrong-state',
        `a served task needs the address of ${name}: run "sotto party assist TASK --name ${name}" where it lives, and put ` +
          'its url into the task file',
      );
    }),
  );
}

/** The holder's key, from its address at first and from the objects ever after; the task pins its digest. */
async function keyOfHolder(
  { keyDigest, url }: { readonly keyDigest: string; readonly url: string },
  { objects, key }: { readonly objects: ObjectStore; readonly key: string },
): Promise<Uint8Array> {
  const known = await objects.get(key).catch(() => undefined);
  if (known !== undefined && toHex(sha256(known)) === keyDigest) return known;
  let bytes: Uint8Array;
  try {
    const response = await fetch(`${url}/key`, { signal: AbortSignal.timeout(KEY_TIMEOUT_MS) });
    if (!response.ok || Number(response.headers.get('content-length') ?? 0) > MAX_KEY_BYTES)
      throw new Error(`status ${response.status}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new CoordinatorError(
      'coordinator/assistant-unreachable',
      `the key holder at ${url} does not give its public key: start "sotto party assist" there first`,
      { cause, retryable: true },
    );
  }
  if (toHex(sha256(bytes)) !== keyDigest) {
    throw new CoordinatorError(
      'coordinator/wrong-state',
      `the key holder at ${url} has another key than the task pins: put keyDigest ${toHex(sha256(bytes))} into the task file`,
    );
  }
  await objects.put(key, bytes);
  return bytes;
}

/**
 * Prepares the assistants of a task; undefined where its sums need none.
 * @param options - `identityKeys`: identity keys of the task's participants, by participant.
 * @throws {@link CoordinatorError} when the task names no keys or addresses, or the holder of a key is not there.
 */
export async function createServedAssistants({
  id,
  task,
  plan,
  objects,
  identityKeys,
}: {
  readonly id: string;
  readonly task: TaskFile;
  readonly plan: TaskPlan;
  readonly objects: ObjectStore;
  readonly identityKeys: (participants: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;
}): Promise<ServedAssistants | undefined> {
  const { aggregation } = plan;
  if (aggregation.kind !== 'shares' && aggregation.kind !== 'homomorphic') return undefined;
  assertAssistantsPinned(plan);
  const urls = urlsOf(task);
  const publicKeys: Record<string, Uint8Array> = {};
  if (aggregation.kind === 'shares') {
    for (const { name, publicKey } of aggregation.servers) publicKeys[name] = fromHex(publicKey ?? '');
  } else {
    const { name, keyDigest } = aggregation.holder;
    const url = urls.get(name) ?? '';
    const key = `tasks/${id}/assistants/${name}`;
    publicKeys[name] = await keyOfHolder({ keyDigest: keyDigest ?? '', url }, { objects, key });
  }
  const keys: AssistantKeys = { publicKeys };
  const assistance = await prepareAssistance(plan, keys);
  const over = new AbortController();

  /** One try. Undefined when it is worth another. */
  async function post(url: string, path: string, body: string | Uint8Array, signal: AbortSignal): Promise<Response> {
    const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream';
    const sent = typeof body === 'string' ? body : body.slice();
    return fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': type }, body: sent, signal });
  }

  return {
    async helpFor(cohort) {
      return { assistance, roster: await identityKeys(cohort) };
    },
    async ask(assistant, request, cohort) {
      const url = urls.get(assistant) ?? '';
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(aggregation.stageTimeoutMs)]);
      // An assistant that takes the coordinator's word for who takes part hears it here; any other has its own list.
      const roster = JSON.stringify([...(await identityKeys(cohort)).values()].map((key) => toHex(key)));
      for (;;) {
        let cause: unknown;
        try {
          await (await post(url, '/roster', roster, signal)).body?.cancel();
          const response = await post(url, '/assist', request, signal);
          if (response.ok) return new Uint8Array(await response.arrayBuffer());
          const problem = (await response.json().catch(() => ({}))) as { type?: string; detail?: string };
          if (response.status < 500) {
            throw new CoordinatorError(
              'coordinator/assistant-refused',
              `${assistant} refused: ${problem.detail ?? `status ${response.status}`}`,
              { details: { type: problem.type ?? 'unknown' } },
            );
          }
          cause = new Error(problem.type ?? `status ${response.status}`);
        } catch (error) {
          if (error instanceof CoordinatorError) throw error;
          cause = error;
        }
        if (!signal.aborted) await pause(RETRY_MS, signal);
        if (signal.aborted) {
          throw new CoordinatorError('coordinator/assistant-unreachable', `${assistant} at ${url} was not reached`, {
            cause,
            retryable: true,
          });
        }
      }
    },
    publicKey(assistant) {
      const key = Object.hasOwn(publicKeys, assistant) ? publicKeys[assistant] : undefined;
      if (key === undefined)
        throw new CoordinatorError('coordinator/unknown-participant', `the task has no assistant ${assistant}`);
      return key;
    },
    close: () => over.abort(),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
