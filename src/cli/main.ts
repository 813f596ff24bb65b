/**
 * The command line: `sotto COMMAND`. One file a command; this one has the asked one loaded and turns errors into one clear
 * line and an exit code.
 *
 * @module
 */

import { CommanderError } from 'commander';

import { SottoError } from '../foundations/numerics/index.ts';
import { createProgram } from './commands.ts';
import { exitCodeOf, explainSystemError } from './exit-codes.ts';

// Whoever reads only the first lines, as `head` does, has what they wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  const program = await createProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.exitCode = exitCodeOf(error);
    const said = error instanceof SottoError ? error.message : explainSystemError(error);
    if (said !== undefined) console.error(said);
    else console.error('sotto failed, and this is a defect of sotto:', error);
  }
}
