/**
 * Commands of the command line, run in the process of the test.
 *
 * @module
 */

import { inspect } from 'node:util';

import type { Command } from 'commander';
import { vi } from 'vitest';

import { exitCodeOf } from '../../src/cli/exit-codes.ts';

/** How a command ended and what it printed, an error's whole text included. */
export interface Ended {
  readonly code: number;
  readonly out: string;
}

/** Runs a command with `args`, as a user would have typed them. */
export async function runCommand(command: Command, args: readonly string[]): Promise<Ended> {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  process.exitCode = 0;
  let code = 0;
  try {
    await command.exitOverride().parseAsync(args, { from: 'user' });
    code = Number(process.exitCode);
  } catch (error) {
    code = exitCodeOf(error);
    out += inspect(error);
  } finally {
    write.mockRestore();
    process.exitCode = 0;
  }
  return { code, out };
}
