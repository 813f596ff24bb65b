/**
 * Starts the command line as a user would, and gathers what a user sees.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a finished command left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `sotto …` from the checkout; `onStderr` sees standard error as it grows. */
export function startSotto(
  args: readonly string[],
  { onStderr }: { onStderr?: (text: string, child: ChildProcess) => void } = {},
): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, ['bin/sotto.mjs', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onStderr?.(stderr, child);
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
  return { child, finished };
}

/** Runs `sotto …` to its end. */
export function runSotto(...args: string[]): Promise<Finished> {
  return startSotto(args).finished;
}
