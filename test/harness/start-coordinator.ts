/**
 * A coordinator as a process of its own, to be killed.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('coordinator-process.ts', import.meta.url));

/** A started process. */
export interface StartedCoordinator {
  readonly child: ChildProcess;
  readonly ready: Promise<{ url: string; task: string; tokens: string[] }>;
  /** The signal it ended by. */
  readonly ended: Promise<NodeJS.Signals | null>;
}

/**
 * Starts a coordinator on `folder` and `port`.
 * @param task - text of the task that it creates when the folder has none.
 * @param env - variables beside those of the test.
 */
export function startCoordinator(
  folder: string,
  port: number,
  task: string,
  env: Readonly<Record<string, string>> = {},
): StartedCoordinator {
  const child = spawn(process.execPath, [program, folder, String(port)], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin?.end(task);
  let out = '';
  const ready = new Promise<{ url: string; task: string; tokens: string[] }>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n')) resolve(JSON.parse(out.slice(0, out.indexOf('\n'))) as never);
    });
    child.on('exit', () => reject(new Error('the coordinator ended before it was ready')));
  });
  ready.catch(() => {});
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('exit', (_code, signal) => resolve(signal));
  });
  return { child, ready, ended };
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
