/**
 * The command line as processes that go on: `sotto serve` and `sotto join` beside a test.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A command that runs. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  readonly printed: () => string;
  /** The first line of standard output. */
  readonly firstLine: Promise<string>;
  readonly ended: Promise<number>;
}

/** Starts `sotto …` from the checkout. */
export function startCommand(args: readonly string[], env: Record<string, string> = {}): RunningCommand {
  const child = spawn(process.execPath, ['bin/sotto.mjs', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let complaints = '';
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const end = printed.indexOf('\n');
      if (end >= 0) resolve(printed.slice(0, end));
    });
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    child.on('exit', (code) => reject(new Error(`sotto ${args[0]} ended with ${code}: ${complaints}`)));
  });
  firstLine.catch(() => {});
  const ended = new Promise<number>((resolve) => {
    child.on('exit', (code) => resolve(code ?? -1));
  });
  return { child, printed: () => printed + complaints, firstLine, ended };
}
