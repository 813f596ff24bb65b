/**
 * The command line: `sotto COMMAND`. One file a command; this one gathers them and turns errors into one clear line
 * and an exit code.
 *
 * @module
 */

import { Command, CommanderError } from 'commander';

import { SottoError } from '../foundations/numerics/index.ts';
import { createAttestCommand } from './attest.ts';
import { createCardCommand } from './card.ts';
import { createEvaluateCommand } from './evaluate.ts';
import { exitCodeOf } from './exit-codes.ts';
import { createExportCommand } from './export.ts';
import { createHomomorphicCommand } from './homomorphic.ts';
import { createJoinCommand } from './join.ts';
import { createModelCommand } from './model.ts';
import { createInitCommand } from './init.ts';
import { createKeysCommand } from './keys.ts';
import { createKeystoreCommand } from './keystore.ts';
import { createLineageCommand } from './lineage.ts';
import { createLogCommand } from './log.ts';
import { createMpcCommand } from './mpc.ts';
import { createOpenCommand } from './open.ts';
import { createOperateCommands } from './operate.ts';
import { createPackageCommand } from './package.ts';
import { createPiiCommand } from './pii.ts';
import { createPredictCommand } from './predict.ts';
import { createPrepareCommand } from './prepare.ts';
import { createPartyCommand } from './party.ts';
import { createPrivacyCommand } from './privacy.ts';
import { createRunCommand } from './run.ts';
import { createSecaggCommand } from './secagg.ts';
import { createServeCommand } from './serve.ts';
import { createServeModelCommand } from './serve-model.ts';
import { createTrainCommand } from './train.ts';
import { createVerifyCommand } from './verify.ts';
import { version } from './version.ts';
import { createViewCommand } from './view.ts';

// Whoever reads only the first lines, as `head` does, has what they wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

function createProgram(): Command {
  const program = new Command('sotto')
    .description('Train machine-learning models on data that must stay where it is.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(see sotto --help)')
    .addCommand(createRunCommand())
    .addCommand(createTrainCommand())
    .addCommand(createModelCommand())
    .addCommand(createViewCommand())
    .addCommand(createServeCommand())
    .addCommand(createJoinCommand())
    .addCommand(createKeysCommand())
    .addCommand(createInitCommand())
    .addCommand(createExportCommand())
    .addCommand(createMpcCommand())
    .addCommand(createHomomorphicCommand())
    .addCommand(createPartyCommand());
  program.addCommand(createPrivacyCommand()).addCommand(createSecaggCommand());
  program.addCommand(createEvaluateCommand()).addCommand(createPredictCommand());
  program.addCommand(createServeModelCommand());
  program.addCommand(createPrepareCommand()).addCommand(createPiiCommand());
  program.addCommand(createAttestCommand());
  program.addCommand(createCardCommand());
  program.addCommand(createLineageCommand());
  program.addCommand(createLogCommand());
  program.addCommand(createVerifyCommand());
  program.addCommand(createPackageCommand()).addCommand(createOpenCommand()).addCommand(createKeystoreCommand());
  for (const command of createOperateCommands()) program.addCommand(command);
  return program;
}

try {
  const program = createProgram();
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.exitCode = exitCodeOf(error);
    if (error instanceof SottoError) console.error(error.message);
    else console.error('sotto failed, and this is a defect of sotto:', error);
  }
}
