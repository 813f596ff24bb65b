/**
 * What differs in Electron, without Electron: its main process is Node on BoringSSL, a window with Node in it has threads
 * that do not start, a sandboxed window is a page (see browser-safe.test.ts), and whoever trains beside the windows does so
 * in a thread without a DOM.
 */
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { createDatabaseFolder } from '../../../test/harness/database-folder.ts';
import { smallTask } from '../../../test/harness/small-task.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { serve } from '../coordinator/index.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
  Reflect.deleteProperty(process, 'type');
});

const real = process.getBuiltinModule.bind(process);

describe('in the main process of Electron', () => {
  it.each<[string, (crypto: typeof import('node:crypto')) => Partial<typeof import('node:crypto')>]>([
    ['has no X25519', () => ({ diffieHellman: refuse })],
    ['cannot import an Ed25519 key', () => ({ createPrivateKey: refuse })],
    ['takes every signature', () => ({ verify: (() => true) as never })],
    ['takes a key of small order', () => ({ diffieHellman: () => Buffer.alloc(32) })],
  ])('primitives come from noble where the platform %s', async (_what, change) => {
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
      name === 'node:crypto' ? { ...real('node:crypto'), ...change(real('node:crypto')) } : real(name)) as never);
    vi.resetModules();
    const { createSigningKey, cryptoProvider, verifySignature } = await import('../../foundations/crypto/index.ts');
    expect(cryptoProvider().name).toBe('noble');
    const key = createSigningKey(readEntropy(32));
    const signature = key.sign(Uint8Array.of(1));
    expect(verifySignature(key.publicKey, Uint8Array.of(1), signature)).toBe(true);
    expect(verifySignature(key.publicKey, Uint8Array.of(2), signature)).toBe(false);
  });

  it('primitives come from the platform where it does all of them', async () => {
    vi.resetModules();
    expect((await import('../../foundations/crypto/index.ts')).cryptoProvider().name).toBe('node');
  });
});

describe('in a window of Electron', () => {
  it.each(['renderer', 'worker'])('with Node in it (process.type %s) web workers are started', async (type) => {
    Object.defineProperty(process, 'type', { value: type, configurable: true });
    vi.resetModules();
    const { startWorker } = await import('../../foundations/kernels/index.ts');
    const listeners = new Map<string, (event: { data: unknown }) => void>();
    const worker = {
      addEventListener: (name: string, listener: (event: { data: unknown }) => void) => listeners.set(name, listener),
      postMessage: ({ id, request }: { id: number; request: number }) =>
        listeners.get('message')?.({ data: { id, answer: request + 1 } }),
      terminate: () => {},
    };
    const thread = startWorker<number, number>({
      inBrowser: () => worker as unknown as globalThis.Worker,
      inNode: () => {
        throw new Error('The V8 platform used by this instance of Node does not support creating Workers');
      },
    });
    expect(await thread.ask(1)).toBe(2);
    await thread.close();
  });
});

describe('in a thread beside the windows', () => {
  it('four participants, without a DOM, train a task to its end', async () => {
    const folder = await createDatabaseFolder();
    const served = await serve({
      folder,
      host: '127.0.0.1',
      port: 0,
      factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
      log: () => {},
    });
    const { id } = (await served.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 15_000 }))).status();
    const kinds = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => {
        const { token } = await served.service.invite(id);
        const thread = new Worker(new URL('../../../test/harness/participant-thread.ts', import.meta.url), {
          workerData: { url: served.url, taskId: id, token, name, seed: readEntropy(32) },
        });
        const told: string[] = [];
        thread.on('message', (kind: string) => told.push(kind));
        await new Promise<void>((resolve, reject) => {
          thread.on('error', reject);
          thread.on('exit', () => resolve());
        });
        return told;
      }),
    );
    for (const told of kinds) expect(told).toEqual(['joined', 'round', 'ended']);
    await served.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

function refuse(): never {
  throw new Error('error:06000065:public key routines:OPENSSL_internal:UNSUPPORTED_ALGORITHM');
}
